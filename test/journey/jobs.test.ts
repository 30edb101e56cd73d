import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { bulkQueues, jobTask, lotTask, processJob } from '../../src/job/run/queue.ts';
import { announceService } from '../../src/tenant/service/store.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { countedStatuses, readJob, type SeenJob, startJob, tideRows, upload } from '../support/jobs.ts';
import { openTestQueues } from '../support/queues.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const isFinal = ({ final_at }: SeenJob) => final_at !== null;
const statistics = (job: SeenJob) =>
  Object.fromEntries(
    job['statistics'].map(({ status, count }: { status: string; count: number }) => [status, count]),
  );

describe('jobs', () => {
  let world: World;
  let tenant: Tenant;
  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant();
  });
  after(() => world.stop());

  const job = (id: string) => readJob(world, tenant, id);
  const path = (...parts: string[]) => ['', 'service', tenant.id, 'job', ...parts].join('/');

  test('every row of a file is delivered once, and the job tells how far it is', async () => {
    const id = await startJob(world, tenant, tideRows(1200));
    const done = await world.until(() => job(id), isFinal, 60);
    assert.deepEqual(
      [done.job_status, done.rows_total, done.rows_done, done.notification_count, done.paused],
      ['finished all notifications created', 1200, 1200, 1200, false],
    );
    assert.deepEqual(done.statistics, [{ status: 'delivered', count: 1200 }]);
    assert.deepEqual(await countedStatuses(world, id), { delivered: 1200 });
    const { rows } = await world.connection.pool.query(
      `select job_row_number as row, client_reference as reference from notification_history where job_id = $1 order by id`,
      [id],
    );
    assert.deepEqual(
      rows.toSorted((a, b) => a.row - b.row),
      Array.from({ length: 1200 }, (_, row) => ({ row, reference: `ref ${row}` })),
    );
    const { rows: attempts } = await world.connection.pool.query(
      `select count(*)::int as count from attempts where notification_id in (select id from notification_history where job_id = $1)`,
      [id],
    );
    assert.equal(attempts[0].count, 1200);

    // Tasks that come again, as after a crash, change nothing.
    const opened = await openTestQueues(world);
    await opened.queues.send(processJob, [jobTask(id)]);
    await opened.queues.send(
      bulkQueues.sms,
      [0, 1, 2].map((number) => lotTask(id, number)),
    );
    await world.drain();
    await opened.stop();
    assert.deepEqual(await countedStatuses(world, id), { delivered: 1200 });
    assert.deepEqual(await job(id), done);
  });

  test('two workers that make the same lot at once make each message once', async () => {
    const id = await startJob(world, tenant, tideRows(400), { hold_seconds: 600 });
    const { pool } = world.connection;
    await pool.query(`update jobs set status = 'in progress', processing_started = now() where id = $1`, [
      id,
    ]);
    await pool.query('insert into job_lots (job_id, number, first_row, row_count) values ($1, 0, 0, 400)', [
      id,
    ]);
    const opened = await openTestQueues(world);
    const { job_id, lot } = lotTask(id, 0).payload;
    await opened.queues.send(
      bulkQueues.sms,
      [randomUUID(), randomUUID(), randomUUID()].map((task) => ({ id: task, payload: { job_id, lot } })),
    );
    const done = await world.until(() => job(id), isFinal);
    await opened.stop();
    assert.deepEqual(statistics(done), { delivered: 400 });
    assert.deepEqual(await countedStatuses(world, id), { delivered: 400 });
  });

  test('a second request for the same upload is answered with its job; for another time it is refused', async () => {
    const id = await upload(world.connection.db, tenant, { rows: tideRows(3) });
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const body = { id, created_by: platformUserId, scheduled_for: at };
    const post = (more: object = {}) => world.admin('POST', path(), { ...body, ...more });
    const answers = await Promise.all([post(), post(), post()]);
    assert.deepEqual(
      answers.map(({ status, body: { data } }) => [status, data.id, data.job_status]),
      Array.from({ length: 3 }, () => [201, id, 'scheduled']),
    );
    const other = await post({ scheduled_for: null });
    assert.deepEqual([other.status, other.body.message], [400, { id: ['Already in use'] }]);
    const { rows } = await world.connection.pool.query(
      `select event_type from events where subject_id = $1`,
      [id],
    );
    assert.deepEqual(rows, [{ event_type: 'create_job' }]);
  });

  test('a scheduled job can be cancelled, once; then nothing of it is sent', async () => {
    const scheduled_for = new Date(Date.now() + 3_600_000).toISOString();
    const id = await startJob(world, tenant, tideRows(3), { scheduled_for });
    const { body } = await world.admin('POST', path(id, 'cancel'));
    assert.equal(body.data.job_status, 'cancelled');
    for (const step of ['cancel', 'stop', 'pause', 'resume'])
      assert.equal((await world.admin('POST', path(id, step))).status, 404, step);
    assert.deepEqual(await countedStatuses(world, id), {});
  });

  test('a job that is held can be stopped before its first row is made', async () => {
    const id = await startJob(world, tenant, tideRows(7), { hold_seconds: 600 });
    assert.equal((await world.admin('POST', path(id, 'cancel'))).status, 404);
    const { body } = await world.admin('POST', path(id, 'stop'));
    assert.deepEqual([body.data.job_status, body.sent, body.not_sent], ['cancelled', 0, 7]);
    await world.connection.pool.query(
      `update tasks set due_at = now() where state = 'waiting' and queue = 'process-job'`,
    );
    await world.drain();
    assert.deepEqual(await countedStatuses(world, id), {});
  });

  test('a job that is held begins when its time is over', async () => {
    const id = await startJob(world, tenant, tideRows(2), { hold_seconds: 1 });
    const done = await world.until(() => job(id), isFinal);
    assert.ok(done.processing_started >= done.hold_until);
    assert.deepEqual(statistics(done), { delivered: 2 });
  });

  test('a file without rows finishes', async () => {
    const id = await startJob(world, tenant, []);
    const done = await world.until(() => job(id), isFinal);
    assert.deepEqual([done.job_status, done.statistics], ['finished all notifications created', []]);
  });

  test('a row that may not be sent is an outcome with its reason, and counts like any other', async () => {
    const { db, pool } = world.connection;
    await pool.query('update services set international_sms_limit = 1, permissions = $2 where id = $1', [
      tenant.id,
      ['sms', 'email', 'international_sms'],
    ]);
    await announceService(db, tenant.id);
    const good = ['Rowan', '14:05', ''];
    const rows = [
      ['07700 900123', ...good],
      ['not a number', ...good],
      ['', ...good],
      ['07700 900124', 'Rowan', '', ''],
      ['07700 900125', 'x'.repeat(1000), '14:05', ''],
      ['+33 6 12 34 56 78', ...good],
      ['+33 6 12 34 56 79', ...good],
      ['020 7946 0000', ...good],
      [`${'7'.repeat(5000)}\0`, 'a\0\ud800', '14:05', `\0${'r'.repeat(5000)}\ud800`],
    ];
    const id = await startJob(world, tenant, rows);
    const done = await world.until(() => job(id), isFinal);
    assert.deepEqual(statistics(done), { delivered: 2, 'validation-failed': 7 });
    const stored = await pool.query(
      'select job_row_number as row, given_up as why, billable_units as units from notification_history where job_id = $1 and given_up is not null',
      [id],
    );
    assert.deepEqual(Object.fromEntries(stored.rows.map(({ row, why, units }) => [row, `${why} ${units}`])), {
      1: 'invalid-recipient 0',
      2: 'invalid-recipient 0',
      3: 'missing-value 0',
      4: 'too-long 0',
      6: 'international-limit 0',
      7: 'not-permitted 0',
      8: 'invalid-recipient 0',
    });
    const listed = await world.admin('GET', `/service/${tenant.id}/notifications?job_id=${id}&status=failed`);
    const reasons: string[] = listed.body.notifications.map(({ reason }: { reason: string }) => reason);
    assert.equal(reasons.length, 7);
    assert.ok(reasons.every((reason) => /^Not sent: (its row|the service|with the values)/.test(reason)));
    const failed = listed.body.notifications[0].id;
    const { body } = await world.admin('GET', `/service/${tenant.id}/notifications/${failed}/timeline`);
    assert.ok(body.timeline.some(({ event }: { event: string }) => event === 'given up'));
  });

  test('in trial mode rows to strangers are kept as outcomes, and the team gets its messages', async () => {
    const trial = await world.addTenant();
    const { db, pool } = world.connection;
    await pool.query('update services set restricted = true where id = $1', [trial.id]);
    await pool.query(
      `insert into service_guest_list (id, service_id, recipient) values (gen_random_uuid(), $1, '07700 900150')`,
      [trial.id],
    );
    await announceService(db, trial.id);
    const id = await startJob(world, trial, tideRows(100));
    const done = await world.until(() => readJob(world, trial, id), isFinal);
    assert.deepEqual(statistics(done), { delivered: 1, 'validation-failed': 99 });
    const { rows } = await pool.query(
      `select distinct given_up from notification_history where job_id = $1 and status = 'validation-failed'`,
      [id],
    );
    assert.deepEqual(rows, [{ given_up: 'not-allowed' }]);
  });

  test('a job takes its daily limit whole or not at all', async () => {
    const small = await world.addTenant();
    const { db, pool } = world.connection;
    await pool.query('update services set sms_limit = 10 where id = $1', [small.id]);
    await announceService(db, small.id);
    const read = (id: string) => readJob(world, small, id);
    const outcome = async (count: number) => {
      const id = await startJob(world, small, tideRows(count));
      const { job_status, rows_done } = await world.until(() => read(id), isFinal);
      return [job_status, rows_done];
    };
    assert.deepEqual(await outcome(11), ['sending limits exceeded', 0]);
    assert.deepEqual(await outcome(6), ['finished all notifications created', 6]);
    assert.deepEqual(await outcome(5), ['sending limits exceeded', 0]);
    assert.deepEqual(await outcome(4), ['finished all notifications created', 4]);
    const single = await world.call('POST', '/v2/notifications/sms', {
      key: small.keys.normal,
      body: {
        template_id: small.templates.sms,
        phone_number: '07700900123',
        personalisation: { name: 'x', time: 'y' },
      },
    });
    assert.equal(single.status, 429);
  });

  test('a service that is inactive when its job begins gets none', async () => {
    const leaving = await world.addTenant();
    const id = await startJob(world, leaving, tideRows(2), { hold_seconds: 600 });
    await world.connection.pool.query('update services set active = false where id = $1', [leaving.id]);
    await world.connection.pool.query(`update jobs set hold_until = now() where id = $1`, [id]);
    await world.connection.pool.query(
      `update tasks set due_at = now() where state = 'waiting' and queue = 'process-job'`,
    );
    const done = await world.until(() => readJob(world, leaving, id), isFinal);
    assert.deepEqual([done.job_status, done.rows_done], ['cancelled', 0]);
  });

  test('emails of a file have their values, and the reply-to address that was chosen', async () => {
    const id = await upload(world.connection.db, tenant, {
      type: 'email',
      header: ['name', 'Email Address', 'TIME', 'time'],
      rows: [['Rowan', 'rowan@example.com', 'early', '14:05']],
    });
    const sender_id = tenant.senders.email;
    const made = await world.admin('POST', path(), { id, created_by: platformUserId, sender_id });
    assert.equal(made.status, 201);
    await world.until(() => job(id), isFinal);
    const { body } = await world.admin('GET', `/service/${tenant.id}/notifications?job_id=${id}`);
    const [message] = body.notifications;
    assert.deepEqual(message.personalisation, {
      name: 'Rowan',
      emailaddress: 'rowan@example.com',
      time: '14:05',
    });
    assert.equal(message.subject, 'Tide for Rowan');
    assert.deepEqual([message.job_row_number, message.reply_to_text], [0, 'desk@example.com']);
  });
});
