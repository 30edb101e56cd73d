import { setTimeout as sleep } from 'node:timers/promises';
import { variables } from '../src/config/config.ts';
import { connect } from '../src/database/connection.ts';
import { createListener } from '../src/database/listener.ts';
import { createCipher } from '../src/ground/cipher.ts';
import { systemClock } from '../src/ground/clock.ts';
import { createLog } from '../src/ground/log.ts';
import { createAccepting } from '../src/message/submission/accept-batch.ts';
import { openQueues } from '../src/queue/boss.ts';
import { unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { openInstallation } from './installation.ts';
import { closedLoop, describeRefusals, type Tally } from './load.ts';
import { quantile } from './quantile.ts';
import { Requests } from './requests.ts';
import type { SandboxClient } from './sandbox-client.ts';
import type { Outcome, Scenario, Settings } from './scenario.ts';
import { openAccount } from './server.ts';
import { createSignInCodes } from './sign-in-code.ts';
import { addTenant } from './tenant.ts';
import { Wire } from './wire.ts';

const floodConnections = 64;
const everyMilliseconds = 250;
/** Also in a run so short that the flood is gone before. */
const leastSingles = 8;
const mostMilliseconds = 2000;
const patienceMilliseconds = 120_000;

/**
 * One service floods the API with texts as fast as they are accepted; meanwhile, until the provider has them all, another
 * service sends one text every 250 ms through the same API, and as often the platform sends a sign-in code. How long each
 * of these takes from its 201 to the provider.
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
  const { sendSingle, sendCode } = await openOthers(harness, databaseUrl, api.url);

  const startedAt = Date.now();
  let isOver = false;
  let others = 0;
  const counted = (send: () => Promise<string>) => () => {
    others += 1;
    return send();
  };
  const [tally, singles, codes] = await Promise.all([
    sendFlood(provider.client, api.url, flooding, flood, () => others).finally(() => {
      isOver = true;
    }),
    every(provider.client, counted(sendSingle), () => isOver),
    every(provider.client, counted(sendCode), () => isOver),
  ]);
  const seconds = (Date.now() - startedAt) / 1000;

  const faults = [
    ...describeRefusals('API', tally),
    ...unexpectedEnds([api.child, worker.child, provider.child]),
  ];
  for (const [who, latencies] of [
    ['a single message of another service', singles],
    ['a sign-in code', codes],
  ] as const)
    if (!(latencies.at(-1)! <= mostMilliseconds))
      faults.push(`Behind the flood, ${who} took longer than ${mostMilliseconds} ms to the provider`);
  return {
    faults,
    figures: [
      {
        key: 'flood_per_second',
        meaning: `API to the provider, ${flood} messages of one service`,
        value: tally.accepted / seconds,
        unit: '/s',
      },
      ...figuresOf('single', 'another service’s message', singles, mostMilliseconds),
      ...figuresOf('code', 'a sign-in code', codes, mostMilliseconds),
    ],
  };
}

function figuresOf(key: string, who: string, latencies: Float64Array, most: number): Outcome['figures'] {
  const meaning = (what: string) => `201 to the provider, ${who}, ${what}`;
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

/** Those who must not wait; each sends one message and answers its id once it is accepted. */
async function openOthers(
  harness: Harness,
  databaseUrl: string,
  api: string,
): Promise<{ sendSingle: () => Promise<string>; sendCode: () => Promise<string> }> {
  const log = createLog('warn');
  const connection = connect(databaseUrl, 4, log);
  harness.onEnd(() => connection.close());
  const listener = createListener(databaseUrl, log);
  harness.onEnd(() => listener.stop());
  const queues = await openQueues(connection, listener, { prefix: '', supervise: false, log });
  harness.onEnd(() => queues.stop());
  const cipher = createCipher([harness.secretKey], variables.salt.reader.standard);
  const requests = new Requests(await addTenant(connection.db, cipher), 0);
  const wire = await Wire.open(api);
  harness.onEnd(async () => wire.close());
  const accepting = createAccepting({
    db: connection.db,
    pool: connection.pool,
    clock: systemClock,
    queues,
  });
  return {
    async sendSingle() {
      const { status, body } = await wire.send(requests.take());
      if (status !== 201) throw new Error(`A single message was answered ${status} ${body}`);
      return (JSON.parse(body.toString()) as { id: string }).id;
    },
    sendCode: createSignInCodes(cipher, accepting),
  };
}

/** Sends the flood and waits until the provider has all of it; `others` were sent beside it. */
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

/** One after another at fixed times, without waiting for the last: milliseconds to the provider, the shortest first. */
async function every(
  provider: SandboxClient,
  send: () => Promise<string>,
  isOver: () => boolean,
): Promise<Float64Array> {
  const started = performance.now();
  const latencies: Promise<number>[] = [];
  while (!isOver() || latencies.length < leastSingles) {
    const early = started + latencies.length * everyMilliseconds - performance.now();
    if (early > 0) await sleep(early);
    const id = await send();
    const answeredAt = Date.now();
    latencies.push(
      // It may arrive before the answer has been read.
      provider.arrival(id, patienceMilliseconds).then((arrivedAt) => Math.max(0.1, arrivedAt - answeredAt)),
    );
  }
  return new Float64Array(await Promise.all(latencies)).sort();
}
