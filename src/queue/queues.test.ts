import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { freshDatabase } from '../../test/support/database.ts';
import {
  type Connection,
  connect,
  createListener,
  type Listener,
  type Trx,
  writeConnections,
} from '../database/connection.ts';
import { migrate } from '../database/migrate.ts';
import { createLog } from '../ground/log.ts';
import { createMetrics } from '../ground/metrics.ts';
import { consume } from './consume.ts';
import { defineQueue } from './define.ts';
import { openQueues, type Queues } from './queues.ts';
import {
  extendHolds,
  firstHold,
  insertHeldBatchesOf,
  moveFormerTasks,
  readyTasks,
  settleTasks,
  takeTasks,
} from './store.ts';
import type { Settlement } from './tasks.ts';

const log = createLog('silent');
const queue = defineQueue('send-sms', Type.Object({ type: Type.String() }));
const payload = { type: 'sms' };

describe('tasks', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let connection: Connection;
  let listener: Listener;
  let queues: Queues;
  before(async () => {
    database = await freshDatabase();
    connection = connect(database.url, 4, log, writeConnections);
    await migrate(connection.db, log);
    listener = createListener(connection.url, log);
    queues = await openQueues(connection, listener, { prefix: '', log });
  });
  after(async () => {
    await queues.stop();
    await listener.stop();
    await connection.close();
    await database.drop();
  });
  beforeEach(async () => {
    await connection.pool.query('delete from tasks; delete from held_batches');
  });

  const fetch = (limit = 10) => queues.fetch('send-sms', limit);
  const settle = (held: Awaited<ReturnType<typeof fetch>>, settlement: Settlement) =>
    queues.transaction((transaction) =>
      transaction.settle(held.map((one) => ({ queue: 'send-sms', held: one, settlement }))),
    );
  /** Writes tasks as a batch that this process holds. */
  const hold = async (ids: readonly string[], requestId: string | null = null) => {
    const batch = { id: randomUUID(), open: new Set<string>() };
    await insertHeldBatchesOf(
      sql`select ${batch.id}::uuid, 'send-sms', id, 7, ${JSON.stringify(payload)}::jsonb, ${requestId}::text
        from unnest(${ids}::uuid[]) as t (id)`,
    ).execute(connection.db);
    return ids.map((id) =>
      firstHold({ id, payload, priority: 7, carried: requestId ?? undefined, known: undefined, batch }),
    );
  };
  const read = async () =>
    (
      await connection.pool.query(
        'select id, state, attempt, losses, waits_for, reason from tasks order by id',
      )
    ).rows;
  /** As if so much time had passed for tasks that are held or wait. */
  const pass = async (seconds: number) => {
    await connection.pool.query(
      `update tasks set due_at = due_at - $1 * interval '1 second' where state in ('held', 'waiting')`,
      [seconds],
    );
    return await readyTasks(connection.db, ['send-sms']);
  };
  const send = async (count: number, more: object = {}) => {
    const ids = Array.from({ length: count }, () => randomUUID()).toSorted();
    await queues.send(
      queue,
      ids.map((id) => ({ id, payload, ...more })),
    );
    return ids;
  };

  test('the most urgent come first, and of these the ones that are ready longest', async () => {
    const [late] = await send(1, { priority: 1 });
    const [first] = await send(1, { priority: 10 });
    const [second] = await send(1, { priority: 10 });
    assert.deepEqual(await fetch(1).then(([one]) => one?.id), first);
    assert.deepEqual(await fetch(1).then(([one]) => one?.id), second);
    assert.deepEqual(await fetch(1).then(([one]) => one?.id), late);
    assert.deepEqual(await fetch(), []);
  });

  test('a task goes to another worker once its holder is silent, who can then no longer settle it', async () => {
    const [id] = await send(1);
    const first = await fetch();
    assert.deepEqual(await pass(10), []);
    assert.deepEqual(await queues.heartbeat('send-sms', first), new Set([id]));
    // The heartbeat counts from now.
    assert.deepEqual(await pass(10), []);
    assert.deepEqual(await pass(10), ['send-sms']);
    const second = await fetch();
    assert.deepEqual([second[0]!.id, second[0]!.holds], [id, 2]);
    assert.deepEqual(await queues.heartbeat('send-sms', first), new Set());
    await settle(first, 'done');
    await settle(first, { retryAfterSeconds: 0 });
    assert.deepEqual(await read(), [
      { id, state: 'held', attempt: 0, losses: 1, waits_for: null, reason: null },
    ]);
    await settle(second, 'done');
    assert.deepEqual(await read(), []);
  });

  test('a holder that was thought to be lost may still finish its task until another takes it', async () => {
    await send(2);
    const held = await fetch();
    await pass(60);
    assert.deepEqual(
      (await read()).map(({ state }) => state),
      ['ready', 'ready'],
    );
    await settle([held[0]!], 'done');
    assert.deepEqual(await queues.heartbeat('send-sms', [held[1]!]), new Set([held[1]!.id]));
    assert.deepEqual(await fetch(), []);
  });

  test('a retry counts, a wait does not, and either can be made due early by what it waits for', async () => {
    const [id] = await send(1);
    await settle(await fetch(), { retryAfterSeconds: 300, waitsFor: 'sms' });
    assert.deepEqual(await read(), [
      { id, state: 'waiting', attempt: 1, losses: 0, waits_for: 'sms', reason: null },
    ]);
    assert.equal(await queues.makeDue(['send-sms'], 'email', null), 0);
    assert.equal(await queues.makeDue(['send-sms'], 'sms', null), 1);
    const [held] = await fetch();
    assert.ok(held!.earlySeconds > 290 && held!.earlySeconds <= 300, `${held!.earlySeconds}`);
    await settle([held!], { waitSeconds: 5 });
    assert.deepEqual(await pass(6), ['send-sms']);
    const [again] = await fetch();
    assert.deepEqual([again!.attempt, again!.earlySeconds], [1, 0]);
  });

  test('a task that ends its workers a thousand times is parked', async () => {
    const [id] = await send(1);
    await connection.pool.query('update tasks set losses = 998');
    for (const state of ['ready', 'parked']) {
      if (state === 'ready') await fetch();
      else assert.equal((await fetch()).length, 1);
      await pass(60);
      assert.equal((await read())[0].state, state);
    }
    assert.deepEqual(await read(), [
      { id, state: 'parked', attempt: 0, losses: 1000, waits_for: null, reason: 'lost' },
    ]);
    assert.deepEqual(await fetch(), []);
    assert.deepEqual(await queues.waiting(['send-sms'], [id!]), new Set([id]));
    assert.equal(await queues.holds('send-sms', 1), false);
  });

  test('statements whose plans were made while a queue was empty read no whole table once it is full', async () => {
    const one = connect(database.url, 1, log, writeConnections);
    const ended = (holds: readonly { id: string; holds: number }[]) =>
      holds.map(
        ({ id, holds: count }) => ({ queue: 'send-sms', id, holds: count, settlement: 'done' }) as const,
      );
    const run = async (trx: Trx) => {
      const held = await takeTasks(trx, 'send-sms', 300);
      await readyTasks(trx, ['send-sms', 'send-email']);
      const known = held.length > 0 ? held : [{ id: randomUUID(), holds: 1 }];
      await extendHolds(trx, ended(known));
      await settleTasks(trx, ended(known));
      return held.length;
    };
    try {
      // More often than a statement is sent before it is prepared, and than it is planned for its values.
      for (let index = 0; index < 120; index++) await one.db.transaction().execute(run);
      await send(5000);
      const { wholeReads, read } = await one.db.transaction().execute(async (trx) => {
        assert.equal(await run(trx), 300);
        const { rows } = await sql<{ wholeReads: number; read: number }>`
          select seq_scan as "wholeReads", idx_tup_fetch as read
          from pg_stat_xact_user_tables where relname = 'tasks'`.execute(trx);
        return rows[0]!;
      });
      assert.equal(wholeReads, 0);
      // Each is read when it is taken, when its hold is extended and when it ends.
      assert.ok(read < 6 * 300, `${read} rows read`);
    } finally {
      await one.close();
    }
  });

  test('tasks that a process hands to its own consumer never wait; none are while others wait', async (t) => {
    const worked: string[] = [];
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const consumer = consume(
      { queues, log, metrics: createMetrics(null, log) },
      {
        queue,
        concurrency: 4,
        work: async ({ id, held }) => {
          worked.push(`${id} ${held.known === undefined ? 'fetched' : held.known}`);
          await blocked;
          return 'done';
        },
      },
    );
    t.after(() => consumer.stop(1000));
    const until = async (condition: () => boolean) => {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    };
    await until(() => consumer.isDrained);
    const places = consumer.reserve(3);
    assert.equal(places, 3);
    assert.equal(consumer.reserve(3), 1);
    consumer.take([], 1);
    const id = randomUUID();
    consumer.take(
      (await hold([id])).map((held) => ({ ...held, known: 'known' })),
      places,
    );
    await until(() => worked.length === 1);
    // Its own notice: now there may be tasks that were there first.
    const [waiting] = await send(1);
    assert.equal(consumer.isDrained, false);
    assert.equal(consumer.reserve(1), 0);
    await until(() => worked.length === 2);
    assert.deepEqual(worked, [`${id} known`, `${waiting} fetched`]);
    release();
    await until(() => consumer.isDrained);
    await consumer.stop(5000);
    assert.equal(consumer.reserve(1), 0);
    assert.deepEqual(await read(), []);
  });

  describe('a batch that is held from the start', () => {
    const batches = async () =>
      (await connection.pool.query<{ tasks: string[] }>('select tasks from held_batches')).rows.map(
        ({ tasks }) => tasks,
      );
    const passForBatches = async (seconds: number) => {
      await connection.pool.query(`update held_batches set due_at = due_at - $1 * interval '1 second'`, [
        seconds,
      ]);
      return await readyTasks(connection.db, ['send-sms']);
    };
    const idsOf = (count: number) => Array.from({ length: count }, () => randomUUID()).toSorted();

    test('is one row until the last of its tasks has ended; one that is tried again gets a row of its own', async () => {
      const ids = idsOf(4);
      const [done, again, unreadable, last] = await hold(ids);
      assert.deepEqual(await queues.waiting(['send-sms'], [...ids, randomUUID()]), new Set(ids));
      assert.deepEqual(await read(), []);
      await settle([done!], 'done');
      await settle([again!], { retryAfterSeconds: 300, waitsFor: 'sms' });
      await settle([unreadable!], 'parked');
      assert.deepEqual(
        (await read()).toSorted((a, b) => (a.state < b.state ? 1 : -1)),
        [
          { id: again!.id, state: 'waiting', attempt: 1, losses: 0, waits_for: 'sms', reason: null },
          {
            id: unreadable!.id,
            state: 'parked',
            attempt: 0,
            losses: 0,
            waits_for: null,
            reason: 'unreadable',
          },
        ],
      );
      assert.deepEqual(await batches(), [ids]);
      // What a transaction would have ended, had it not failed, has not.
      const end = (fails: boolean) =>
        queues.transaction(async ({ trx, ending }) => {
          const ended = ending([{ queue: 'send-sms', held: last! }]);
          if (ended.length > 0) await sql`with ${sql.join(ended)} select 1`.execute(trx);
          if (fails) throw new Error('no room');
        });
      await assert.rejects(end(true), /no room/);
      assert.deepEqual(last!.batch!.open, new Set([last!.id]));
      await end(false);
      assert.equal(last!.batch!.open.size, 0);
      const [other] = await hold([randomUUID()]);
      await queues.transaction(async ({ trx, ending }) => {
        await sql`with ${sql.join(ending([{ queue: 'send-sms', held: other! }]))} select 1`.execute(trx);
      });
      assert.deepEqual(await batches(), [[other!.id]]);
    });

    test('goes to other workers, task by task, once its holder is silent', async () => {
      const ids = idsOf(3);
      const held = await hold(ids, 'request-1');
      assert.deepEqual(await passForBatches(10), []);
      assert.deepEqual(await queues.heartbeat('send-sms', held), new Set(ids));
      // The heartbeat counts from now.
      assert.deepEqual(await passForBatches(10), []);
      assert.deepEqual(await passForBatches(10), ['send-sms']);
      assert.deepEqual(await batches(), []);
      assert.deepEqual(
        (await read()).map(({ id, state, losses }) => [id, state, losses]),
        ids.map((id) => [id, 'ready', 1]),
      );
      assert.deepEqual(await queues.heartbeat('send-sms', held), new Set());
      const taken = await fetch();
      assert.deepEqual(
        taken.map(({ id, payload, carried, priority }) => ({ id, payload, carried, priority })),
        ids.map((id) => ({ id, payload, carried: 'request-1', priority: 7 })),
      );
      // The former holder wakes up: it takes nothing away from the new one.
      await settle(held, 'done');
      await settle(held, { retryAfterSeconds: 300 });
      assert.deepEqual(
        (await read()).map(({ state }) => state),
        ['held', 'held', 'held'],
      );
    });

    test('is given back task by task, those that have ended left out', async () => {
      const ids = idsOf(3);
      const [ended, ...rest] = await hold(ids);
      await settle([ended!], 'done');
      await queues.handBack('send-sms', rest);
      // Its work goes on for a moment, and settles it all the same.
      await settle([ended!, rest[0]!], 'done');
      assert.deepEqual(
        (await read()).map(({ id, state, attempt, losses }) => [id, state, attempt, losses]),
        rest.map(({ id }) => [id, 'ready', 0, 0]),
      );
    });
  });

  test('tasks of the release before are taken over, but for those that a worker of it still holds', async (t) => {
    const { pool } = connection;
    await pool.query(`
      create schema pgboss;
      create type pgboss.job_state as enum ('created', 'retry', 'active', 'completed', 'cancelled', 'failed');
      create table pgboss.job (id uuid not null default gen_random_uuid(), name text not null, priority integer not null default 0,
        data jsonb, state pgboss.job_state not null default 'created', start_after timestamptz not null default now(),
        started_on timestamptz, heartbeat_on timestamptz, created_on timestamptz not null default now(),
        completed_on timestamptz, output jsonb, primary key (name, id)) partition by list (name);
      create table pgboss.sms partition of pgboss.job for values in ('send-sms');
      create table pgboss.other partition of pgboss.job for values in ('others');
    `);
    t.after(() => pool.query('drop schema pgboss cascade'));
    await pool.query(`
      insert into pgboss.job (name, id, priority, data, state, start_after, started_on, heartbeat_on, completed_on, output) values
        ('send-sms', '00000000-0000-4000-8000-000000000001', 7, '{"payload":{"type":"sms"},"attempt":2,"request_id":"r"}', 'created', now(), null, null, null, null),
        ('send-sms', '00000000-0000-4000-8000-000000000002', 0, '{"payload":{"type":"sms"},"attempt":1,"waits_for":"sms"}', 'created', now() + interval '5 minutes', null, null, null, null),
        ('send-sms', '00000000-0000-4000-8000-000000000003', 0, '{"payload":{"type":"sms"}}', 'active', now(), now() - interval '5 minutes', now(), null, null),
        ('send-sms', '00000000-0000-4000-8000-000000000004', 0, '{"payload":{"type":"sms"}}', 'active', now(), now() - interval '5 minutes', now() - interval '2 minutes', null, null),
        ('send-sms', '00000000-0000-4000-8000-000000000005', 0, '"rubbish"', 'cancelled', now(), null, null, now(), '{"reason":"unreadable"}'),
        ('others', '00000000-0000-4000-8000-000000000006', 0, '{}', 'created', now(), null, null, null, null)`);
    assert.equal(await moveFormerTasks(connection.db, ['send-sms']), 4);
    const { rows } = await pool.query(
      `select right(id::text, 1) as id, state, priority, attempt, payload, request_id, waits_for, reason from tasks order by id`,
    );
    const plain = { priority: 0, attempt: 0, payload, request_id: null, waits_for: null, reason: null };
    assert.deepEqual(rows, [
      { ...plain, id: '1', state: 'ready', priority: 7, attempt: 2, request_id: 'r' },
      { ...plain, id: '2', state: 'waiting', attempt: 1, waits_for: 'sms' },
      { ...plain, id: '4', state: 'ready' },
      { ...plain, id: '5', state: 'parked', payload: null, reason: 'unreadable' },
    ]);
    const left = await pool.query(`select right(id::text, 1) as id from pgboss.job order by id`);
    assert.deepEqual(
      left.rows.map(({ id }) => id),
      ['3', '6'],
    );
    assert.equal(await moveFormerTasks(connection.db, ['send-sms']), 0);
  });
});
