import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeMessages } from '../../../test/support/messages.ts';
import { createWorld } from '../../../test/support/world.ts';
import { connect, createListener, writeConnections } from '../../database/connection.ts';
import { systemClock } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { openQueues } from '../../queue/queues.ts';
import { firstHold } from '../../queue/store.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { createRecorder } from './record.ts';

/** Enough for a statement to be prepared. */
const flushes = 40;
const inBatch = 16;

test('what ends messages is planned once for whatever ends, and does not read the places of batches that have gone', async () => {
  const world = await createWorld({ roles: ['api'] });
  const log = createLog('silent');
  // One connection, which can tell what is prepared on it.
  const connection = connect(world.databaseUrl, 1, log, writeConnections);
  const listener = createListener(world.databaseUrl, log);
  const queues = await openQueues(connection, listener, { prefix: '', log });
  try {
    const { pool } = connection;
    const now = systemClock.now();
    const stored = Array.from({ length: 2 * flushes }, (_, index) => ({
      ...{ status: 'created', createdAt: now - index },
    })) as { status: 'created'; createdAt: number }[];
    const ids = await storeMessages(world, world.tenant, stored);
    await pool.query(
      `insert into attempts (notification_id, number, provider, started_at, billable_units)
       select id, 1, 'mmg', now(), 1 from notification_history`,
    );
    // Batches that are gone take room until the next vacuum, so that reading one looks as if it took long.
    await pool.query(
      `insert into held_batches (id, queue, due_at, payload, tasks, priorities, request_ids)
       select gen_random_uuid(), 'send-sms', now() + interval '1 hour', '{}', array_agg(gen_random_uuid()), array_agg(0), array_agg(''::text)
       from generate_series(1, 2000) batch cross join generate_series(1, 30) group by batch`,
    );
    await pool.query('delete from held_batches where id not in (select id from held_batches limit 2)');
    await pool.query('analyze held_batches');
    const recorder = createRecorder({
      ...{ queues, metrics: createMetrics(null, log) },
      callbacks: { deliveryStatuses: async () => {} } as Pick<CallbackQueue, 'deliveryStatuses'>,
    });
    const batches = ids
      .filter((_, index) => index % inBatch === 0)
      .map((id) => ({ id, open: new Set<string>() }));
    const tasks = ids.map((id, index) =>
      firstHold({
        ...{ id, payload: {}, priority: 0, carried: undefined },
        batch: batches[Math.floor(index / inBatch)]!,
      }),
    );
    const at = new Date(now);
    const write = (index: number) =>
      recorder.write(
        {
          attempt: {
            ...{ notificationId: ids[index]!, number: 1, finishedAt: at },
            ...{ outcome: 'accepted', code: null, detail: null },
          },
          move: {
            ...{ id: ids[index]!, at },
            event: { kind: 'handed over', international: false, end: null },
            handOver: { sentAt: at, sentBy: 'mmg', reference: null, billableUnits: 1 },
          },
          simulatedReceipts: null,
          settled: { queue: 'send-sms', held: tasks[index]!, settlement: 'done' },
        },
        new AbortController().signal,
      );
    const readAsWhole = async () => {
      await pool.query('select pg_stat_force_next_flush()');
      const { rows } = await pool.query<{ count: number }>(
        `select seq_scan::int as count from pg_stat_user_tables where relname = 'held_batches'`,
      );
      return rows[0]!.count;
    };
    const before = await readAsWhole();
    for (let flush = 0; flush < flushes; flush++) await Promise.all([write(2 * flush), write(2 * flush + 1)]);

    const { rows: sending } = await pool.query(
      `select status, count(*)::int as count from notification_history group by 1`,
    );
    assert.deepEqual(sending, [{ status: 'sending', count: ids.length }]);
    const { rows } = await pool.query<{ generic: number; custom: number }>(
      `select generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements
       where statement like '%finished as (%'`,
    );
    assert.equal(rows.length, 1, 'one text, whatever has ended');
    const { generic, custom } = rows[0]!;
    assert.ok(generic > 0);
    assert.equal(custom, 0, 'plans for certain values');
    assert.equal(await readAsWhole(), before);
  } finally {
    await queues.stop();
    await listener.stop();
    await connection.close();
    await world.stop();
  }
});
