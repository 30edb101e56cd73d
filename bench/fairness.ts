import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { platformTemplates } from '../src/bootstrap/platform-service.ts';
import { secrets } from '../src/config/database.ts';
import { connect } from '../src/database/connection.ts';
import { createListener } from '../src/database/listener.ts';
import type { Batcher } from '../src/ground/batcher.ts';
import { type Cipher, createCipher } from '../src/ground/cipher.ts';
import { systemClock } from '../src/ground/clock.ts';
import { createIdSource } from '../src/ground/id.ts';
import { createLog } from '../src/ground/log.ts';
import { createMetrics } from '../src/ground/metrics.ts';
import { notifyInternal, priorities } from '../src/message/delivery/queue.ts';
import {
  type AcceptResult,
  createAcceptBatcher,
  type Submission,
} from '../src/message/submission/accept-batch.ts';
import { createFairOrder } from '../src/message/submission/fair-order.ts';
import { openQueues } from '../src/queue/boss.ts';
import { platformServiceId } from '../src/tenant/service/service.ts';
import { unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { addTenant, openAccount, openInstallation } from './installation.ts';
import { closedLoop, describeRefusals, Requests, type Tally, Wire } from './load.ts';
import type { SandboxClient } from './sandbox-client.ts';
import { type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const floodConnections = 64;
const everyMilliseconds = 250;
/** Sent even if the run is so short that the flood is over. */
const minSingles = 8;
const maxMilliseconds = 2000;
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
    if (!(latencies.at(-1)! <= maxMilliseconds))
      faults.push(`Behind the flood, ${who} took longer than ${maxMilliseconds} ms to reach the provider`);
  return {
    faults,
    figures: [
      {
        key: 'flood_per_second',
        meaning: `API to the provider, ${flood} messages of one service`,
        value: tally.accepted / seconds,
        unit: '/s',
      },
      ...figuresOf('single', 'another service’s message', singles, maxMilliseconds),
      ...figuresOf('code', 'a sign-in code', codes, maxMilliseconds),
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

/**
 * Senders that must not wait behind the flood: each function sends one message and returns its id once it is accepted.
 */
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
  const cipher = createCipher([harness.secretKey], secrets.salt.reader.fallback);
  const requests = new Requests(await addTenant(connection.db, cipher), 0);
  const wire = await Wire.open(api);
  harness.onEnd(async () => wire.close());
  const acceptance = createAcceptBatcher({
    db: connection.db,
    pool: connection.pool,
    clock: systemClock,
    fairOrder: createFairOrder(systemClock),
    metrics: createMetrics(null, log),
    queues,
  });
  return {
    async sendSingle() {
      const { status, body } = await wire.send(requests.take());
      if (status !== 201) throw new Error(`A single message was answered ${status} ${body}`);
      return (JSON.parse(body.toString()) as { id: string }).id;
    },
    sendCode: createSignInCodes(cipher, acceptance),
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

/** Sends at fixed times, without waiting for the previous message; returns milliseconds to the provider, sorted. */
async function every(
  provider: SandboxClient,
  send: () => Promise<string>,
  isOver: () => boolean,
): Promise<Float64Array> {
  const started = performance.now();
  const latencies: Promise<number>[] = [];
  while (!isOver() || latencies.length < minSingles) {
    const early = started + latencies.length * everyMilliseconds - performance.now();
    if (early > 0) await sleep(early);
    const id = await send();
    const answeredAt = Date.now();
    latencies.push(
      // It may arrive before its answer has been read.
      provider.arrival(id, patienceMilliseconds).then((arrivedAt) => Math.max(0.1, arrivedAt - answeredAt)),
    );
  }
  return new Float64Array(await Promise.all(latencies)).sort();
}

const template = platformTemplates.find(({ name }) => name === 'Sign-in code')!;

/** Accepts a sign-in code as the platform does for its own messages; returns its id once it is committed. */
export function createSignInCodes(
  cipher: Cipher,
  acceptance: Batcher<Submission, AcceptResult>,
): () => Promise<string> {
  const newId = createIdSource(systemClock);
  return async () => {
    const id = newId();
    const recipient = '07700900123';
    const { verdict } = await acceptance.add({
      ...{ serviceId: platformServiceId, keyType: 'normal', rateLimit: 12_000_000 },
      ...{ dailyLimit: null, internationalLimit: null, idempotency: null },
      message: {
        ...{ id, serviceId: platformServiceId, type: 'sms', keyType: 'normal', apiKeyId: null },
        ...{ templateId: template.id, templateVersion: 1, jobId: null, jobRowNumber: null },
        ...{
          createdAt: new Date(),
          scheduledFor: null,
          clientReference: null,
          requestId: null,
          createdBy: null,
        },
        ...{ international: false, phonePrefix: '44', rateMultiplier: 1, recipient },
        ...{ normalisedRecipient: '447700900123', replyToText: null, unsubscribeUrl: null },
        personalisation: cipher.seal(JSON.stringify({ verify_code: String(randomInt(10_000, 99_999)) }), id),
        queue: notifyInternal.name,
        priority: priorities.priorityTemplate,
      },
    });
    if (verdict !== 'accepted') throw new Error(`A sign-in code was not accepted: ${verdict}`);
    return id;
  };
}
