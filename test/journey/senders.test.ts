import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createWorld, type World } from '../support/world.ts';

type Row = Record<string, unknown> & { id: string; is_default: boolean };

const notFound = { result: 'error', message: 'No result found' };
const plain = (message: string) => ({ result: 'error', message });
const schemaErrors = (...messages: string[]) => ({
  status_code: 400,
  errors: messages.map((message) => ({ error: 'ValidationError', message })),
});

/** What differs between the two kinds. */
const kinds = [
  {
    kind: 'sms-sender',
    field: 'sms_sender',
    event: 'sms_sender',
    inPlace: 'HARBOUR',
    values: ['TIDE', 'Pier 7', '447700900123', 'A&B_c.d-e'],
    needsDefault: 'You must have at least one SMS sender as the default',
    keepsDefault: 'You cannot delete a default sms sender',
    bare: true,
  },
  {
    kind: 'email-reply-to',
    field: 'email_address',
    event: 'email_reply_to',
    inPlace: 'desk@example.com',
    values: ['tide@example.com', 'Pier@Example.com', 'quay@example.com', 'mole@example.com'],
    needsDefault: 'You must have at least one reply to email address as the default.',
    keepsDefault: 'You cannot delete a default email reply to address',
    bare: false,
  },
] as const;

describe('senders and reply-to addresses through the admin API', () => {
  let world: World;

  before(async () => {
    world = await createWorld();
  });
  after(() => world?.stop());

  for (const { kind, field, event, inPlace, values, needsDefault, keepsDefault, bare } of kinds) {
    /** The path of a service that has one of them. */
    const ofService = async () => `/service/${(await world.addTenant()).id}/${kind}`;
    const list = async (base: string): Promise<Row[]> => (await world.admin('GET', base)).body;
    const body = (value: string, is_default: boolean) => ({ [field]: value, is_default });
    const add = async (base: string, value: string, isDefault: boolean): Promise<Row> => {
      const answer = await world.admin('POST', base, body(value, isDefault));
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      return bare ? answer.body : answer.body.data;
    };
    const oneDefault = (rows: Row[]) => {
      assert.equal(rows.filter((row) => row.is_default).length, 1, JSON.stringify(rows));
    };

    test(`${kind}: what is added is listed, the default first, then the newest`, async () => {
      const base = await ofService();
      const [first, second, third] = values;
      const added = await add(base, first, false);
      await add(base, second, true);
      await add(base, third, false);
      const rows = await list(base);
      assert.deepEqual(
        rows.map((row) => [row[field], row.is_default]),
        [
          [second, true],
          [third, false],
          [first, false],
          [inPlace, false],
        ],
      );
      const { id, created_at, ...rest } = added;
      assert.deepEqual(rest, {
        ...{ service_id: base.split('/')[2], is_default: false, archived: false, updated_at: null },
        ...(kind === 'sms-sender' && { inbound_number_id: null }),
        [field]: first,
      });
      assert.match(String(created_at), /Z$/);
      const one = await world.admin('GET', `${base}/${id}`);
      assert.deepEqual([one.status, one.body], [200, added]);
      assert.notEqual(rows.at(-1)!['updated_at'], null);
    });

    test(`${kind}: a change and a deletion take effect, and leave events with before and after`, async () => {
      const base = await ofService();
      const row = await add(base, values[0], false);
      const changed = await world.admin('POST', `${base}/${row.id}`, body(values[1], true));
      assert.equal(changed.status, 200);
      const shown = bare ? changed.body : changed.body.data;
      assert.deepEqual([shown[field], shown.is_default], [values[1], true]);
      assert.notEqual(shown.updated_at, null);
      const other = (await list(base)).at(-1)!;
      const archived = await world.admin('POST', `${base}/${other.id}/archive`);
      assert.deepEqual([archived.status, archived.body.data.archived], [200, true]);
      assert.deepEqual(
        (await list(base)).map((one) => one.id),
        [row.id],
      );
      const { events } = (await world.admin('GET', `/events?service_id=${base.split('/')[2]}`)).body;
      assert.deepEqual(
        events.map((one: { event_type: string }) => one.event_type),
        [`archive_${event}`, `update_${event}`, `create_${event}`],
      );
      const { before, after } = events[1].data;
      assert.deepEqual([before[field], before.is_default], [values[0], false]);
      assert.deepEqual([after[field], after.is_default], [values[1], true]);
    });

    test(`${kind}: a service always has a default`, async () => {
      const base = await ofService();
      const [first] = await list(base);
      const unset = await world.admin('POST', `${base}/${first!.id}`, body(inPlace, false));
      assert.deepEqual([unset.status, unset.body], [400, plain(needsDefault)]);
      const gone = await world.admin('POST', `${base}/${first!.id}/archive`);
      assert.deepEqual([gone.status, gone.body], [400, plain(keepsDefault)]);
      const { pool } = world.connection;
      const table = kind === 'sms-sender' ? 'service_sms_senders' : 'service_email_reply_to';
      await pool.query(`delete from ${table} where id = $1`, [first!.id]);
      const added = await world.admin('POST', base, body(values[0], false));
      assert.deepEqual([added.status, added.body], [400, plain(needsDefault)]);
      await add(base, values[0], true);
      oneDefault(await list(base));
    });

    test(`${kind}: of simultaneous changes of the default and deletions, exactly one default is left`, async () => {
      const base = await ofService();
      for (const value of values) await add(base, value, false);
      for (let round = 0; round < 5; round++) {
        const rows = await list(base);
        const answers = await Promise.all([
          ...rows.map((row) => world.admin('POST', `${base}/${row.id}`, body(String(row[field]), true))),
          ...rows.slice(0, 1).map((row) => world.admin('POST', `${base}/${row.id}/archive`)),
        ]);
        for (const { status } of answers) assert.ok([200, 400, 404].includes(status), String(status));
        oneDefault(await list(base));
      }
    });

    test(`${kind}: a body, a service or an id that is wrong is refused`, async () => {
      const base = await ofService();
      const [first] = await list(base);
      const wrong = [
        [{}, schemaErrors(`${field} is a required property`, 'is_default is a required property')],
        [
          { [field]: 7, is_default: 'yes' },
          schemaErrors(`${field} 7 is not of type string`, 'is_default yes is not of type boolean'),
        ],
      ] as const;
      for (const path of [base, `${base}/${first!.id}`])
        for (const [given, answer] of wrong) {
          const got = await world.admin('POST', path, given);
          assert.deepEqual([got.status, got.body], [400, answer], path);
        }
      const { id: stranger } = await world.addTenant();
      const paths: [method: string, path: string][] = [
        ['POST', `/service/${randomUUID()}/${kind}`],
        ['GET', `${base}/${randomUUID()}`],
        ['POST', `${base}/${randomUUID()}`],
        ['POST', `${base}/${randomUUID()}/archive`],
        ['GET', `/service/${stranger}/${kind}/${first!.id}`],
        ['POST', `/service/${stranger}/${kind}/${first!.id}`],
        ['POST', `/service/${stranger}/${kind}/${first!.id}/archive`],
      ];
      const extra = await add(base, values[0], false);
      await world.admin('POST', `${base}/${extra.id}/archive`);
      for (const method of ['GET', 'POST']) paths.push([method, `${base}/${extra.id}`]);
      paths.push(['POST', `${base}/${extra.id}/archive`]);
      for (const [method, path] of paths) {
        const got = await world.admin(method, path, method === 'POST' ? body(values[1], true) : undefined);
        assert.deepEqual([got.status, got.body], [404, notFound], `${method} ${path}`);
      }
      oneDefault(await list(base));
    });
  }

  test('a reply-to address that the service has already is a 409, also of many at once; a deleted one is free', async () => {
    const base = `/service/${(await world.addTenant()).id}/email-reply-to`;
    const body = { email_address: 'twice@example.com', is_default: false };
    const answers = await Promise.all(Array.from({ length: 8 }, () => world.admin('POST', base, body)));
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    const taken = '‘twice@example.com’ is already a reply-to email address for this service.';
    for (const answer of answers.filter(({ status }) => status !== 201))
      assert.deepEqual([answer.status, answer.body], [409, plain(taken)]);
    const again = await world.admin('POST', base, { email_address: 'TWICE@example.com', is_default: true });
    assert.equal(again.status, 409);
    const rows: Row[] = (await world.admin('GET', base)).body;
    assert.equal(rows[0]!['email_address'], 'desk@example.com');
    assert.ok(rows[0]!.is_default);
    const changed = await world.admin('POST', `${base}/${rows[0]!.id}`, { ...body, is_default: true });
    assert.deepEqual([changed.status, changed.body], [409, plain(taken)]);
    const { id } = answers.find(({ status }) => status === 201)!.body.data;
    await world.admin('POST', `${base}/${id}/archive`);
    assert.equal((await world.admin('POST', base, body)).status, 201);
    const invalid = await world.admin('POST', base, { email_address: 'tide', is_default: false });
    assert.deepEqual(
      [invalid.status, invalid.body],
      [400, schemaErrors('email_address Not a valid email address')],
    );
  });

  test('a reply-to address set on the service itself becomes the default, also if another entry has it', async () => {
    const { id } = await world.addTenant();
    const base = `/service/${id}/email-reply-to`;
    await world.admin('POST', base, { email_address: 'quay@example.com', is_default: false });
    for (const [reply_to_email_address, texts] of [
      ['QUAY@example.com', ['QUAY@example.com', 'desk@example.com']],
      ['mole@example.com', ['mole@example.com', 'desk@example.com']],
    ] as const) {
      const { status, body } = await world.admin('POST', `/service/${id}`, { reply_to_email_address });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.data.reply_to_email_address, reply_to_email_address);
      const rows: Row[] = (await world.admin('GET', base)).body;
      assert.deepEqual(
        rows.map((row) => row['email_address']),
        texts,
      );
    }
  });

  test('a sender that no network would show is refused', async () => {
    const base = `/service/${(await world.addTenant()).id}/sms-sender`;
    const text =
      'sms_sender must be 3 to 11 letters, digits, spaces and . _ & - with a letter or digit, or a number of 5 to 15 digits';
    for (const sms_sender of [
      '',
      'ab',
      '...',
      'twelve chars',
      'Härbour',
      'a/b',
      '1234567890123456',
      'ABC\0',
      'ABC\n',
    ]) {
      const answer = await world.admin('POST', base, { sms_sender, is_default: false });
      assert.deepEqual([answer.status, answer.body], [400, schemaErrors(text)], sms_sender);
    }
  });

  test('an inbound number stays a sender as it is; it can become the default', async () => {
    const { id } = await world.addTenant();
    const base = `/service/${id}/sms-sender`;
    await world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: ['07700900456'] });
    const given = await world.admin('POST', `/inbound-number/service/${id}`);
    assert.equal(given.status, 200);
    const rows: Row[] = (await world.admin('GET', base)).body;
    const number = rows.find((row) => row['inbound_number_id'] === given.body.data.id)!;
    const path = `${base}/${number.id}`;
    const fixed = plain(`You can not change the inbound number for service ${id}`);
    const body = { sms_sender: '07700900456', is_default: true };
    for (const change of [
      { ...body, sms_sender: '07700900457' },
      { ...body, inbound_number_id: randomUUID() },
    ]) {
      const answer = await world.admin('POST', path, change);
      assert.deepEqual([answer.status, answer.body], [400, fixed]);
    }
    const gone = await world.admin('POST', `${path}/archive`);
    assert.deepEqual([gone.status, gone.body], [400, plain('You cannot delete an inbound number')]);
    const added = await world.admin('POST', base, { ...body, inbound_number_id: given.body.data.id });
    assert.equal(added.status, 400);
    assert.match(added.body.message, /POST \/inbound-number\/service/);
    const changed = await world.admin('POST', path, {
      ...body,
      inbound_number_id: number['inbound_number_id'],
    });
    assert.deepEqual([changed.status, changed.body.is_default], [200, true]);
  });

  test('the next message goes out with the new default', async () => {
    const tenant = await world.addTenant();
    const send = async (name: string) => {
      const { status, body } = await world.call('POST', '/v2/notifications/sms', {
        key: tenant.keys.normal,
        body: {
          ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
          personalisation: { name, time: '14:05' },
        },
      });
      assert.equal(status, 201, JSON.stringify(body));
      return body.content.from_number;
    };
    assert.equal(await send('Rowan'), 'HARBOUR');
    await world.admin('POST', `/service/${tenant.id}/sms-sender`, { sms_sender: 'TIDE', is_default: true });
    assert.equal(
      await world.until(
        () => send('Rowan'),
        (from) => from === 'TIDE',
        2,
      ),
      'TIDE',
    );
  });
});
