import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { signToken } from '../../src/cli/client.ts';
import { londonTime } from '../../src/ground/clock.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { readJob, startJob, tideRows, upload } from '../support/jobs.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const none = 'No result found';
const notThere =
  'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.';
const mark = [0xef, 0xbb, 0xbf];

describe('results of jobs', () => {
  let world: World;
  let tenant: Tenant;
  /** 120 rows, of which every tenth is not a phone number. */
  let job: string;
  const failedRows = Array.from({ length: 12 }, (_, index) => index * 10 + 3);

  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant();
    const rows = [...tideRows(120)].map((row, index) =>
      index % 10 === 3 ? ['nobody', ...row.slice(1)] : row,
    );
    job = await startJob(world, tenant, rows);
    await settled(tenant, job);
  });
  after(() => world.stop());

  const settled = (of: Tenant, id: string) =>
    world.until(
      () => readJob(world, of, id),
      ({ final_at }) => final_at !== null,
      60,
    );
  const path = (...parts: string[]) => `/service/${tenant.id}/job${parts.map((part) => `/${part}`).join('')}`;
  const get = (...parts: string[]) => world.admin('GET', path(...parts));
  const rowsOf = (body: { notifications: { job_row_number: number }[] }) =>
    body.notifications.map(({ job_row_number }) => job_row_number);
  const range = (from: number, until: number) =>
    Array.from({ length: until - from }, (_, index) => from + index);

  async function download(at: string): Promise<string[]> {
    const { issuer, secret } = world.credentials.admin;
    const authorization = `Bearer ${signToken(issuer, secret, world.clock.now())}`;
    const response = await fetch(world.api + at, { headers: { authorization } });
    assert.equal(response.status, 200, at);
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.deepEqual([...bytes.subarray(0, 3)], mark, 'Excel needs a byte order mark');
    const lines = bytes.subarray(3).toString().split('\r\n');
    assert.equal(lines.pop(), '');
    return lines;
  }

  test('messages of a job come in the order of their rows, in numbered pages', async () => {
    const first = await get(job, 'notifications');
    assert.equal(first.status, 200);
    assert.deepEqual(rowsOf(first.body), range(0, 50));
    const at = path(job, 'notifications');
    assert.deepEqual([first.body.page_size, first.body.total], [50, 120]);
    assert.deepEqual(first.body.links, { next: `${at}?page=2`, last: `${at}?page=3` });
    const [one] = first.body.notifications;
    assert.equal(one.body, 'Hi Person 0, high tide at 14:05');
    assert.deepEqual(one.job, { id: job, original_file_name: 'tides.csv' });
    assert.deepEqual([one.client_reference, one.status], ['ref 0', 'delivered']);
    const third = await get(job, 'notifications?page=3');
    assert.deepEqual([rowsOf(third.body), third.body.links], [range(100, 120), { prev: `${at}?page=2` }]);
    const fourth = await get(job, 'notifications?page=4');
    assert.deepEqual([fourth.status, fourth.body.message], [404, notThere]);
    const sized = await get(job, 'notifications?page_size=7&page=2');
    assert.deepEqual(rowsOf(sized.body), range(7, 14));
  });

  test('messages of some statuses are followed from row to row, with their reasons', async () => {
    const at = path(job, 'notifications');
    const first = await get(job, 'notifications?status=failed&page_size=10');
    assert.deepEqual(rowsOf(first.body), failedRows.slice(0, 10));
    assert.deepEqual(
      [first.body.total, first.body.notifications[0].reason],
      [12, 'Not sent: its row of the file has no valid recipient.'],
    );
    assert.deepEqual(first.body.links, { next: `${at}?status=failed&page_size=10&from_row=94` });
    const second = (await world.admin('GET', first.body.links.next)).body;
    assert.deepEqual(rowsOf(second), failedRows.slice(10));
    const third = (await world.admin('GET', second.links.next)).body;
    assert.deepEqual([third.notifications, third.links], [[], {}]);
    const both = await get(job, 'notifications?status=delivered&status=validation-failed&from_row=115');
    assert.deepEqual([rowsOf(both.body), both.body.total], [range(115, 120), 120]);
    for (const query of ['status=fax', 'template_type=email', 'status=%00', 'from_row=9007199254740993']) {
      const { body } = await get(job, `notifications?${query}`);
      assert.deepEqual(body.notifications, [], query);
    }
    const refused = await get(job, 'notifications?status=failed&page=2');
    assert.equal(refused.status, 400);
  });

  test('the reasons for which messages of a job failed are counted, of those that are kept', async () => {
    const { status, body } = await get(job, 'reasons');
    assert.equal(status, 200);
    const reason = 'Not sent: its row of the file has no valid recipient.';
    const data = [{ status: 'validation-failed', reason, count: 12 }];
    assert.deepEqual(body, { data, counted: 12 });
    const good = await startJob(world, tenant, tideRows(2));
    await settled(tenant, good);
    assert.deepEqual((await get(good, 'reasons')).body, { data: [], counted: 0 });
  });

  test('messages can come as rows for a file', async () => {
    const { body } = await get(job, 'notifications?format_for_csv=True&from_row=3&page_size=2');
    const [failed, delivered] = body.notifications;
    assert.deepEqual(failed, {
      ...{ id: failed.id, row_number: 4, recipient: 'nobody', client_reference: 'ref 3' },
      ...{ template_name: 'Tide', template_type: 'sms', job_name: 'tides.csv', status: 'validation-failed' },
      ...{ created_at: failed.created_at, created_by_name: null, created_by_email_address: null },
      api_key_name: null,
    });
    assert.match(failed.created_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    assert.deepEqual([delivered.row_number, delivered.status], [5, 'Delivered']);
  });

  test('an unknown job has no messages, no count and no file', async () => {
    const other = await world.addTenant();
    for (const id of [randomUUID(), 'x', '%00', '%F0%9F%98%80']) {
      const { status, body } = await get(id, 'notifications');
      assert.deepEqual([status, body.notifications, body.total], [200, [], 0], id);
      for (const what of ['notification_count', 'csv', 'reasons']) {
        const refused = await get(id, what);
        assert.deepEqual([refused.status, refused.body.message], [404, none]);
      }
    }
    const { body } = await world.admin('GET', `/service/${other.id}/job/${job}/notifications`);
    assert.deepEqual(body.notifications, []);
    assert.deepEqual((await get(job, 'notification_count')).body, { count: 120 });
  });

  test('jobs are listed with their counts: those to begin first, then those that began last', async () => {
    const of = await world.addTenant();
    const at = new Date(Date.now() + 3_600_000);
    const make = async (more: object = {}) => {
      const id = await startJob(world, of, tideRows(2), { original_file_name: 'Spring tides.csv', ...more });
      return id;
    };
    const list = async (query = '') => (await world.admin('GET', `/service/${of.id}/job?${query}`)).body;
    const ids = async (query = '') => (await list(query)).data.map(({ id }: { id: string }) => id);
    const stats = async () => (await world.admin('GET', `/service/${of.id}/job/scheduled-job-stats`)).body;
    assert.deepEqual(await stats(), { count: 0, soonest_scheduled_for: null });
    assert.deepEqual(await list(), { data: [], page_size: 50, total: 0, links: {} });
    const first = await make();
    await settled(of, first);
    const second = await make();
    await settled(of, second);
    at.setUTCMilliseconds(0);
    const scheduled = await make({ scheduled_for: at.toISOString(), original_file_name: 'NEAP_100%.csv' });
    await make({ original_file_name: 'Test message', scheduled_for: at.toISOString() });
    const { data, total, page_size } = await list();
    assert.deepEqual(
      data.map((one: { id: string }) => one.id),
      [scheduled, second, first],
    );
    assert.deepEqual([total, page_size], [3, 50]);
    assert.deepEqual(data[1].statistics, [{ status: 'delivered', count: 2 }]);
    assert.deepEqual([data[0].job_status, data[0].statistics], ['scheduled', []]);
    assert.deepEqual(await stats(), {
      ...{ count: 2, soonest_scheduled_for: at.toISOString().replace('.000Z', '+00:00') },
    });
    assert.deepEqual(await ids('statuses=scheduled,%20fax'), [scheduled]);
    assert.deepEqual(await ids('name=neap_100%25'), [scheduled]);
    assert.deepEqual(await ids('name=TIDES'), [second, first]);
    assert.deepEqual(await ids('name=%25'), [scheduled]);
    assert.deepEqual(await ids(`template_id=${of.templates.email}`), []);
    assert.deepEqual(await ids(`template_id=${of.templates.sms}&created_by=${platformUserId}`), [
      ...[scheduled, second, first],
    ]);
    assert.deepEqual(await ids(`created_by=${randomUUID()}`), []);
    assert.deepEqual(await ids(`contact_list_id=${randomUUID()}`), []);
    assert.deepEqual(await ids('statuses=%00&name=%00'), []);
    assert.equal((await ids('limit_days=0')).length, 3);
    assert.deepEqual(await ids('limit_days=-3'), []);
    assert.equal((await ids('limit_days=99999999999999999999')).length, 3);
    await world.connection.pool.query(
      `update jobs set created_at = created_at - interval '40 days' where id = $1`,
      [first],
    );
    assert.deepEqual(await ids('limit_days=7'), [scheduled, second]);
    const { status, body } = await world.admin('GET', `/service/${of.id}/job?page=2`);
    assert.deepEqual([status, body.message], [404, notThere]);
  });

  test('pages of jobs keep the filters in their links', async () => {
    const of = await world.addTenant();
    await world.connection.pool.query(
      `insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name,
         notification_count, status, key_type, created_at, processing_started)
       select gen_random_uuid(), $1, $2, 1, 'sms', 'a' || n, 0, 'finished', 'normal', now() - n * interval '1 hour',
         now() - n * interval '1 hour'
       from generate_series(1, 60) n`,
      [of.id, of.templates.sms],
    );
    const at = `/service/${of.id}/job`;
    const { body } = await world.admin('GET', `${at}?statuses=finished`);
    assert.deepEqual(body.links, {
      next: `${at}?page=2&statuses=finished`,
      last: `${at}?page=2&statuses=finished`,
    });
    const next = await world.admin('GET', body.links.next);
    assert.equal(next.status, 200, JSON.stringify(next.body));
    assert.deepEqual(
      next.body.data.map((one: { original_file_name: string }) => one.original_file_name),
      range(51, 61).map((n) => `a${n}`),
    );
    assert.deepEqual([next.body.total, next.body.links], [60, { prev: `${at}?page=1&statuses=finished` }]);
  });

  test('a job can be downloaded with the columns of its file, the status of each row in words, and why it failed', async () => {
    const of = await world.addTenant();
    const header = ['Phone Number', 'name', 'time', 'extra', 'extra', '=cmd', 'extra'];
    const rows = [
      ['07700 900123', 'Zoë, "Z"', '14:05', 'a', '', '=1+1', 'b'],
      ['nobody', '=HYPERLINK("x")', '14:05'],
      ['07700 900124', 'Ash', '14:06', '', 'c'],
    ];
    const id = await upload(world.connection.db, of, { header, rows });
    const at = `/service/${of.id}/job`;
    const made = await world.admin('POST', at, { id, created_by: platformUserId });
    assert.equal(made.status, 201);
    await settled(of, id);
    const { rows: times } = await world.connection.pool.query(
      'select created_at as at from notification_history where job_id = $1 limit 1',
      [id],
    );
    const time = londonTime(times[0].at.getTime());
    const lines = [
      "Row number,Phone Number,name,time,extra,'=cmd,Template,Type,Job,Status,Time,Reason",
      `1,07700 900123,"Zoë, ""Z""",14:05,"a, b",'=1+1,Tide,sms,tides.csv,Delivered,${time},`,
      `2,nobody,"'=HYPERLINK(""x"")",14:05,,,Tide,sms,tides.csv,validation-failed,${time},Not sent: its row of the file has no valid recipient.`,
      `3,07700 900124,Ash,14:06,c,,Tide,sms,tides.csv,Delivered,${time},`,
    ];
    assert.deepEqual(await download(`${at}/${id}/csv`), lines);
    assert.deepEqual(await download(`${at}/${id}/csv?status=failed`), [lines[0], lines[2]]);
    assert.deepEqual(await download(`${at}/${id}/csv?status=sending&status=delivered`), [
      ...[lines[0], lines[1], lines[3]],
    ]);
    await world.connection.pool.query('delete from uploads where id = $1', [id]);
    const [first, second] = await download(`${at}/${id}/csv`);
    assert.equal(first, 'Row number,phone number,Template,Type,Job,Status,Time,Reason');
    assert.equal(second, `1,07700 900123,Tide,sms,tides.csv,Delivered,${time},`);
  });

  test('every row of a large job is in its file once, and every message in that of its service', async () => {
    const of = await world.addTenant();
    const id = await startJob(world, of, tideRows(1700));
    await settled(of, id);
    const lines = await download(`/service/${of.id}/job/${id}/csv`);
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(',')[0]),
      range(1, 1701).map(String),
    );
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(',')[2]),
      range(0, 1700).map((row) => `Person ${row}`),
    );
    const every = await download(`/service/${of.id}/notifications/csv`);
    assert.deepEqual(
      every
        .slice(1)
        .map((line) => line.split(',')[1])
        .toSorted(),
      range(0, 1700)
        .map((row) => `ref ${row}`)
        .toSorted(),
    );
    assert.deepEqual((await download(`/service/${of.id}/notifications/csv?include_jobs=false`)).length, 1);
  });

  test('the messages of a service can be downloaded, newest first, by the filters of the list', async () => {
    const of = await world.addTenant();
    const send = async (phone_number: string, reference: string) => {
      const { body } = await world.call('POST', '/v2/notifications/sms', {
        key: of.keys.normal,
        body: {
          ...{ template_id: of.templates.sms, phone_number, reference },
          personalisation: { name: 'Rowan', time: '14:05' },
        },
      });
      return body.id as string;
    };
    await send('07700900123', '=first');
    // The sandbox says that this number does not exist.
    await send('07700900002', 'second');
    await world.drain();
    await world.connection.pool.query(
      `update notification_history set status = 'permanent-failure' where client_reference = 'second'`,
    );
    const at = `/service/${of.id}/notifications/csv`;
    const [header, second, first, ...rest] = await download(at);
    assert.deepEqual(rest, []);
    assert.equal(
      header,
      'Recipient,Reference,Template,Type,Sent by,Sent by email,Job,Status,Time,API key name,Reason',
    );
    assert.match(
      first!,
      /^07700900123,'=first,Tide,sms,,,,Delivered,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,a normal key,$/,
    );
    assert.match(
      second!,
      /^07700900002,second,Tide,sms,,,,Phone number doesn’t exist,[^,]*,a normal key,Not delivered: the phone number does not exist\. Trying again will not help\.$/,
    );
    assert.deepEqual(await download(`${at}?status=failed`), [header, second]);
    assert.deepEqual(await download(`${at}?client_reference=%3Dfirst&status=all`), [header, first]);
    assert.deepEqual(await download(`${at}?template_type=email`), [header]);
    assert.deepEqual(await download(`${at}?created_before=2020-01-01`), [header]);
    assert.deepEqual(await download(`/service/${randomUUID()}/notifications/csv`), [header]);
  });

  describe('messages sent again', () => {
    let of: Tenant;
    const at = () => `/service/${of.id}/notifications/resend`;
    const resend = (body: object) => world.admin('POST', at(), { created_by: platformUserId, ...body });
    const reasons = (body: { left_out: { reason: string; count: number }[] }) =>
      Object.fromEntries(body.left_out.map(({ reason, count }) => [reason, count]));
    const messageOf = async (job: string, row: number) =>
      (await world.admin('GET', `/service/${of.id}/job/${job}/notifications?from_row=${row}&page_size=1`))
        .body.notifications[0];
    const set = (id: string, status: string) =>
      world.connection.pool.query('update notification_history set status = $2 where id = $1', [id, status]);
    async function send(more: object, key: 'normal' | 'test' = 'normal'): Promise<string> {
      const { body } = await world.call('POST', '/v2/notifications/sms', {
        key: of.keys[key],
        body: {
          ...{ template_id: of.templates.sms, phone_number: '07700900123', reference: 'mine' },
          personalisation: { name: 'Rowan', time: '14:05' },
          ...more,
        },
      });
      assert.ok(body.id, JSON.stringify(body));
      return body.id;
    }
    before(async () => {
      of = await world.addTenant();
    });

    test('the failed ones of a job become a new job with their own values, linked both ways, each once', async () => {
      const file = await startJob(world, of, [...tideRows(4), ['nobody', 'Ash', '14:09', 'ref x']]);
      await settled(of, file);
      const failed = [await messageOf(file, 1), await messageOf(file, 2), await messageOf(file, 3)];
      await set(failed[0].id, 'technical-failure');
      await set(failed[1].id, 'temporary-failure');
      await set(failed[2].id, 'permanent-failure');
      const dry = await resend({ job_id: file, dry_run: true });
      assert.equal(dry.status, 200);
      assert.deepEqual(
        [dry.body.data, dry.body.count, reasons(dry.body), dry.body.may_arrive_twice, dry.body.cost_units],
        [null, 2, { recipient: 2 }, 0, 2],
      );
      assert.deepEqual(
        dry.body.unreachable.map(({ recipient }: any) => recipient),
        ['07700 900103', 'nobody'],
      );
      assert.equal((await messageOf(file, 1)).resent_as, null);
      const answers = await Promise.all([1, 2, 3].map(() => resend({ job_id: file })));
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 200, 201]);
      const { data } = answers.find(({ status }) => status === 201)!.body;
      assert.deepEqual([data.original_file_name, data.notification_count], ['Again: tides.csv', 2]);
      const second = answers.find(({ status }) => status === 200)!.body;
      assert.deepEqual(
        [second.data, second.count, reasons(second)],
        [null, 0, { repeated: 2, recipient: 2 }],
      );
      assert.deepEqual(
        second.resent_as.toSorted(
          (a: { job_row_number: number }, b: { job_row_number: number }) =>
            a.job_row_number - b.job_row_number,
        ),
        failed.slice(0, 2).map(({ id }, row) => ({ id, job: data.id, job_row_number: row })),
      );
      await settled(of, data.id);
      const again = await messageOf(data.id, 0);
      const original = await messageOf(file, 1);
      assert.deepEqual(
        [again.body, again.to, again.client_reference, again.status, again.resent_from, again.resent_as],
        [original.body, original.to, 'ref 1', 'delivered', original.id, null],
      );
      assert.deepEqual(original.resent_as, { job: data.id, job_row_number: 0 });
      assert.deepEqual([data.resent_from, data.contact_list_id], [file, null]);
      assert.deepEqual(
        [(await readJob(world, of, data.id)).resent_from, (await readJob(world, of, file)).resent_from],
        [file, null],
      );
      const { rows: events } = await world.connection.pool.query(
        `select data->'after'->>'notification_count' as count from events where event_type = 'resend_notifications' and subject_id = $1`,
        [data.id],
      );
      assert.deepEqual(events, [{ count: '2' }]);
      // With other recipients, the rest can go too.
      const nobody = await messageOf(file, 4);
      const mended = await resend({
        ids: [failed[2].id, nobody.id],
        recipients: { [failed[2].id]: '07700 900777', [nobody.id.toUpperCase()]: '07700 900778' },
      });
      assert.deepEqual([mended.status, mended.body.count], [201, 2]);
      await settled(of, mended.body.data.id);
      const { body } = await world.admin('GET', `/service/${of.id}/job/${mended.body.data.id}/notifications`);
      assert.deepEqual(
        body.notifications
          .map((one: { to: string; status: string; resent_from: string }) => [
            one.to,
            one.status,
            one.resent_from,
          ])
          .toSorted(),
        [
          ['07700 900777', 'delivered', failed[2].id],
          ['07700 900778', 'delivered', nobody.id],
        ],
      );
    });

    test('values come again as they were, lists and empty ones too; what a row cannot hold is left out', async () => {
      const plain = await send({ personalisation: { name: '=1+1, "x"\ny', time: 5.5 } });
      const list = await send({ personalisation: { name: ['Ash', 'Rowan', 'Zoë'], time: ['14:05'] } });
      const empty = await send({ personalisation: { name: '', time: ' 14:05 ' } });
      const none = await send({ personalisation: { name: [], time: '14:05' } });
      await world.drain();
      const { body } = await resend({ ids: [plain, list, empty, none, randomUUID()] });
      assert.deepEqual([body.count, reasons(body)], [3, { 'not-found': 1, values: 1 }]);
      assert.equal(body.may_arrive_twice, 3);
      await settled(of, body.data.id);
      const read = (id: string) => world.admin('GET', `/service/${of.id}/notifications/${id}`);
      const page = await world.admin('GET', `/service/${of.id}/job/${body.data.id}/notifications`);
      for (const again of page.body.notifications) {
        const original = (await read(again.resent_from)).body;
        assert.deepEqual([again.body, again.client_reference], [original.body, 'mine']);
      }
    });

    test('what is under way, was sent with a test key, or may arrive twice is told apart', async () => {
      const { pool } = world.connection;
      const [underWay, tested, unknown] = [await send({}), await send({}, 'test'), await send({})];
      await world.drain();
      await set(underWay, 'sending');
      await set(unknown, 'temporary-failure');
      await pool.query('delete from receipts where notification_id = $1', [unknown]);
      const { body } = await resend({ ids: [underWay, tested, unknown], dry_run: true });
      assert.deepEqual(
        [body.count, reasons(body), body.may_arrive_twice],
        [1, { 'under-way': 1, 'test-key': 1 }, 1],
      );
      await set(underWay, 'delivered');
    });

    test('only messages of one template are sent again, and only by who may', async () => {
      const text = await send({});
      const { body: email } = await world.call('POST', '/v2/notifications/email', {
        key: of.keys.normal,
        body: {
          ...{ template_id: of.templates.email, email_address: 'rowan@example.com' },
          personalisation: { name: 'Rowan', time: '14:05' },
        },
      });
      await world.drain();
      const { status, body } = await resend({ ids: [text, email.id] });
      assert.deepEqual(
        [status, body.message],
        [400, 'The messages are of several templates: send those of each template again by themselves'],
      );
      const other = await world.addTenant();
      const foreign = await world.admin('POST', `/service/${other.id}/notifications/resend`, { ids: [text] });
      assert.deepEqual([foreign.status, foreign.body.message], [404, none]);
      const person = randomUUID();
      await addUser(world.connection.db, {
        id: person,
        name: 'Ash',
        emailAddress: `${person}@example.com`,
        state: 'active',
      });
      await world.connection.db
        .insertInto('service_users')
        .values({ service_id: of.id, user_id: person, permissions: ['send_emails'] })
        .execute();
      const as = { 'X-Notify-User-Id': person };
      assert.equal((await world.admin('POST', at(), { ids: [text] }, as)).status, 403);
      assert.equal((await world.admin('POST', at(), { ids: [email.id], dry_run: true }, as)).status, 200);
      const wrong = await resend({ ids: [text], recipients: { [text]: 'rowan@example.com' } });
      assert.deepEqual(
        [wrong.status, wrong.body.message],
        [400, { recipients: [`Not a valid phone number (${text})`] }],
      );
    });
  });
});
