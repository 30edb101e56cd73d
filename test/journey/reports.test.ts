import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { signToken } from '../../src/cli/client.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { bounds } from '../../src/job/report/report.ts';
import { addPart, beginReport, deleteOldReports } from '../../src/job/report/store.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { startJob, tideRows } from '../support/jobs.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const none = 'No result found';
const columns = 'Recipient,Reference,Template,Type,Sent by,Sent by email,Job,Status,Time,API key name,Reason';

describe('reports', () => {
  let world: World;
  let tenant: Tenant;
  let job: string;

  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant();
    const rows = [...tideRows(620)].map((row, index) => (index === 3 ? ['nobody', ...row.slice(1)] : row));
    job = await startJob(world, tenant, rows);
    await world.drain(120);
    await single();
    await world.drain(120);
  });
  after(() => world.stop());

  const single = async () => {
    const { body } = await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      body: {
        ...{ template_id: tenant.templates.sms, phone_number: '07700900999', reference: 'mine' },
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    return body.id as string;
  };
  const at = (id = '', of = tenant) => `/service/${of.id}/report-request${id && `/${id}`}`;
  const ask = (more: object = {}, of = tenant) =>
    world.admin('POST', at('', of), {
      ...{ user_id: platformUserId, report_type: 'notifications_report' },
      ...{ notification_type: 'sms', notification_status: 'all', ...more },
    });
  const stored = async (id: string) =>
    await world.until(
      async () => (await world.admin('GET', at(id))).body.data,
      ({ status }) => status === 'stored' || status === 'failed',
      60,
    );
  const file = async (path: string) => {
    const { issuer, secret } = world.credentials.admin;
    const authorization = `Bearer ${signToken(issuer, secret, world.clock.now())}`;
    const response = await fetch(world.api + path, { headers: { authorization } });
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8');
    return await response.text();
  };
  const refused = ({ status, body }: { status: number; body: any }) => [status, body.message];
  const remove = async () => {
    await world.connection.pool.query('delete from report_requests');
  };

  test('a report of a service is the same file as its download, and is read once it is stored', async () => {
    const asked = await ask();
    assert.equal(asked.status, 201);
    const { data } = asked.body;
    assert.deepEqual(data, {
      ...{ id: data.id, user_id: platformUserId, service_id: tenant.id, report_type: 'notifications' },
      ...{ status: 'pending', reason: null, row_count: 0 },
      parameter: { notification_type: 'sms', notification_status: 'all' },
      ...{ created_at: data.created_at, updated_at: null },
    });
    const done = await stored(data.id);
    assert.deepEqual([done.status, done.row_count], ['stored', 621]);
    const text = await file(`${at(data.id)}/csv`);
    assert.equal(text, await file(`/service/${tenant.id}/notifications/csv`));
    const lines = text.split('\r\n');
    assert.equal(lines[0], columns);
    assert.equal(lines.length, 623);
    const { rows } = await world.connection.pool.query(
      'select content from report_parts where report_id = $1',
      [data.id],
    );
    assert.ok(rows.length > 0 && rows.every(({ content }) => !content.includes('07700')));
    const { body } = await world.admin('GET', at());
    assert.deepEqual(body.data[0], done);
    const other = await world.addTenant();
    for (const path of [at(data.id, other), `${at(data.id, other)}/csv`])
      assert.deepEqual(refused(await world.admin('GET', path)), [404, none]);
    assert.equal((await world.admin('DELETE', at(data.id))).status, 204);
    assert.deepEqual(refused(await world.admin('GET', at(data.id))), [404, none]);
    assert.deepEqual(refused(await world.admin('GET', `${at(data.id)}/csv`)), [404, none]);
  });

  test('a report of a job is the same file as the download of the job', async () => {
    for (const [status, count] of [
      ['all', 620],
      ['failed', 1],
    ] as const) {
      const { body } = await ask({ notification_status: status, job_id: job });
      const done = await stored(body.data.id);
      assert.deepEqual([done.status, done.row_count, done.parameter.job_id], ['stored', count, job]);
      const direct = await file(`/service/${tenant.id}/job/${job}/csv?status=${status}`);
      assert.equal(await file(`${at(body.data.id)}/csv`), direct);
    }
    assert.deepEqual(refused(await ask({ job_id: randomUUID() })), [404, none]);
    assert.deepEqual(refused(await ask({ job_id: job, notification_type: 'email' })), [
      400,
      { notification_type: ['The job has messages of another type'] },
    ]);
    assert.deepEqual(refused(await ask({ job_id: job, template_id: randomUUID() })), [
      400,
      { template_id: ['Not together with job_id.'] },
    ]);
    await remove();
  });

  test('filters and the retention of the service narrow a report down', async () => {
    const lines = async (more: object) => {
      const { status, body } = await ask(more);
      assert.equal(status, 201, JSON.stringify(body));
      const done = await stored(body.data.id);
      assert.equal(done.status, 'stored', done.reason);
      const text = await file(`${at(body.data.id)}/csv`);
      assert.equal(text.split('\r\n').length - 2, done.row_count);
      return done.row_count;
    };
    assert.equal(await lines({ include_jobs: false }), 1);
    assert.equal(await lines({ client_reference: 'mine\0\ud800' }), 0);
    assert.equal(await lines({ client_reference: 'mine' }), 1);
    assert.equal(await lines({ notification_type: 'email' }), 0);
    assert.equal(await lines({ notification_status: 'failed' }), 1);
    assert.equal(await lines({ created_before: '2017-03-02' }), 0);
    await remove();
  });

  test('the same request of the same person is answered with the report that is under way', async () => {
    const { pool } = world.connection;
    const asked = await Promise.all(Array.from({ length: 5 }, () => ask({ client_reference: 'again' })));
    const ids = new Set(asked.map(({ body }) => body.data.id));
    const fresh = asked.filter(({ status }) => status === 201);
    // Unless one had ended before another was asked for.
    assert.equal(ids.size, fresh.length);
    const id = fresh[0]!.body.data.id;
    await stored(id);
    await pool.query('delete from report_requests where id <> $1', [id]);
    await pool.query(`update report_requests set status = 'in progress' where id = $1`, [id]);
    const same = await ask({ client_reference: 'again' });
    assert.deepEqual([same.status, same.body.data.id], [200, id]);
    const other = await ask({ client_reference: 'another' });
    assert.equal(other.status, 201);
    await pool.query(`update report_requests set updated_at = now() - interval '31 minutes' where id = $1`, [
      id,
    ]);
    const anew = await ask({ client_reference: 'again' });
    assert.equal(anew.status, 201);
    await stored(anew.body.data.id);
    await remove();
  });

  test('a report that is not stored cannot be downloaded, and says why', async () => {
    const { pool } = world.connection;
    const { body } = await ask({ created_before: '2016-01-01' });
    await stored(body.data.id);
    await pool.query(`update report_requests set status = 'in progress' where id = $1`, [body.data.id]);
    assert.deepEqual(refused(await world.admin('GET', `${at(body.data.id)}/csv`)), [
      400,
      'The report is not ready yet: wait until its status is stored',
    ]);
    await remove();
  });

  test('a service keeps a limited number of reports, exactly, also when they are asked for at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: bounds.reports + 3 }, (_, at) => ask({ client_reference: `one ${at}` })),
    );
    const made = answers.filter(({ status }) => status === 201);
    assert.equal(made.length, bounds.reports);
    for (const answer of answers.filter(({ status }) => status !== 201))
      assert.deepEqual(refused(answer), [
        400,
        `A service can keep ${bounds.reports} reports: delete one before asking for another`,
      ]);
    assert.equal((await world.admin('DELETE', at(made[0]!.body.data.id))).status, 204);
    assert.equal((await ask({ client_reference: 'another' })).status, 201);
    await world.drain(120);
    await remove();
  });

  test('a report that was begun elsewhere goes on where its last part ended, and no part is written twice', async () => {
    const { db, pool } = world.connection;
    const cipher = createCipher([secretKey], salt);
    const whole = await file(`/service/${tenant.id}/job/${job}/csv`);
    const cut = whole.indexOf('\r\n300,') + 2;
    const { body } = await ask({ job_id: job });
    const { id } = body.data;
    await stored(id);
    await pool.query('delete from report_parts where report_id = $1', [id]);
    await pool.query(
      `update report_requests set status = 'pending', parts = 0, row_count = 0, characters = 0, place = null where id = $1`,
      [id],
    );
    assert.notEqual(await beginReport(db, id, new Date()), null);
    const content = deflateRawSync(whole.slice(0, cut)).toString('base64');
    const part = { content, messages: 299, characters: cut, place: 299 };
    assert.equal(await addPart(db, cipher, id, 0, part, new Date()), true);
    assert.equal(await addPart(db, cipher, id, 0, part, new Date()), false);
    await requeue(id);
    const done = await stored(id);
    assert.deepEqual([done.status, done.row_count], ['stored', 620]);
    assert.equal(await file(`${at(id)}/csv`), whole);
    await remove();
  });

  /** Gives the report a task again, as one whose worker was killed has it. */
  const requeue = async (id: string) => {
    await world.connection.pool.query(
      `insert into tasks (queue, id, state, priority, due_at, payload)
       values ('process-report-request', gen_random_uuid(), 'ready', 0, now(), $1)`,
      [JSON.stringify({ report_request_id: id })],
    );
  };

  test('a report that cannot be made fails with a reason, and keeps nothing', async () => {
    const { pool } = world.connection;
    const { body } = await ask({ client_reference: 'large' });
    const { id } = body.data;
    await stored(id);
    await pool.query(
      `update report_requests set status = 'pending', parts = 1, row_count = $2, place = '{"before":null,"size":2000}' where id = $1`,
      [id, bounds.messages],
    );
    await pool.query(`update report_requests set filter = '{}' where id = $1`, [id]);
    await requeue(id);
    const done = await stored(id);
    assert.deepEqual([done.status, done.row_count], ['failed', 0]);
    assert.match(done.reason, /^The report would have more than 1,000,000 messages/);
    assert.deepEqual(refused(await world.admin('GET', `${at(id)}/csv`)), [400, done.reason]);
    const { rows } = await pool.query('select from report_parts where report_id = $1', [id]);
    assert.equal(rows.length, 0);
    await remove();
  });

  test('reports are deleted once they are a day old', async () => {
    const { db, pool } = world.connection;
    const { body } = await ask({ client_reference: 'old' });
    await stored(body.data.id);
    const before = new Date(Date.parse(body.data.created_at) - 1000);
    assert.equal(await deleteOldReports(db, before, 10), 0);
    assert.equal(await deleteOldReports(db, new Date(before.getTime() + 2000), 10), 1);
    const { rows } = await pool.query('select from report_parts where report_id = $1', [body.data.id]);
    assert.equal(rows.length, 0);
    assert.deepEqual(refused(await world.admin('GET', at(body.data.id))), [404, none]);
  });
});
