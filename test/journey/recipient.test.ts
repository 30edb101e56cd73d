import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { sealedColumns } from '../../src/upkeep/sealed-columns.ts';
import { callbacksOf, type Receiver, receiver, registerCallback } from '../support/callback-receiver.ts';
import { readJob, startJob } from '../support/jobs.ts';
import { runCommand } from '../support/process.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const number = '07700 900123';
const address = 'rowan@harbour.example';
/** How they may be written anywhere, and what only messages to and from them say. */
const traces = {
  number: /7700\s?900\s?123|Rowan by phone/i,
  address: /rowan@harbour\.example|Rowan by post/i,
  other: /7700\s?900\s?124|ash@harbour\.example|Ash/,
};
type Trace = keyof typeof traces;

const settings = {
  CALLBACK_ALLOW_PRIVATE: 'true',
  MMG_INBOUND_SMS_USERNAME: 'tide',
  MMG_INBOUND_SMS_AUTH: 'pass',
};

describe('what is kept of a recipient', () => {
  let world: World;
  let service: Receiver;
  let first: Tenant;
  let second: Tenant;
  let person: string;
  const later = () => new Date(world.clock.now() + 3_600_000).toISOString();

  before(async () => {
    service = await receiver();
    world = await createWorld({ environment: settings });
    const options = { permissions: ['sms', 'email', 'schedule', 'upload_document'] as never };
    [first, second] = [await world.addTenant(options), await world.addTenant(options)];
    await fill(first, '07700900456');
    await fill(second, '07700900457');
    const account = { name: 'Rowan', email_address: address, mobile_number: '07700900321' };
    const added = await ok(
      world.admin('POST', '/user', { ...account, password: 'sea charts and tides', auth_type: 'sms_auth' }),
    );
    person = added.data.id;
    await ok(world.admin('POST', `/service/${first.id}/suppressions`, { recipient: address }));
  });
  after(async () => {
    await world?.stop();
    service?.stop();
  });

  async function ok(answer: Promise<{ status: number; body: any }>): Promise<any> {
    const { status, body } = await answer;
    assert.ok(status < 300, `${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Everything that a service can keep of the recipient, and the same of somebody else. */
  async function fill(tenant: Tenant, inbound: string): Promise<void> {
    for (const type of ['delivery_status', 'inbound_sms'])
      await registerCallback(world, tenant, service.url, type);
    const post = (type: 'sms' | 'email', body: object, headers = {}) =>
      ok(
        world.call('POST', `/v2/notifications/${type}`, {
          ...{ key: tenant.keys.normal, headers },
          body: { template_id: tenant.templates[type], ...body },
        }),
      );
    const byPhone = { name: 'Rowan by phone', time: '14:05' };
    const file = { file: Buffer.from('name\nRowan\n').toString('base64'), filename: 'tide.csv' };
    await post('sms', { phone_number: number, personalisation: byPhone }, { 'Idempotency-Key': 'once' });
    await post('sms', { phone_number: number, personalisation: byPhone, scheduled_for: later() });
    await post('email', { email_address: address, personalisation: { name: 'Rowan by post', time: file } });
    const byPost = { name: 'Rowan by post', time: '14:05' };
    await post('email', { email_address: address, personalisation: byPost, scheduled_for: later() });
    await post('sms', { phone_number: '07700900124', personalisation: { name: 'Ash', time: '15:10' } });
    await post('email', {
      email_address: 'ash@harbour.example',
      personalisation: { name: 'Ash', time: '15:10' },
    });

    const rows = `phone number,name,time\n${number},Rowan by phone,14:05\n07700900124,Ash,15:10\n`;
    const uploadPath = `/service/${tenant.id}/upload?template_id=${tenant.templates.sms}&file_name=tides.csv`;
    const { data: upload } = await ok(world.admin('POST', uploadPath, rows));
    const list = { id: upload.id, created_by: platformUserId };
    await ok(world.admin('POST', `/service/${tenant.id}/contact-list`, list));
    const emails = `email address,name,time\n${address},Rowan by post,14:05\nash@harbour.example,Ash,15:10\n`;
    await ok(world.admin('POST', uploadPath.replace(tenant.templates.sms, tenant.templates.email), emails));
    const records = [
      [number, 'Rowan by phone', '14:05', 'a'],
      ['07700900124', 'Ash', '15:10', 'b'],
    ];
    const job = await startJob(world, tenant, records);
    await startJob(world, tenant, records, { scheduled_for: later() });
    await world.until(
      () => readJob(world, tenant, job),
      ({ final_at }) => final_at !== null,
      60,
    );

    const { data: added } = await ok(
      world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: [inbound] }),
    );
    await ok(world.admin('POST', `/inbound-number/service/${tenant.id}`, { inbound_number_id: added[0].id }));
    for (const [from, text] of [
      ['447700900123', 'From+Rowan+by+phone'],
      ['447700900124', 'From+Ash'],
    ]) {
      const response = await fetch(`${world.api}/notifications/sms/receive/mmg`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('tide:pass').toString('base64')}` },
        body: JSON.stringify({
          ...{ MSISDN: from, Number: `44${inbound.slice(1)}`, Message: text, ID: `${inbound} ${from}` },
          DateRecieved: '2017-05-02+14%3A03%3A07',
        }),
      });
      assert.equal(response.status, 200);
    }
    await ok(
      world.admin('PUT', `/service/${tenant.id}/guest-list`, {
        ...{ phone_numbers: [number, '07700900124'] },
        email_addresses: ['Rowan@harbour.example', 'ash@harbour.example'],
      }),
    );
    await ok(
      world.admin('POST', '/events', {
        event_type: 'called',
        data: { service_id: tenant.id, about: [{ number, price: 0.1 }, { number: '07700900124' }] },
      }),
    );
    await world.until(
      () => callbacksOf(world, tenant),
      (all) => all.length >= 8 && all.every(({ status }) => status === 'delivered'),
      60,
    );
    const { data: report } = await ok(
      world.admin('POST', `/service/${tenant.id}/report-request`, {
        ...{ user_id: platformUserId, report_type: 'notifications_report' },
        ...{ notification_type: 'sms', notification_status: 'all' },
      }),
    );
    await world.until(
      async () => (await world.admin('GET', `/service/${tenant.id}/report-request/${report.id}`)).body.data,
      ({ status }) => status === 'stored',
      60,
    );
  }

  const cipher = createCipher([secretKey], salt);
  /** The tables that say something of somebody, as rows or in sealed values, of one service or of all. */
  async function found(trace: Trace, of: Tenant | null = null): Promise<readonly string[]> {
    const { pool } = world.connection;
    const { rows: tables } = await pool.query<{ name: string }>(`
      select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'p') and not c.relispartition
        and c.relnamespace = 'public'::regnamespace order by 1`);
    const where = new Set<string>();
    for (const { name } of tables) {
      const columns = sealedColumns.filter(({ table }) => table === name);
      const keys = columns.map(({ key }) => `array[${key.map((one) => `t.${one.name}::text`)}]`);
      const values = columns.flatMap(({ column }, index) => [
        `${keys[index]} as k${index}`,
        `t.${column} as v${index}`,
      ]);
      const { rows } = await pool.query(
        `select ${['to_jsonb(t) as row', ...values].join(', ')} from ${name} t`,
      );
      for (const row of rows) {
        const serviceId = row.row.service_id ?? (await ownerOf(name, row.row));
        if (of && serviceId !== of.id) continue;
        const texts = columns.map(({ context }, index) =>
          row[`v${index}`] === null ? '' : cipher.open(row[`v${index}`], context(...row[`k${index}`])),
        );
        if (traces[trace].test([JSON.stringify(row.row), ...texts].join(' '))) where.add(name);
      }
    }
    return [...where].sort();
  }
  async function ownerOf(table: string, row: Record<string, string>): Promise<string | null> {
    const parents: Record<string, string> = { upload_rows: 'uploads', contact_list_rows: 'contact_lists' };
    if (!parents[table]) return null;
    const id = row['upload_id'] ?? row['list_id'];
    const { rows } = await world.connection.pool.query(
      `select service_id from ${parents[table]} where id = $1`,
      [id],
    );
    return rows[0].service_id;
  }
  const despatch = async (...args: string[]) => {
    const done = await runCommand(
      args,
      environment(world.databaseUrl, world.dataDir, { ...settings, PORT: '6011' }),
    );
    assert.deepEqual([done.err, done.code], ['', 0]);
    return done.out;
  };
  const erase = async (recipient: string, ...more: string[]) =>
    JSON.parse(await despatch('erase', '--recipient', recipient, '--yes', '--json', ...more));

  test('all of it is written to a file of one’s own, of all services, with messages as they were sent', async () => {
    const path = join(world.dataDir, 'rowan.json');
    assert.equal(await despatch('export', '--recipient', '+44 7700 900 123', '--output', path), '');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, 'utf8');
    assert.doesNotMatch(text, traces.other);
    const all = JSON.parse(text);
    assert.equal(all.recipient, '447700900123');
    const lengths = Object.entries(all).map(([name, list]) => [name, (list as unknown[]).length]);
    assert.deepEqual(Object.fromEntries(lengths.slice(1)), {
      ...{
        messages: 6,
        received_texts: 2,
        rows_of_files: 6,
        rows_of_contact_lists: 2,
        guest_list_entries: 2,
      },
      ...{ suppressions: 0, accounts: 0, invitations: 0 },
    });
    const [message] = all.messages;
    assert.match(message.body, /Hi Rowan by phone, high tide at 14:05$/);
    assert.deepEqual([message.status, message.service.id], ['delivered', first.id]);
    assert.match(message.service.name, /^Harbour/);
    assert.ok(
      message.timeline.some(({ event }: { event: string }) => event === 'attempt'),
      JSON.stringify(message.timeline),
    );
    assert.equal(all.received_texts[0].content, 'From Rowan by phone');
    assert.deepEqual(all.rows_of_files[0].cells[0], { column: 'phone number', value: number });

    const ofSecond = JSON.parse(await despatch('export', '--recipient', address, '--service', second.id));
    assert.deepEqual(
      [ofSecond.messages.length, ofSecond.rows_of_files.length, ofSecond.accounts.length],
      [2, 1, 1],
    );
    assert.match(ofSecond.messages[0].html, /Rowan by post/);
    const again = await runCommand(
      ['export', '--recipient', number, '--output', path],
      environment(world.databaseUrl, world.dataDir, settings),
    );
    assert.match(again.err, /exists already/);
  });

  test('it is erased in one service, but for what is still to be sent; nobody else loses anything', async () => {
    const others = await found('other');
    const elsewhere = await found('number', second);
    const { erased, kept } = await erase(number, '--service', first.id);
    assert.deepEqual(erased, {
      ...{ messages: 2, cancelled_messages: 0, files_sent_as_links: 0, reports: 1, callbacks: 3 },
      ...{ received_texts: 1, rows_of_files: 2, rows_of_contact_lists: 1, guest_list_entries: 1, events: 1 },
      ...{ remembered_answers: 1, remembered_admin_answers: 0 },
    });
    assert.deepEqual(kept, {
      ...{ messages_still_to_be_sent: 1, rows_of_files_still_to_be_sent: 1 },
      ...{ suppressions: 0, people_who_sign_in: 0, invitations: 0 },
    });
    assert.deepEqual(await found('number', first), ['accepted', 'upload_rows']);
    assert.deepEqual(await found('number', second), elsewhere);
    // The report of this service had both.
    assert.deepEqual(await found('other'), others);
  });

  test('it is erased everywhere, what was to be sent is cancelled, and a second run finds nothing', async () => {
    const { erased, kept } = await erase('(0)7700-900-123'.replace('(0)', '0'), '--cancel-pending');
    assert.deepEqual([erased.messages, erased.cancelled_messages, erased.rows_of_files], [4, 2, 4]);
    assert.deepEqual([kept.messages_still_to_be_sent, kept.rows_of_files_still_to_be_sent], [0, 0]);
    assert.deepEqual(await found('number'), []);

    const post = await erase(address, '--cancel-pending');
    assert.deepEqual([post.erased.messages, post.erased.files_sent_as_links], [4, 2]);
    assert.deepEqual([post.kept.suppressions, post.kept.people_who_sign_in], [1, 1]);
    // Who must not get mail stays known, and so does a person who signs in, with what happened to them.
    assert.deepEqual(await found('address'), ['events', 'suppressions', 'users']);
    const { body } = await world.admin('GET', '/events');
    const naming = body.events.filter((event: object) => traces.address.test(JSON.stringify(event)));
    assert.deepEqual([...new Set(naming.map((event: any) => event.subject_id))], [person]);
    for (const recipient of [number, address]) {
      const second = await erase(recipient, '--cancel-pending');
      assert.deepEqual(
        Object.values(second.erased).filter((count) => count !== 0),
        [],
        JSON.stringify(second),
      );
    }
  });

  test('facts stay: the history with its statuses, and an event that names the recipient only by a keyed hash', async () => {
    const { rows } = await world.connection.pool.query(
      `select status, count(*)::int as count from notification_history h
       where not exists (select from notifications n where n.id = h.id) group by status order by status`,
    );
    assert.deepEqual(rows, [
      { status: 'cancelled', count: 4 },
      { status: 'delivered', count: 6 },
    ]);
    const { body } = await world.admin('GET', '/events?type=erase_recipient');
    const events = body.events.filter(
      ({ event_type }: { event_type: string }) => event_type === 'erase_recipient',
    );
    assert.equal(events.length, 5);
    const hash = cipher.hash('447700900123', 'erased recipient');
    assert.equal(events.at(-1).data.after.recipient_hash, hash);
  });

  test('what is left works: a repeated request sends nothing, the contact list goes to the others, a job gives up its empty row', async () => {
    const repeated = await world.call('POST', '/v2/notifications/sms', {
      ...{ key: first.keys.normal, headers: { 'Idempotency-Key': 'once' } },
      body: {
        ...{ template_id: first.templates.sms, phone_number: number },
        personalisation: { name: 'Rowan by phone', time: '14:05' },
      },
    });
    assert.deepEqual([repeated.status, repeated.body.content.body], [201, '']);
    const { body: lists } = await world.admin('GET', `/service/${first.id}/contact-list`);
    const { data } = await ok(
      world.admin(
        'POST',
        `/service/${first.id}/contact-list/${lists[0].id}/upload?template_id=${first.templates.sms}`,
      ),
    );
    assert.deepEqual([data.valid, data.notification_count], [true, 1]);
    await world.advance(2 * 3600);
    await world.until(
      async () =>
        (
          await world.connection.pool.query(
            'select from jobs where scheduled_for is not null and final_at is null',
          )
        ).rowCount,
      (open) => open === 0,
      60,
    );
    const { rows } = await world.connection.pool.query(
      `select h.status, h.given_up, count(*)::int as count from notification_history h join jobs j on j.id = h.job_id
       where j.scheduled_for is not null group by 1, 2 order by 1`,
    );
    assert.deepEqual(rows, [
      { status: 'delivered', given_up: null, count: 2 },
      { status: 'validation-failed', given_up: 'invalid-recipient', count: 2 },
    ]);
    assert.deepEqual(await found('number'), []);
  });

  test('of what waits for another try, only what no provider can have is cancelled and erased', async () => {
    await world.behave({ failure_rate: 1 });
    const send = async () => {
      const body = { template_id: first.templates.sms, phone_number: '07700900125' };
      const personalisation = { name: 'Elm', time: '14:05' };
      const options = { key: first.keys.normal, body: { ...body, personalisation } };
      return (await ok(world.call('POST', '/v2/notifications/sms', options))).id as string;
    };
    const ids = [await send(), await send()];
    for (const id of ids)
      await world.until(
        () => world.call('GET', `/v2/notifications/${id}/timeline`, { key: first.keys.normal }),
        ({ body }) => body.timeline.some(({ outcome }: { outcome?: string }) => outcome === 'failed'),
        60,
      );
    // As if its answer had been lost.
    await world.connection.pool.query(`update attempts set outcome = 'unknown' where notification_id = $1`, [
      ids[0],
    ]);
    const counts = ({ erased, kept }: Record<string, any>) => [
      erased.messages,
      kept.messages_still_to_be_sent,
    ];
    assert.deepEqual(counts(await erase('07700900125')), [0, 2]);
    assert.deepEqual(counts(await erase('07700900125', '--cancel-pending')), [1, 1]);
    await world.behave({ failure_rate: 0 });
    await world.advance(3600);
    await world.drain(120);
    assert.deepEqual(counts(await erase('07700900125')), [1, 0]);
    const { rows } = await world.connection.pool.query(
      'select status, (select count(*)::int from attempts where notification_id = id) as attempts from notification_history where id = any($1) order by status',
      [ids],
    );
    assert.deepEqual(
      rows.map(({ status }) => status),
      ['cancelled', 'delivered'],
    );
    assert.equal(rows[0].attempts, 1);
  });

  test('without a terminal it must be confirmed, and a recipient must be one', async () => {
    const run = (...args: string[]) =>
      runCommand(args, environment(world.databaseUrl, world.dataDir, settings));
    const unconfirmed = await run('erase', '--recipient', number);
    assert.deepEqual([unconfirmed.code, unconfirmed.out], [1, '']);
    assert.match(unconfirmed.err, /give --yes/);
    assert.match(
      (await run('export', '--recipient', 'nobody')).err,
      /must be a phone number or an email address/,
    );
  });
});
