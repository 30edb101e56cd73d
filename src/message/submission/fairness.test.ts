import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { freshDatabase } from '../../../test/support/database.ts';
import { type Connection, connect, createListener, type Listener } from '../../database/connection.ts';
import { migrate } from '../../database/migrate.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import { systemClock } from '../../ground/clock.ts';
import { createIdSource } from '../../ground/id.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics, type Metrics } from '../../ground/metrics.ts';
import type { QueueName } from '../../queue/define.ts';
import { openQueues, type Queues } from '../../queue/queues.ts';
import { platformServiceId } from '../../tenant/service/service.ts';
import { priorities } from '../delivery/queue.ts';
import { acceptBatch, type Submission } from './accept-batch.ts';
import { createFairOrder, mostBehind } from './fair-order.ts';
import { orderDue, persistAccepted } from './store.ts';

const log = createLog('silent');
const startedAt = systemClock.now();
const newId = createIdSource(systemClock);
const batchSize = 500;
/** The clock of acceptance is frozen: how far a flood falls behind must not depend on how fast the test runs. */
const frozen = { now: () => startedAt };
const order = createFairOrder(frozen);
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
  queues = await openQueues(connection, listener, { prefix: '', log });
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
    createdBy: null,
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

/** Accepts them in this order, a batch at a time, as the API does. Returns their ids. */
async function accept(submissions: readonly Submission[]): Promise<string[]> {
  for (let from = 0; from < submissions.length; from += batchSize) {
    // Start with a full bucket, so that the rate limit refuses nothing.
    await connection.pool.query('delete from rate_buckets');
    const batch = submissions.slice(from, from + batchSize);
    const results = await acceptBatch(connection.pool, batch, {
      behind: batch.map(({ serviceId, message }) =>
        message!.scheduledFor ? 0 : order.take(serviceId, message!.priority),
      ),
      now: new Date(startedAt - 1000),
      day: '2026-11-21',
    });
    assert.deepEqual(
      results.filter(({ verdict }) => verdict !== 'accepted'),
      [],
    );
  }
  return submissions.map(({ message }) => message!.id);
}

/** Persists one batch, as the worker does. Returns the stored ids, unordered, and whether there may be more. */
async function persistBatch(): Promise<{ ids: Set<string>; more: boolean }> {
  const { count, persisted } = await persistAccepted(
    { metrics, queuePrefix: '', clock: systemClock },
    connection.db,
    'sms',
    {
      limit: batchSize,
    },
  );
  return { ids: new Set(persisted.map(({ id }) => id)), more: count === batchSize };
}

async function clear(): Promise<void> {
  await connection.pool.query('delete from accepted; delete from tasks');
}

async function fetchIds(queue: QueueName, limit: number): Promise<string[]> {
  return (await queues.fetch(queue, limit)).map(({ id }) => id);
}

/**
 * Fetches all of a queue's tasks and asserts that they are the expected ones in the expected order. Tasks of one batch
 * with the same priority may come in any order, and so may tasks of one fetch, whose order depends on the query plan.
 */
async function assertFetchOrder(queue: QueueName, expected: readonly string[]): Promise<void> {
  const { rows } = await connection.pool.query<{ id: string; place: number }>(
    `select id, (dense_rank() over (order by priority desc, due_at))::int as place
     from tasks where queue = $1 and state in ('ready', 'waiting')`,
    [queue],
  );
  const placeOf = new Map(rows.map(({ id, place }) => [id, place]));
  assert.deepEqual(new Set(placeOf.keys()), new Set(expected));
  const places = expected.map((id) => placeOf.get(id)!);
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
    'queued in another order',
  );
  const fetched: number[] = [];
  for (let ids = await fetchIds(queue, 50); ids.length > 0; ids = await fetchIds(queue, 50))
    fetched.push(...ids.map((id) => placeOf.get(id)!).sort((a, b) => a - b));
  assert.deepEqual(fetched, places, 'fetched in another order');
}

test('a single message and a sign-in code accepted after a flood of 5,000 are stored in the first batch and sent first', async () => {
  await clear();
  const flood = randomUUID();
  const floodIds = await accept(Array.from({ length: 5000 }, () => submission(flood)));
  const [single, code] = await accept([
    submission(randomUUID()),
    submission(platformServiceId, { queue: 'notify-internal', priority: priorities.priorityTemplate }),
  ]);

  const first = await persistBatch();
  assert.ok(first.ids.has(single!) && first.ids.has(code!));
  assert.ok(first.more);
  assert.deepEqual(await fetchIds('notify-internal', 1), [code]);
  // Only messages less than a second behind go before it: the flood's first hundred, and some slack.
  const early = await fetchIds('send-sms', 300);
  assert.ok(early.includes(single!));

  // The same holds for a message accepted while the flood is being stored and sent.
  await persistBatch();
  const [later] = await accept([submission(randomUUID())]);
  assert.ok((await persistBatch()).ids.has(later!));
  assert.deepEqual(await fetchIds('send-sms', 1), [later]);

  // The flood itself stays in order and complete.
  while ((await persistBatch()).more);
  await assertFetchOrder(
    'send-sms',
    floodIds.filter((id) => !early.includes(id)),
  );
});

test('a lone service fills its batches: urgent messages come first, and each priority stays in order', async () => {
  await clear();
  const service = randomUUID();
  const files = await accept(
    Array.from({ length: 300 }, () => submission(service, { priority: priorities.csv })),
  );
  const plain = await accept(Array.from({ length: 600 }, () => submission(service)));
  const urgent = await accept(
    Array.from({ length: 20 }, () => submission(service, { priority: priorities.priorityTemplate })),
  );
  const batches: Set<string>[] = [];
  for (let more = true; more; ) {
    const moved = await persistBatch();
    batches.push(moved.ids);
    more = moved.more;
  }
  assert.deepEqual(
    batches.map(({ size }) => size),
    [500, 420],
  );
  for (const id of urgent) assert.ok(batches[0]!.has(id));
  for (const one of [files, plain]) {
    const early = one.filter((id) => batches[0]!.has(id));
    assert.deepEqual(early, one.slice(0, early.length));
  }
  await assertFetchOrder('send-sms', [...urgent, ...plain, ...files]);
});

test('a scheduled message stays untouched until it is due, and is then spaced like a new one', async () => {
  await clear();
  const now = systemClock.now();
  const flood = randomUUID();
  const due = await accept(
    Array.from({ length: 300 }, () => submission(flood, { dueAt: new Date(now - 1000) })),
  );
  const waiting = await accept([submission(flood, { dueAt: new Date(now + 80_000_000) })]);
  assert.deepEqual((await persistBatch()).ids, new Set());

  assert.equal((await orderDue(connection.db, 'sms', new Date(now), 1000)).count, 300);
  const [single] = await accept([submission(randomUUID())]);
  const { ids } = await persistBatch();
  assert.deepEqual(ids, new Set([...due, single]));
  const first = await fetchIds('send-sms', 110);
  assert.ok(first.includes(single!));
  await assertFetchOrder(
    'send-sms',
    due.filter((id) => !first.includes(id)),
  );

  assert.deepEqual(await orderDue(connection.db, 'sms', new Date(now), 1000), {
    count: 0,
    next: new Date(now + 80_000_000),
  });
  assert.equal((await orderDue(connection.db, 'email', new Date(now), 1000)).next, null);
  const { rows } = await connection.pool.query('select id, turn_at, behind from accepted');
  assert.deepEqual(rows, [{ id: waiting[0], turn_at: null, behind: 0 }]);
});

test('a message that is as far behind as possible stays within its priority range', async () => {
  await clear();
  const [id] = await accept([submission(randomUUID())]);
  await connection.pool.query('update accepted set behind = $1', [mostBehind]);
  await persistBatch();
  const { rows } = await connection.pool.query<{ priority: number }>('select priority from tasks');
  assert.deepEqual(rows, [{ priority: 10_000 - 999 }], id);
});

test('two concurrent workers persist every message exactly once', async () => {
  await clear();
  const ids = await accept(
    [randomUUID(), randomUUID(), randomUUID()].flatMap((service) =>
      Array.from({ length: 700 }, () => submission(service)),
    ),
  );
  const moved: string[] = [];
  const work = async () => {
    for (let idle = 0; idle < 20; ) {
      const batch = await persistBatch();
      moved.push(...batch.ids);
      idle = batch.ids.size === 0 ? idle + 1 : 0;
    }
  };
  await Promise.all([work(), work()]);
  assert.deepEqual(moved.toSorted(), ids.toSorted());
});
