import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { signToken } from '../src/cli/client.ts';
import { secrets } from '../src/config/database.ts';
import { connect, type Db } from '../src/database/connection.ts';
import { createCipher } from '../src/ground/cipher.ts';
import { createLog } from '../src/ground/log.ts';
import { registerUser } from '../src/tenant/user/store.ts';
import { unexpectedEnds } from './child-process.ts';
import { every, everyMilliseconds, type Sent } from './every.ts';
import type { Harness } from './harness.ts';
import { addTenant, openAccount, openInstallation } from './installation.ts';
import { closedLoop, describeRefusals, Requests, type Tally, Wire } from './load.ts';
import type { SandboxClient } from './sandbox-client.ts';
import { type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const floodConnections = 64;
/** Of another service’s message; of a sign-in code, for which somebody waits. */
const mostMilliseconds = { single: 2000, code: 1000 } as const;
const patienceMilliseconds = 120_000;

/**
 * One service floods the API with texts as fast as they are accepted. Until the provider has them all, another service
 * sends one text every 250 ms through the same API, and the platform sends a sign-in code as often. Measures how long
 * each of these takes from its 201 to the provider.
 */
export const fairness: Scenario = {
  name: 'fairness',
  summary: 'how long one message of another service, and a sign-in code, wait while one service floods',
  run: measureFairness,
};

async function measureFairness(harness: Harness, settings: Settings): Promise<Outcome> {
  const flood = settings.messages ?? 100_000;
  const { databaseUrl, client, provider, api, worker } = await openInstallation(harness);
  const flooding = new Requests(await openAccount(harness, client), 0);
  const { sendSingle, sendCode } = await openOthers(harness, databaseUrl, api.url, provider.client);

  // The first of each is not measured: its code has yet to be loaded and compiled.
  const first = await Promise.all([sendSingle(), sendCode()]);
  await Promise.all(first.map(({ arrival }) => arrival));
  const startedAt = Date.now();
  let isOver = false;
  let others = first.length;
  const counted = (send: () => Promise<Sent>) => () => {
    others += 1;
    return send();
  };
  const [tally, singles, codes] = await Promise.all([
    sendFlood(provider.client, api.url, flooding, flood, () => others).finally(() => {
      isOver = true;
    }),
    every(counted(sendSingle), () => isOver),
    every(counted(sendCode), () => isOver),
  ]);
  const seconds = (Date.now() - startedAt) / 1000;

  const faults = [
    ...describeRefusals('API', tally),
    ...unexpectedEnds([api.child, worker.child, provider.child]),
  ];
  for (const [who, latencies, most] of [
    ['a single message of another service', singles, mostMilliseconds.single],
    ['a sign-in code', codes, mostMilliseconds.code],
  ] as const)
    if (!(latencies.at(-1)! <= most))
      faults.push(`Behind the flood, ${who} took longer than ${most} ms to reach the provider`);
  return {
    faults,
    figures: [
      {
        key: 'flood_per_second',
        meaning: `API to the provider, ${flood} messages of one service`,
        value: tally.accepted / seconds,
        unit: '/s',
      },
      ...figuresOf(
        'single',
        '201 to the provider, another service’s message',
        singles,
        mostMilliseconds.single,
      ),
      ...figuresOf('code', 'request to the provider, a sign-in code', codes, mostMilliseconds.code),
    ],
  };
}

function figuresOf(key: string, what: string, latencies: Float64Array, most: number): Outcome['figures'] {
  const meaning = (part: string) => `${what}, ${part}`;
  return [
    { key: `${key}_p50_ms`, meaning: meaning('p50'), value: quantile(latencies, 0.5), unit: 'ms' },
    { key: `${key}_p95_ms`, meaning: meaning('p95'), value: quantile(latencies, 0.95), unit: 'ms' },
    {
      key: `${key}_max_ms`,
      meaning: meaning(`the slowest of ${latencies.length}`),
      value: quantile(latencies, 1),
      unit: 'ms',
      target: { atMost: most },
    },
  ];
}

/** Senders that must not wait behind the flood: each function sends one message, and resolves once it is accepted. */
async function openOthers(
  harness: Harness,
  databaseUrl: string,
  api: string,
  provider: SandboxClient,
): Promise<{ sendSingle: () => Promise<Sent>; sendCode: () => Promise<Sent> }> {
  const log = createLog('warn');
  const connection = connect(databaseUrl, 4, log);
  harness.onEnd(() => connection.close());
  const cipher = createCipher([harness.secretKey], secrets.salt.reader.fallback);
  const requests = new Requests(await addTenant(connection.db, cipher), 0);
  const wire = await Wire.open(api);
  harness.onEnd(async () => wire.close());
  return {
    async sendSingle() {
      const { status, body } = await wire.send(requests.take());
      if (status !== 201) throw new Error(`A single message was answered ${status} ${body}`);
      const { id } = JSON.parse(body.toString()) as { id: string };
      return { since: Date.now(), arrival: provider.arrival({ reference: id }, patienceMilliseconds) };
    },
    sendCode: createSignInCodes(harness, connection.db, api, provider),
  };
}

/** Sends the flood and waits until the provider has all of it; `others()` were sent alongside. */
async function sendFlood(
  provider: SandboxClient,
  url: string,
  requests: Requests,
  messages: number,
  others: () => number,
): Promise<Tally> {
  let left = messages;
  const tally = await closedLoop({ url, requests, connections: floodConnections }, () => left-- > 0);
  let most = 0;
  let movedAt = performance.now();
  for (;;) {
    const { distinct } = await provider.counts();
    if (distinct >= tally.accepted + others()) return tally;
    if (distinct > most) movedAt = performance.now();
    most = distinct;
    if (performance.now() - movedAt > patienceMilliseconds)
      throw new Error(`Of ${tally.accepted} messages only ${distinct} reached the provider.`);
    await sleep(everyMilliseconds);
  }
}

/**
 * Asks for a sign-in code as the web pages do: each for a person of its own, since nobody may have many at a time. The
 * flood must not delay the request either, so the time counts from its beginning.
 */
function createSignInCodes({ dataDir }: Harness, db: Db, api: string, provider: SandboxClient) {
  const { issuer, secret } = readCredentials(dataDir)!.admin;
  let people = 0;
  return async (): Promise<Sent> => {
    people += 1;
    const number = `07700${900_000 + people}`;
    const id = randomUUID();
    await registerUser(
      db,
      {
        ...{ id, name: 'Rowan', emailAddress: `${id}@example.com`, mobileNumber: number },
        ...{ authType: 'sms_auth', state: 'active', failedLoginCount: 0, loggedInAt: null },
        passwordHash: 'of no password',
      },
      new Date(),
    );
    const since = Date.now();
    const answer = await fetch(`${api}/user/${id}/sms-code`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${signToken(issuer, secret)}` },
    });
    if (answer.status !== 204)
      throw new Error(`A sign-in code was answered ${answer.status} ${await answer.text()}`);
    return { since, arrival: provider.arrival({ to: `44${number.slice(1)}` }, patienceMilliseconds) };
  };
}
