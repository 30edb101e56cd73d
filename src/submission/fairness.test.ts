import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { freshDatabase } from '../../test/world.ts';
import { systemClock } from '../clock.ts';
import { type Connection, connect } from '../database/connection.ts';
import { createListener, type Listener } from '../database/listener.ts';
import { migrate } from '../database/migrate.ts';
import { ensurePartitions } from '../database/partitions.ts';
import { priorities } from '../delivery/queue.ts';
import { createIdSource } from '../identifier.ts';
import { createLog } from '../log.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { openQueues, type Queues } from '../queue/boss.ts';
import type { QueueName } from '../queue/names.ts';
import { platformServiceId } from '../service/service.ts';
import { acceptBatch, type Submission } from './accept-statement.ts';
import { queueDeliveries } from './persist.ts';
import { moveAccepted } from './store.ts';
import { createVolumes, type Volumes } from './volume.ts';

const log = createLog('silent');
const newId = createIdSource(systemClock);
const lot = 500;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let connection: Connection;
let listener: Listener;
let queues: Queues;
let metrics: Metrics;

before(async () => {
  database = await freshDatabase();
  connection = connect(database.url, 6, log);
  await migrate(connection.db, log);
  await ensurePartitions(connection.db, systemClock.now() - 86_400_000, systemClock.now() + 86_400_000);
  listener = createListener(connection.url, log);
  queues = await openQueues(connection, listener, { prefix: '', supervise: false, log });
  metrics = createMetrics(null, log);
});
after(async () => {
  await queues.stop();
  await listener.stop();
  await metrics.stop();
  await connection.close();
  await database.drop();
});

function submission(
  serviceId: string,
  { queue = 'send-sms', priority = priorities.api as number, dueAt = null as Date | null } = {},
): Submission {
  const message = {
    id: newId(),
    serviceId,
    type: 'sms' as const,
    templateId: randomUUID(),
    templateVersion: 1,
    jobId: null,
    jobRowNumber: null,
    apiKeyId: null,
    keyType: 'normal' as const,
    createdAt: new Date(systemClock.now()),
    clientReference: null,
    scheduledFor: dueAt,
    international: false,
    phonePrefix: '44',
    rateMultiplier: 1,
    recipient: '07700900123',
    normalisedRecipient: '447700900123',
    personalisation: Buffer.from('sealed'),
    replyToText: null,
    unsubscribeUrl: null,
    queue: queue as QueueName,
    priority,
    requestId: null,
  };
  return {
    serviceId,
    keyType: 'normal',
    rateLimit: 12_000_000,
    message,
    dailyLimit: 2_000_000_000,
    internationalLimit: null,
    idempotency: null,
  };
}

/** Accepts them in this order, a batch at a time, as the API does. Answers their ids. */
async function accept(submissions: readonly Submission[]): Promise<string[]> {
  for (let from = 0; from < submissions.length; from += lot) {
    // The bucket is refilled at full rate, whatever the test takes from it.
    await connection.pool.query('delete from rate_buckets');
    const batch = submissions.slice(from, from + lot);
    const admitted = await acceptBatch(
      connection.pool,
      batch,
      new Date(systemClock.now() - 1000),
      '2026-11-21',
    );
    assert.deepEqual(
      admitted.filter(({ verdict }) => verdict !== 'accepted'),
      [],
    );
  }
  return submissions.map(({ message }) => message!.id);
}

/** One lot, as the persisting worker moves it. Answers the ids that were stored, and whether there is more. */
async function moveLot(volumes: Volumes): Promise<{ ids: Set<string>; more: boolean }> {
  return queues.transaction(async (trx, send) => {
    const moved = await moveAccepted({ metrics }, trx, 'sms', new Date(systemClock.now()), lot);
    await queueDeliveries('sms', moved.persisted, volumes, send);
    return { ids: new Set(moved.persisted.map(({ id }) => id)), more: moved.more };
  });
}

async function clear(): Promise<void> {
  await connection.pool.query('delete from accepted; delete from pgboss.job');
}

async function fetchIds(queue: QueueName, limit: number): Promise<string[]> {
  return (await queues.fetch(queue, limit)).map(({ id }) => id);
}

test('behind 5,000 messages of one service, a single one of another and a sign-in code are stored in the first lot and sent first', async () => {
  await clear();
  const flood = randomUUID();
  const floodIds = await accept(Array.from({ length: 5000 }, () => submission(flood)));
  const [single, code] = await accept([
    submission(randomUUID()),
    submission(platformServiceId, { queue: 'notify-internal', priority: priorities.priorityTemplate }),
  ]);

  const volumes = createVolumes(systemClock);
  const first = await moveLot(volumes);
  assert.ok(first.ids.has(single!) && first.ids.has(code!));
  assert.ok(first.more);
  assert.deepEqual(await fetchIds('send-sms', 1), [single]);
  assert.deepEqual(await fetchIds('notify-internal', 1), [code]);

  // Also one that comes while the flood is being stored and sent.
  await moveLot(volumes);
  const [later] = await accept([submission(randomUUID())]);
  assert.ok((await moveLot(volumes)).ids.has(later!));
  assert.deepEqual(await fetchIds('send-sms', 1), [later]);

  // The flood itself stays in order, lot by lot, and all of it comes.
  while ((await moveLot(volumes)).more);
  const sent = await fetchIds('send-sms', 5000);
  assert.deepEqual(sent.toSorted(), floodIds.toSorted());
  const places = new Map(floodIds.map((id, index) => [id, index]));
  const lots = sent.map((id) => Math.floor(places.get(id)! / lot));
  for (let index = 2 * lot; index < lots.length; index++)
    assert.ok(lots[index]! >= lots[index - 2 * lot]!, `place ${index}`);
});

test('one service alone gets full lots, oldest first, its urgent ones before', async () => {
  await clear();
  const service = randomUUID();
  const files = await accept(
    Array.from({ length: 300 }, () => submission(service, { priority: priorities.csv })),
  );
  const plain = await accept(Array.from({ length: 600 }, () => submission(service)));
  const urgent = await accept(
    Array.from({ length: 20 }, () => submission(service, { priority: priorities.priorityTemplate })),
  );
  const volumes = createVolumes(systemClock);
  const lots = [];
  for (;;) {
    const { ids, more } = await moveLot(volumes);
    lots.push([...ids].toSorted());
    if (!more) break;
  }
  assert.deepEqual(lots[0]!.length, lot);
  for (const id of urgent) assert.ok(lots[0]!.includes(id));
  assert.deepEqual(
    lots[0]!.filter((id) => plain.includes(id)),
    plain.slice(0, lots[0]!.length - urgent.length - lots[0]!.filter((id) => files.includes(id)).length),
  );
  assert.deepEqual(lots.flat().toSorted(), [...files, ...plain, ...urgent].toSorted());
});

test('many services share a lot; nothing due is left when there is no more, and what is not due stays', async () => {
  await clear();
  const services = Array.from({ length: 40 }, () => randomUUID());
  const tomorrow = new Date(systemClock.now() + 80_000_000);
  const due = await accept(
    services.flatMap((service, index) => Array.from({ length: 5 + index * 3 }, () => submission(service))),
  );
  const waiting = await accept(services.map((service) => submission(service, { dueAt: tomorrow })));
  const volumes = createVolumes(systemClock);
  const seen = new Set<string>();
  let rounds = 0;
  for (;;) {
    const { ids, more } = await moveLot(volumes);
    for (const id of ids) seen.add(id);
    rounds += 1;
    if (!more) break;
  }
  assert.deepEqual([...seen].toSorted(), due.toSorted());
  assert.ok(rounds <= 2 * Math.ceil(due.length / lot), `${rounds} lots for ${due.length} messages`);
  const { rows } = await connection.pool.query<{ id: string }>('select id from accepted order by id');
  assert.deepEqual(
    rows.map(({ id }) => id),
    waiting,
  );
});

test('two workers at once move different messages, each once', async () => {
  await clear();
  const ids = await accept(
    [randomUUID(), randomUUID(), randomUUID()].flatMap((service) =>
      Array.from({ length: 700 }, () => submission(service)),
    ),
  );
  const moved: string[] = [];
  const work = async () => {
    const volumes = createVolumes(systemClock);
    for (let idle = 0; idle < 20; ) {
      const lotMoved = await moveLot(volumes);
      moved.push(...lotMoved.ids);
      idle = lotMoved.ids.size === 0 ? idle + 1 : 0;
    }
  };
  await Promise.all([work(), work()]);
  assert.deepEqual(moved.toSorted(), ids.toSorted());
});
