import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { countedStatuses, readJob, startJob, tideRows } from '../support/jobs.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('steering a job that is being sent', () => {
  let world: World;
  let tenant: Tenant;
  before(async () => {
    world = await createWorld({ environment: { DELIVER_CONCURRENCY: '20' } });
  });
  after(() => world.stop());
  beforeEach(async () => {
    tenant = await world.addTenant();
    // 40 messages a second.
    await world.behave({ latency_ms: { min: 500, max: 500 }, receipt_delay_ms: { min: 0, max: 0 } });
  });

  const path = (id: string, step: string) => `/service/${tenant.id}/job/${id}/${step}`;
  const job = (id: string) => readJob(world, tenant, id);
  /** How many messages of a job were handed to the provider. */
  async function handedOver(id: string): Promise<number> {
    const { rows } = await world.connection.pool.query(
      `select count(distinct notification_id)::int as count from attempts
      where notification_id in (select id from notification_history where job_id = $1)`,
      [id],
    );
    return rows[0].count;
  }

  test('what a stopped job has not handed over is not sent, and the answer says how much that is', async () => {
    const id = await startJob(world, tenant, tideRows(300));
    await world.until(
      () => handedOver(id),
      (count) => count >= 40,
    );
    const { status, body } = await world.admin('POST', path(id, 'stop'));
    assert.equal(status, 200);
    assert.equal(body.data.job_status, 'cancelled');
    assert.equal(body.sent + body.not_sent, 300);
    assert.ok(body.not_sent > 100);
    await world.behave({ latency_ms: { min: 0, max: 0 }, receipt_delay_ms: { min: 0, max: 0 } });
    const done = await world.until(
      () => job(id),
      ({ final_at }) => final_at !== null,
      30,
    );
    const counted = await countedStatuses(world, id);
    assert.deepEqual(
      Object.fromEntries(
        done.statistics.map(({ status, count }: { status: string; count: number }) => [status, count]),
      ),
      counted,
    );
    assert.equal(counted['cancelled']! + counted['delivered']!, 300);
    assert.equal(counted['delivered'], await handedOver(id));
    // What was being handed over at that moment is counted as sent, or began right before the stop was known.
    assert.ok(Math.abs(counted['delivered']! - body.sent) <= 20);
    const { rows } = await world.connection.pool.query(
      'select event_type from events where subject_id = $1',
      [id],
    );
    assert.deepEqual(rows.map(({ event_type }) => event_type).sort(), ['create_job', 'stop_job']);
  });

  test('nothing more of a paused job is handed over, and once resumed every row is delivered once', async () => {
    const id = await startJob(world, tenant, tideRows(200));
    await world.until(
      () => handedOver(id),
      (count) => count >= 20,
    );
    const paused = await world.admin('POST', path(id, 'pause'));
    assert.deepEqual(
      [paused.status, paused.body.data.job_status, paused.body.data.paused],
      [200, 'paused', true],
    );
    assert.equal((await world.admin('POST', path(id, 'pause'))).status, 404);
    await world.until(
      () => countedStatuses(world, id),
      ({ sending = 0, pending = 0, created = 0, delivered = 0 }) =>
        sending + pending === 0 && created + delivered === 200,
    );
    await world.until(
      async () => (await openTasks(id)).due,
      (due) => due === 0,
    );
    const before = await handedOver(id);
    assert.ok(before < 200);
    await world.behave({ latency_ms: { min: 0, max: 0 }, receipt_delay_ms: { min: 0, max: 0 } });
    const single = await world.clientOf(tenant.keys.normal).sendSms(tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await world.until(
      async () =>
        (await world.call('GET', `/v2/notifications/${single.data.id}`, { key: tenant.keys.normal })).body,
      ({ status }) => status === 'delivered',
    );
    assert.equal(await handedOver(id), before);
    const resumed = await world.admin('POST', path(id, 'resume'));
    assert.deepEqual([resumed.status, resumed.body.data.paused], [200, false]);
    const done = await world.until(
      () => job(id),
      ({ final_at }) => final_at !== null,
      30,
    );
    assert.equal(done.job_status, 'finished all notifications created');
    assert.deepEqual(done.statistics, [{ status: 'delivered', count: 200 }]);
  });

  test('a job that is paused while it is held goes on when it is resumed', async () => {
    // Longer than the test takes on any machine; the test itself ends it.
    const id = await startJob(world, tenant, tideRows(3), { hold_seconds: 600 });
    const tasks = async () =>
      (await world.connection.pool.query(`select from tasks where queue = 'process-job'`)).rows.length;
    const makeDue = () =>
      world.connection.pool.query(
        `update tasks set due_at = now() where state = 'waiting' and queue = 'process-job'`,
      );
    await world.admin('POST', path(id, 'pause'));
    await makeDue();
    await world.until(tasks, (count) => count === 0);
    assert.deepEqual(await countedStatuses(world, id), {});
    assert.equal((await world.admin('POST', path(id, 'resume'))).body.data.job_status, 'pending');
    assert.equal(await tasks(), 1, 'it is held for what is left');
    await world.connection.pool.query('update jobs set hold_until = now() where id = $1', [id]);
    await makeDue();
    const done = await world.until(
      () => job(id),
      ({ final_at }) => final_at !== null,
    );
    assert.deepEqual(done.statistics, [{ status: 'delivered', count: 3 }]);
  });

  /** Delivery tasks that could be taken now. */
  async function openTasks(_id: string): Promise<{ due: number }> {
    const { rows } = await world.connection.pool.query(
      `select count(*)::int as due from tasks where queue = 'send-sms' and (state in ('held', 'ready') or due_at <= now())`,
    );
    return rows[0];
  }
});
