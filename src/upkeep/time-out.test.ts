import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { keptLog, type StoredMessage, storeMessages } from '../../test/support/messages.ts';
import { openTestQueues } from '../../test/support/queues.ts';
import { createWorld, type World } from '../../test/support/world.ts';
import { createMetrics } from '../ground/metrics.ts';
import type { CallbackQueue } from '../message/callback/enqueue.ts';
import { createTimeOut } from './time-out.ts';

const hour = 3_600_000;
const now = Date.parse('2026-11-21T03:00:00.000Z');
const timeoutSeconds = 259_200;
const old = now - 72 * hour - 1;

describe('time-out of unconfirmed messages', () => {
  let world: World;
  let opened: Awaited<ReturnType<typeof openTestQueues>>;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    opened = await openTestQueues(world);
  });
  after(async () => {
    await opened.stop();
    await world.stop();
  });
  beforeEach(async () => {
    await world.connection.pool.query('delete from notification_history');
  });

  const store = (messages: readonly StoredMessage[]) => storeMessages(world, world.tenant, messages);
  async function run({
    lastRun = null,
    batch = 10_000,
    deliveryStatuses = async () => {},
    at = now,
  }: Partial<{
    lastRun: number | null;
    batch: number;
    deliveryStatuses: CallbackQueue['deliveryStatuses'];
    at: number;
  }> = {}) {
    const { log, lines } = keptLog();
    const timeOut = createTimeOut({
      db: world.connection.db,
      queues: opened.queues,
      clock: { now: () => at },
      log,
      metrics: createMetrics(null, log),
      timeoutSeconds,
      callbacks: { deliveryStatuses },
      batch,
    });
    const given = {
      lastRun: lastRun === null ? null : new Date(lastRun),
      signal: new AbortController().signal,
    };
    return { count: await timeOut(given), lines: lines.map(({ message }) => message) };
  }
  async function read(ids: readonly string[]) {
    const { rows } = await world.connection.pool.query<{
      id: string;
      status: string;
      updated_at: Date | null;
    }>('select id, status, updated_at from notification_history where id = any($1)', [ids]);
    return ids.map((id) => {
      const { status, updated_at } = rows.find((row) => row.id === id)!;
      return [status, updated_at?.getTime() ?? null];
    });
  }

  test('messages are left at exactly 72 hours, and a millisecond later fail according to their status', async () => {
    const statuses = [
      ...(['created', 'sending', 'pending', 'sent', 'delivered', 'temporary-failure'] as const),
      ...(['permanent-failure', 'technical-failure', 'validation-failed', 'cancelled'] as const),
    ];
    const young = await store(statuses.map((status) => ({ status, createdAt: now - 72 * hour })));
    const aged = await store(statuses.map((status) => ({ status, createdAt: old })));
    assert.equal((await run()).count, 3);
    assert.deepEqual(
      await read(young),
      statuses.map((status) => [status, null]),
    );
    assert.deepEqual(await read(aged), [
      ['technical-failure', now],
      ['temporary-failure', now],
      ['temporary-failure', now],
      ...statuses.slice(3).map((status) => [status, null]),
    ]);
    assert.equal((await run()).count, 0, 'each message times out once');
  });

  test('messages of every type and key time out, and their number is logged if there were any', async () => {
    const ids = await store([
      { status: 'sending', createdAt: old, type: 'email' },
      { status: 'sending', createdAt: old, keyType: 'test' },
      { status: 'created', createdAt: old, keyType: 'team', type: 'email' },
      { status: 'sending', createdAt: now },
    ]);
    assert.deepEqual((await run()).lines, [
      'Timeout period reached for 3 notifications, status has been updated.',
    ]);
    assert.deepEqual(
      (await read(ids)).map(([status]) => status),
      ['temporary-failure', 'temporary-failure', 'technical-failure', 'sending'],
    );
    assert.deepEqual((await run()).lines, []);
  });

  test('callbacks are queued for exactly the messages that timed out, in the transaction of their batch', async () => {
    const ids = await store([
      ...Array.from({ length: 7 }, (_, index) => ({ status: 'sending', createdAt: old - index }) as const),
      { status: 'delivered', createdAt: old },
      { status: 'sending', createdAt: now },
    ]);
    const changed = ids.slice(0, 7).toSorted();
    const batches: string[][] = [];
    const { count } = await run({
      batch: 3,
      deliveryStatuses: async ({ trx }, of) => {
        batches.push(of.map(({ id }) => id));
        const rows = await trx
          .selectFrom('notification_history')
          .select(['status', 'service_id'])
          .where('id', 'in', batches.at(-1)!)
          .execute();
        assert.ok(rows.every(({ status }) => status === 'temporary-failure'));
        assert.deepEqual(
          rows.map(({ service_id }) => service_id),
          of.map(({ serviceId }) => serviceId),
        );
      },
    });
    assert.equal(count, 7);
    assert.deepEqual(batches, [changed.slice(0, 3), changed.slice(3, 6), changed.slice(6)]);
  });

  test('if a callback cannot be queued, its batch stays unchanged until the next run', async () => {
    const ids = await store([
      { status: 'sending', createdAt: old - 1 },
      { status: 'sending', createdAt: old },
    ]);
    let calls = 0;
    const failing = run({
      batch: 1,
      deliveryStatuses: async () => {
        calls += 1;
        if (calls === 2) throw new Error('no room');
      },
    });
    await assert.rejects(failing, /no room/);
    assert.deepEqual(await read(ids), [
      ['temporary-failure', now],
      ['sending', null],
    ]);
    assert.equal((await run()).count, 1);
  });

  test('the first time-out run covers everything; each later one finds all that timed out since the last', async () => {
    const ancient = await store([{ status: 'sending', createdAt: now - 100 * 24 * hour }]);
    assert.equal((await run({ lastRun: now - 24 * hour })).count, 0, 'older than the span');
    assert.equal((await run()).count, 1);
    assert.deepEqual(await read(ancient), [['temporary-failure', now]]);

    const day = 24 * hour;
    const since = await store(
      [0, 1, 6, 12, 23, 24].map((hours) => ({ status: 'sending', createdAt: old - hours * hour }) as const),
    );
    assert.equal((await run({ lastRun: now - day, at: now })).count, since.length);
  });

  test('the age of a scheduled message counts from its scheduled time', async () => {
    const [due, waited] = await store([
      { status: 'sending', createdAt: now - 8 * 24 * hour, scheduledFor: now - 72 * hour },
      { status: 'sending', createdAt: now - 10 * 24 * hour, scheduledFor: old },
    ]);
    assert.equal((await run({ lastRun: now - 24 * hour })).count, 1);
    assert.deepEqual(await read([due!, waited!]), [
      ['sending', null],
      ['temporary-failure', now],
    ]);
  });

  test('a message parked in `accepted` does not time out', async () => {
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await world.connection.pool.query('update accepted set due_at = null, created_at = $1', [new Date(old)]);
    assert.equal((await run({ at: Date.now() + 100 * hour })).count, 0);
    assert.equal((await world.client.getNotificationById(data.id)).data.status, 'created');
  });

  test('an aborted time-out run stops between two batches', async () => {
    await store(Array.from({ length: 3 }, () => ({ status: 'sending', createdAt: old }) as const));
    const stopping = new AbortController();
    const { log } = keptLog();
    const timeOut = createTimeOut({
      db: world.connection.db,
      queues: opened.queues,
      clock: { now: () => now },
      log,
      metrics: createMetrics(null, log),
      timeoutSeconds,
      callbacks: {
        deliveryStatuses: async () => {
          stopping.abort();
        },
      },
      batch: 1,
    });
    assert.equal(await timeOut({ lastRun: null, signal: stopping.signal }), 1);
  });
});
