import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { keptLog, openWorldQueues, type StoredMessage, storeMessages } from '../../test/support/messages.ts';
import { createWorld, type World } from '../../test/support/world.ts';
import { createMetrics } from '../ground/metrics.ts';
import { priorities, researchMode, sendEmail, sendSms, taskPriority } from '../message/delivery/queue.ts';
import type { Queues } from '../queue/queues.ts';
import { createReplay } from './replay.ts';

const hour = 3_600_000;
const now = Date.parse('2026-11-21T12:15:00.000Z');

describe('replay of messages that are still created', () => {
  let world: World;
  let queues: Queues;
  let close: () => Promise<void>;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    ({ queues, close } = await openWorldQueues(world));
  });
  after(async () => {
    await close();
    await world.stop();
  });
  beforeEach(async () => {
    await world.connection.pool.query('delete from notification_history; delete from tasks');
  });

  const store = (messages: readonly StoredMessage[]) => storeMessages(world, world.tenant, messages);
  const stuck = async () => (await store([{ status: 'created', createdAt: now - 2 * hour }]))[0]!;
  const taskOf = (id: string) => ({ id, payload: { type: 'sms' as const } });

  async function run({ lastRun = null, batch = 10_000 }: { lastRun?: number | null; batch?: number } = {}) {
    const { log, lines } = keptLog();
    const replay = createReplay({
      db: world.connection.db,
      clock: { now: () => now },
      log,
      metrics: createMetrics(null, log),
      queues,
      batch,
    });
    const given = {
      lastRun: lastRun === null ? null : new Date(lastRun),
      signal: new AbortController().signal,
    };
    return { count: await replay(given), lines };
  }
  type Row = { id: string; queue: string; state: string; priority: number; payload: unknown };
  async function tasks(): Promise<Row[]> {
    const { rows } = await world.connection.pool.query<Row>(
      'select id, queue, state, priority, payload, due_at, holds from tasks order by id',
    );
    return rows;
  }

  test('messages still created after an hour without a task are queued again, each with a warning', async () => {
    const ids = await store([
      { status: 'created', createdAt: now - 2 * hour },
      { status: 'created', createdAt: now - 3 * hour, type: 'email' },
      { status: 'created', createdAt: now - 30 * hour, keyType: 'test' },
    ]);
    const { count, lines } = await run();
    assert.equal(count, 3);
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]).toSorted(),
      ids
        .map((id) => [
          'warn',
          `Notification ${id} is still created and in no queue: it is queued for delivery again`,
        ])
        .toSorted(),
    );
    const found = await tasks();
    const asApi = taskPriority(priorities.api, 0);
    assert.deepEqual(
      ids.map((id) => {
        const { queue, payload, priority, state } = found.find((task) => task.id === id)!;
        return [queue, payload, priority, state];
      }),
      [
        ['send-sms', { type: 'sms' }, asApi, 'ready'],
        ['send-email', { type: 'email' }, asApi, 'ready'],
        ['research-mode', { type: 'sms' }, asApi, 'ready'],
      ],
    );
    assert.deepEqual(await run(), { count: 0, lines: [] });
    assert.deepEqual(await tasks(), found);
  });

  test('only messages more than one hour and at most seven days old are replayed', async () => {
    const day = 24 * hour;
    const ages = [hour, hour + 1, 12 * hour, 13 * hour, 36 * hour, 7 * day, 7 * day + 1, 0];
    const ids = await store(ages.map((age) => ({ status: 'created', createdAt: now - age }) as const));
    await store(
      (['sending', 'pending', 'delivered', 'technical-failure', 'cancelled'] as const).map((status) => ({
        status,
        createdAt: now - 2 * hour,
      })),
    );
    assert.equal((await run({ batch: 2 })).count, 5);
    assert.deepEqual(
      (await tasks()).map(({ id }) => id),
      ids.slice(1, 6).toSorted(),
    );
  });

  test('a replay leaves a task alone that waits for a retry, is parked or is being worked on', async () => {
    const waiting = await stuck();
    const parked = await stuck();
    const active = await stuck();
    await queues.send(sendSms, [{ ...taskOf(waiting), startAfterSeconds: 300 }, taskOf(parked)]);
    const [held] = await queues.fetch('send-sms', 1);
    assert.equal(held?.id, parked);
    await queues.transaction(({ settle }) =>
      settle([{ queue: 'send-sms', held: held!, settlement: 'parked' }]),
    );
    await queues.send(sendSms, [taskOf(active)]);
    assert.equal((await queues.fetch('send-sms', 1))[0]?.id, active);
    const before = await tasks();
    assert.deepEqual(before.map(({ state }) => state).toSorted(), ['held', 'parked', 'waiting']);
    assert.deepEqual(await run(), { count: 0, lines: [] });
    assert.deepEqual(await tasks(), before);
    // Sending alone overwrites nothing either: a task whose id is in the queue is kept, whatever its state.
    await queues.send(sendSms, [waiting, parked, active].map(taskOf));
    assert.deepEqual(await tasks(), before);
  });

  test('a task in a queue other than the one the message would go to now also prevents a replay', async () => {
    const id = await stuck();
    await queues.send(researchMode, [taskOf(id)]);
    assert.equal((await run()).count, 0);
    const other = await stuck();
    await queues.send(sendEmail, [taskOf(other)]);
    assert.equal((await run()).count, 0);
  });

  test('a later replay of the day finds messages that have become an hour old since the last one', async () => {
    const quarter = hour / 4;
    const ids = await store([
      { status: 'created', createdAt: now - hour - 1 },
      { status: 'created', createdAt: now - hour - quarter },
    ]);
    assert.equal((await run({ lastRun: now - quarter })).count, ids.length);
  });

  test('replayed messages are delivered in the end', async (t) => {
    const lively = await createWorld({ roles: ['api', 'sandbox'] });
    t.after(() => lively.stop());
    const send = async () =>
      (
        await lively.client.sendSms(lively.tenant.templates.sms, '07700900123', {
          personalisation: { name: 'Rowan', time: '14:05' },
        })
      ).data.id;
    const replayed = await send();
    const byHand = await send();
    const persisting = await lively.startMore({ roles: ['worker'], queues: ['db-sms'] });
    const lost = () => lively.connection.pool.query('delete from tasks returning id');
    await lively.until(
      async () => (await lively.connection.pool.query('select id from tasks')).rowCount,
      (count) => count === 2,
    );
    await persisting.stop();
    assert.equal((await lost()).rowCount, 2);

    const deliver = (id: string) => lively.admin('POST', `/deliver/notification/${id}`);
    const { status, body } = await deliver(byHand);
    assert.deepEqual([status, body], [204, null]);
    const own = await openWorldQueues(lively);
    const { log } = keptLog();
    const replay = createReplay({
      db: lively.connection.db,
      clock: { now: () => Date.now() + 2 * hour },
      log,
      metrics: createMetrics(null, log),
      queues: own.queues,
    });
    assert.equal(await replay({ lastRun: null, signal: new AbortController().signal }), 1);
    await own.close();
    const worker = await lively.startMore({ roles: ['worker'] });
    t.after(() => worker.stop());
    await lively.drain();
    for (const id of [replayed, byHand])
      assert.equal((await lively.client.getNotificationById(id)).data.status, 'delivered');
    assert.equal((await deliver(byHand)).status, 204);
    assert.equal((await lost()).rowCount, 0, 'what is sent is not queued again');
  });
});
