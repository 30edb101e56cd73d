import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { bounds } from '../../src/job/contact-list/contact-list.ts';
import { holdContactList } from '../../src/job/contact-list/store.ts';
import { findRecords } from '../../src/job/upload/store.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { upload as addRows, readJob } from '../support/jobs.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const none = 'No result found';
const header = 'phone number,name,time,area';
const rowan = '07700900123,Rowan,14:05,north';
const ash = '07700900124,Ash,15:10,south';

describe('contact lists', () => {
  let world: World;
  let tenant: Tenant;

  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant({ permissions: ['sms', 'email'], prefixSms: false });
  });
  after(() => world.stop());

  const at = (id = '', of = tenant) => `/service/${of.id}/contact-list${id && `/${id}`}`;
  const upload = async (file: string, of = tenant) => {
    const path = `/service/${of.id}/upload?template_id=${of.templates.sms}&file_name=team.csv`;
    return (await world.admin('POST', path, file)).body.data.id as string;
  };
  const keep = (id: string, more: object = {}, of = tenant, headers = {}) =>
    world.admin('POST', at('', of), { id, created_by: platformUserId, ...more }, headers);
  const kept = async (file = [header, rowan, ash].join('\n'), of = tenant) => {
    const { status, body } = await keep(await upload(file, of), {}, of);
    assert.equal(status, 201, JSON.stringify(body));
    return body.id as string;
  };
  const check = (id: string, template = tenant.templates.sms, of = tenant) =>
    world.admin('POST', `${at(id, of)}/upload?template_id=${template}`);
  const send = (id: string, more: object = {}) =>
    world.admin('POST', `/service/${tenant.id}/job`, { id, created_by: platformUserId, ...more });
  const template = async (content: string, of = tenant) => {
    const body = { name: content, template_type: 'sms', content, service: of.id, created_by: platformUserId };
    return (await world.admin('POST', `/service/${of.id}/template`, body)).body.data.id as string;
  };
  const suspended = async (act: () => Promise<void>) => {
    await world.admin('POST', `/service/${tenant.id}/suspend`);
    await act();
    await world.admin('POST', `/service/${tenant.id}/resume`);
  };
  const refused = ({ status, body }: { status: number; body: any }) => [status, body.message];

  test('a list is made of a checked file, sent to several templates, deleted, and its jobs remain', async () => {
    const id = await upload([header, rowan, ash].join('\n'));
    const made = await keep(id, { original_file_name: 'Team.csv', row_count: 2, template_type: 'sms' });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body, {
      ...{ id, original_file_name: 'Team.csv', row_count: 2, recent_job_count: 0, has_jobs: false },
      ...{ template_type: 'sms', service_id: tenant.id, created_by: 'Despatch' },
      created_at: made.body.created_at,
    });
    // The upload is still what it was, and can be sent by itself.
    assert.equal((await world.admin('GET', `/service/${tenant.id}/upload/${id}`)).body.data.valid, true);

    const jobs: string[] = [];
    for (const content of ['Closed, ((name))', 'The ((area)) office is closed']) {
      const checked = await check(id, await template(content));
      assert.equal(checked.status, 201);
      const { data } = checked.body;
      assert.notEqual(data.id, id);
      assert.deepEqual(
        [data.valid, data.notification_count, data.original_file_name, data.contact_list_id, data.columns],
        [true, 2, 'Team.csv', id, ['phone number', 'name', 'time', 'area']],
      );
      jobs.push(data.id);
      const sent = await send(data.id, jobs.length === 1 ? { contact_list_id: id } : {});
      assert.deepEqual([sent.status, sent.body.data.contact_list_id], [201, id]);
    }
    await world.drain(120);
    const bodies = await Promise.all(
      jobs.map(async (job) => {
        const { body } = await world.admin('GET', `/service/${tenant.id}/job/${job}/notifications`);
        return body.notifications.map((one: { body: string }) => one.body);
      }),
    );
    assert.deepEqual(bodies, [
      ['Closed, Rowan', 'Closed, Ash'],
      ['The north office is closed', 'The south office is closed'],
    ]);
    const { body: shown } = await world.admin('GET', at(id));
    assert.deepEqual([shown.recent_job_count, shown.has_jobs], [2, true]);
    const listed = await world.admin('GET', `/service/${tenant.id}/job?contact_list_id=${id}`);
    assert.deepEqual(listed.body.data.map((job: { id: string }) => job.id).toSorted(), jobs.toSorted());

    assert.equal((await world.admin('DELETE', at(id))).status, 204);
    const { pool } = world.connection;
    const { rows } = await pool.query('select from contact_list_rows where list_id = $1', [id]);
    assert.equal(rows.length, 0);
    for (const answer of [
      await world.admin('GET', at(id)),
      await world.admin('DELETE', at(id)),
      await check(id),
    ])
      assert.deepEqual(refused(answer), [404, none]);
    assert.equal((await readJob(world, tenant, jobs[0]!)).contact_list_id, id);
    assert.deepEqual(refused(await keep(id)), [400, { id: ['Already in use'] }]);
    const { rows: events } = await pool.query(
      'select event_type, data from events where subject_id = $1 order by id',
      [id],
    );
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ['create_upload', 'create_contact_list', 'delete_contact_list'],
    );
    assert.equal(JSON.stringify(events).includes('07700'), false);
  });

  test('lists are shown newest first, and count jobs as recent while their messages are kept', async () => {
    const of = await world.addTenant();
    const [first, second] = [await kept(undefined, of), await kept(undefined, of)];
    const { pool } = world.connection;
    const job = async (days: number) => {
      const id = await addRows(world.connection.db, of, { rows: [['07700900123', 'Rowan', '14:05']] });
      await world.admin('POST', `/service/${of.id}/job`, {
        id,
        created_by: platformUserId,
        hold_seconds: 600,
      });
      await pool.query(
        `update jobs set contact_list_id = $2, created_at = now() - $3 * interval '1 day' where id = $1`,
        [id, first, days],
      );
    };
    for (const days of [0, 6, 9]) await job(days);
    const { status, body } = await world.admin('GET', at('', of));
    assert.equal(status, 200);
    assert.deepEqual(
      body.map(({ id, recent_job_count: recent, has_jobs: has }: any) => [id, recent, has]),
      [
        [second, 0, false],
        [first, 2, true],
      ],
    );
    const setting = { notification_type: 'sms', days_of_retention: 30 };
    await world.admin('POST', `/service/${of.id}/data-retention`, setting);
    assert.equal((await world.admin('GET', at(first, of))).body.recent_job_count, 3);
    const stranger = await world.addTenant();
    assert.deepEqual((await world.admin('GET', at('', stranger))).body, []);
    assert.deepEqual(refused(await world.admin('GET', at(first, stranger))), [404, none]);
    assert.deepEqual(refused(await world.admin('DELETE', at(first, stranger))), [404, none]);
    assert.deepEqual(refused(await check(first, stranger.templates.sms, stranger)), [404, none]);
  });

  test('its rows are checked for the template: what the template needs more is named and can be mended', async () => {
    const id = await kept();
    const { body } = await check(id, await template('Closed until ((day))'));
    assert.deepEqual([body.data.valid, body.data.missing_columns], [false, ['day']]);
    assert.deepEqual(refused(await send(body.data.id)), [400, "File is not valid, can't create job"]);
    const { body: other } = await check(id);
    const mended = await world.admin('POST', `/service/${tenant.id}/upload/${other.data.id}/row/2`, {
      ...{ column: 'name', value: 'Fern' },
    });
    assert.deepEqual([mended.status, mended.body.data.valid], [200, true]);
    const again = await check(id);
    assert.equal(again.body.data.preview[0].body, 'Hi Rowan, high tide at 14:05');
    await suspended(async () =>
      assert.deepEqual(refused(await check(id)), [403, 'Upload is not allowed: service is inactive']),
    );
    const email = await check(id, tenant.templates.email);
    assert.deepEqual(refused(email), [
      400,
      { template: ['The contact list is for templates of another type'] },
    ]);
    assert.deepEqual(refused(await send(again.body.data.id, { contact_list_id: randomUUID() })), [
      400,
      { contact_list_id: ['The file is not of this contact list.'] },
    ]);
  });

  test('rows of any size and with any characters are kept as they were, sealed', async () => {
    const odd = ['07700900125', ' =1+1 ', '"a\nb"', '\u2028 Zoë'];
    const rows = Array.from({ length: 2600 }, (_, row) =>
      row === 1234 ? odd : [`07700900${100 + (row % 900)}`, `Person ${row}`, '14:05', 'x'.repeat(300)],
    );
    const id = await addRows(world.connection.db, tenant, { header: header.split(','), rows });
    assert.equal((await keep(id)).status, 201);
    const { pool, db } = world.connection;
    const { rows: stored } = await pool.query('select records from contact_list_rows where list_id = $1', [
      id,
    ]);
    assert.ok(stored.length > 3);
    assert.ok(stored.every(({ records }) => !records.includes('Person')));
    const { body } = await check(id);
    assert.deepEqual([body.data.notification_count, body.data.valid], [2600, true]);
    const cipher = createCipher([secretKey], salt);
    assert.deepEqual(await findRecords(db, cipher, body.data.id, 0, rows.length), rows);
  });

  test('a file with faults, an unknown one and one of another service make no list', async () => {
    const faulty = await upload(`${header}\n12,Rowan,14:05,x`);
    assert.deepEqual(refused(await keep(faulty)), [400, 'File is not valid, can’t create contact list']);
    assert.deepEqual(refused(await keep(randomUUID())), [404, none]);
    const other = await world.addTenant();
    const fine = await upload([header, rowan].join('\n'), other);
    assert.deepEqual(refused(await keep(fine)), [404, none]);
    assert.deepEqual(refused(await keep(fine, { created_by: randomUUID() }, other)), [404, none]);
    assert.deepEqual(refused(await keep(fine, { row_count: 7 }, other)), [
      400,
      { row_count: ['The file has 1 rows.'] },
    ]);
    const { rows } = await world.connection.pool.query(
      'select from contact_lists where id = any($1::uuid[])',
      [[faulty, fine]],
    );
    assert.equal(rows.length, 0);
  });

  test('of several requests for the same upload one makes the list, and all are answered with it', async () => {
    const id = await upload([header, rowan, ash].join('\n'));
    const answers = await Promise.all(Array.from({ length: 6 }, () => keep(id)));
    for (const { status, body } of answers) assert.deepEqual([status, body.id, body.row_count], [201, id, 2]);
    const { rows } = await world.connection.pool.query(
      `select from events where subject_id = $1 and event_type = 'create_contact_list'`,
      [id],
    );
    assert.equal(rows.length, 1);
  });

  test('once a list is deleted, no upload of it appears, however the two meet', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await kept();
      const [checked, deleted] = await Promise.all([check(id), world.admin('DELETE', at(id))]);
      assert.equal(deleted.status, 204);
      assert.ok(checked.status === 201 || checked.status === 404, JSON.stringify(checked.body));
      const { rows } = await world.connection.pool.query('select from uploads where contact_list_id = $1', [
        id,
      ]);
      assert.equal(rows.length, checked.status === 201 ? 1 : 0);
      const held = await world.connection.db.transaction().execute((trx) => holdContactList(trx, id));
      assert.equal(held, false);
    }
  });

  test('a service keeps a limited number of lists, exactly, also when they are made at once', async () => {
    const of = await world.addTenant();
    const { pool } = world.connection;
    await pool.query(
      `insert into contact_lists (id, service_id, template_type, original_file_name, header, filled_width, row_count, bytes,
         created_by, created_at)
       select gen_random_uuid(), $1, 'sms', 'team.csv', '[]', 0, 0, 0, $2, now() from generate_series(1, $3)`,
      [of.id, platformUserId, bounds.lists - 2],
    );
    const uploads = await Promise.all(
      Array.from({ length: 5 }, () =>
        addRows(world.connection.db, of, { rows: [['07700900123', 'Rowan', '14:05']] }),
      ),
    );
    const answers = await Promise.all(uploads.map((id) => keep(id, {}, of)));
    const statuses = answers.map(({ status }) => status).toSorted();
    assert.deepEqual(statuses, [201, 201, 400, 400, 400]);
    const one = answers.find(({ status }) => status === 400)!;
    assert.equal(
      one.body.message,
      `A service can keep ${bounds.lists} contact lists: delete one before making another`,
    );
    assert.equal((await world.admin('GET', at('', of))).body.length, bounds.lists);
    const made = answers.find(({ status }) => status === 201)!;
    await pool.query('update contact_lists set bytes = $2 where id = $1', [made.body.id, bounds.bytes]);
    await pool.query('delete from contact_lists where service_id = $1 and id <> $2', [of.id, made.body.id]);
    const full = await keep(uploads[answers.indexOf(one)]!, {}, of);
    assert.deepEqual(refused(full), [
      400,
      'The contact lists of this service are too large: delete one before making another',
    ]);
  });

  test('who may not send texts may neither make, send nor delete a list of phone numbers', async () => {
    const id = await kept();
    const made = await upload([header, rowan].join('\n'));
    const personWith = async (permissions: string[]) => {
      const person = randomUUID();
      const address = `${person}@example.com`;
      await addUser(world.connection.db, { id: person, name: 'Ash', emailAddress: address, state: 'active' });
      await world.connection.pool.query(
        'insert into service_users (service_id, user_id, permissions) values ($1, $2, $3)',
        [tenant.id, person, permissions],
      );
      return { 'X-Notify-User-Id': person };
    };
    const emails = await personWith(['send_emails']);
    assert.equal((await world.admin('GET', at(id), undefined, emails)).status, 200);
    const path = `${at(id)}/upload?template_id=${tenant.templates.sms}`;
    assert.equal((await world.admin('POST', path, undefined, emails)).status, 403);
    assert.equal((await world.admin('DELETE', at(id), undefined, emails)).status, 403);
    assert.equal((await keep(made, {}, tenant, emails)).status, 403);
    const looks = await personWith(['view_activity']);
    assert.equal((await world.admin('GET', at(), undefined, looks)).status, 403);
    const texts = await personWith(['send_texts']);
    const mine = await keep(made, {}, tenant, texts);
    assert.deepEqual([mine.status, mine.body.created_by], [201, 'Ash']);
    assert.equal((await world.admin('DELETE', at(made), undefined, texts)).status, 204);
  });
});
