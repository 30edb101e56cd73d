import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { storeMessages } from '../../../test/support/messages.ts';
import { openTestQueues } from '../../../test/support/queues.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import type { NotificationStatus } from '../../database/tables.ts';
import { systemClock } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { createApply, type IncomingReceipt } from './apply.ts';

describe('receipts that are applied at the same time', () => {
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

  function applier(deliveryStatuses: CallbackQueue['deliveryStatuses'] = async () => {}) {
    const log = createLog('silent');
    return createApply({
      ...{ queues: opened.queues, clock: systemClock, log, metrics: createMetrics(null, log) },
      ...{ rates: new Map(), traces: null },
      callbacks: { deliveryStatuses, complaints: async () => {} } as unknown as CallbackQueue,
    });
  }
  const receiptOf = (id: string, status: NotificationStatus): IncomingReceipt => ({
    endpoint: { identifier: 'mmg', type: 'sms' },
    receipt: { found: { by: 'id', value: id }, status, rawStatus: status, detail: status },
  });

  test('the later one sees what the earlier one has done, and says so on the timeline', async () => {
    const now = systemClock.now();
    const { tenant, connection } = world;
    const { pool } = connection;
    const [first, other] = await storeMessages(world, tenant, [
      { status: 'sending', createdAt: now - 1 },
      { status: 'sending', createdAt: now },
    ]);
    await pool.query(`update notification_history set sent_by = 'mmg', sent_at = now()`);
    await pool.query(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
       select id, service_id, '', '', '' from notification_history`,
    );
    let later: Promise<unknown> | null = null;
    // Uncommitted when the later one begins, and committed once that waits for it.
    const early = applier(async () => {
      const { add } = applier();
      later = Promise.all([add(receiptOf(first!, 'permanent-failure')), add(receiptOf(other!, 'delivered'))]);
      await world.until(
        async () =>
          (await pool.query(`select from pg_locks where not granted and locktype = 'transactionid'`)).rows
            .length,
        (waiting) => waiting > 0,
      );
    });
    assert.equal((await early.add(receiptOf(first!, 'delivered'))).outcome, 'applied');
    assert.deepEqual(await later, [
      {
        ...{
          outcome: 'ignored',
          notificationId: first,
          status: 'permanent-failure',
          why: 'already delivered',
        },
      },
      { outcome: 'applied', notificationId: other, status: 'delivered' },
    ]);
    const { rows } = await pool.query(
      'select notification_id as id, status, ignored from receipts order by notification_id, id',
    );
    assert.deepEqual(rows, [
      { id: first, status: 'delivered', ignored: null },
      { id: first, status: 'permanent-failure', ignored: 'already delivered' },
      { id: other, status: 'delivered', ignored: null },
    ]);
    const { rows: messages } = await pool.query('select distinct status from notification_history');
    assert.deepEqual(messages, [{ status: 'delivered' }]);
  });

  test('one whose message ends between its reading and its writing says that it changed nothing', async () => {
    const { tenant, connection } = world;
    const { pool } = connection;
    const [id] = await storeMessages(world, tenant, [{ status: 'sending', createdAt: systemClock.now() }]);
    await pool.query(`update notification_history set sent_by = 'mmg', sent_at = now() where id = $1`, [id]);
    await pool.query(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation) values ($1, $2, '', '', '')`,
      [id, tenant.id],
    );
    // Whoever moves a status writes here too, so that it has read its message when it waits.
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query('lock table status_changes in access exclusive mode');
    const { add } = applier();
    const outcomes = Promise.all([add(receiptOf(id!, 'delivered')), add(receiptOf(id!, 'delivered'))]);
    await world.until(
      async () => (await pool.query(`select from pg_locks where not granted and locktype = 'relation'`)).rows,
      (waiting) => waiting.length > 0,
    );
    await pool.query(
      `update notification_history set status = 'temporary-failure', rare_status = 'temporary-failure' where id = $1`,
      [id],
    );
    await holder.query('commit');
    holder.release();
    const ignored = {
      ...{ outcome: 'ignored', notificationId: id, status: 'delivered', why: 'already temporary-failure' },
    };
    assert.deepEqual(await outcomes, [ignored, ignored]);
    const { rows } = await pool.query('select ignored from receipts where notification_id = $1', [id]);
    assert.deepEqual(rows, [
      { ignored: 'already temporary-failure' },
      { ignored: 'already temporary-failure' },
    ]);
  });

  for (const providers of [
    ['mmg', 'mmg'],
    ['mmg', 'firetext'],
  ] as const)
    test(`those of ${providers.join(' and ')} that come before their hand-over is recorded are applied`, async () => {
      const now = systemClock.now();
      const { tenant, connection } = world;
      const { pool } = connection;
      // The third was tried with one provider, whose answer never came, and then sent by another.
      const ids = await storeMessages(world, tenant, [
        { status: 'created', createdAt: now },
        { status: 'created', createdAt: now + 1 },
        { status: 'sending', createdAt: now + 2 },
      ]);
      await pool.query(
        `update notification_history set sent_by = 'loadtesting', sent_at = now() where id = $1`,
        [ids[2]],
      );
      await pool.query(
        `insert into attempts (notification_id, number, provider, started_at, billable_units, outcome)
         select id, 1, provider, now(), 1, nullif(outcome, '')
         from unnest($1::uuid[], $2::text[], $3::text[]) as t (id, provider, outcome)`,
        [ids, [...providers, providers[0]], ['', '', 'unknown']],
      );
      const { add } = applier();
      const outcomes = await Promise.all(
        ids.map((id, index) => {
          const { endpoint, receipt } = receiptOf(id, 'delivered');
          return add({
            endpoint: { ...endpoint, identifier: [...providers, providers[0]][index]! },
            receipt,
          });
        }),
      );
      assert.deepEqual(
        outcomes,
        ids.map((notificationId) => ({ outcome: 'applied', notificationId, status: 'delivered' })),
      );
      const { rows } = await pool.query(
        'select sent_by from notification_history where id = any($1) order by id',
        [ids],
      );
      assert.deepEqual(
        rows.map(({ sent_by }) => sent_by),
        [...providers, 'loadtesting'],
      );
    });
});
