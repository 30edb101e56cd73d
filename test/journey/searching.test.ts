import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addUser } from '../../src/tenant/user/store.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const values = { name: 'Rowan', time: '14:05' };
const hour = 3_600_000;

describe('what a search finds beyond whole recipients, references and ids', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  async function send(tenant: Tenant, to: string, more: object = {}, key = tenant.keys.normal) {
    const isEmail = to.includes('@');
    const { status, body } = await world.call('POST', `/v2/notifications/${isEmail ? 'email' : 'sms'}`, {
      key,
      body: {
        [isEmail ? 'email_address' : 'phone_number']: to,
        template_id: isEmail ? tenant.templates.email : tenant.templates.sms,
        personalisation: values,
        ...more,
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
    return body.id as string;
  }

  async function search(tenant: Tenant, query: object, headers: Record<string, string> = {}) {
    const { status, body } = await world.admin('POST', `/service/${tenant.id}/notifications`, query, headers);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
  const idsOf = ({ notifications }: { notifications: { id: string }[] }) => notifications.map(({ id }) => id);

  /** A member who may not see the messages of others. */
  async function sender(tenant: Tenant): Promise<Record<string, string>> {
    const id = randomUUID();
    const { pool, db } = world.connection;
    await addUser(db, { id, name: 'Sam Ferry', emailAddress: `${id}@example.com`, state: 'active' });
    await pool.query('insert into service_users (service_id, user_id, permissions) values ($1, $2, $3)', [
      ...[tenant.id, id],
      ['send_texts'],
    ]);
    return { 'X-Notify-User-Id': id };
  }

  async function sendByHand(tenant: Tenant, to: string, as: Record<string, string>): Promise<string> {
    const body = { template_id: tenant.templates.sms, to, personalisation: values };
    const by = { ...body, created_by: as['X-Notify-User-Id'] };
    const sent = await world.admin('POST', `/service/${tenant.id}/send-notification`, by, as);
    assert.equal(sent.status, 201, JSON.stringify(sent.body));
    return sent.body.id;
  }

  test('a number that nothing went to names the nearest that something went to, newest message first, at most 5', async () => {
    const tenant = await world.addTenant();
    const other = await world.addTenant();
    const near = async (query: object, headers?: Record<string, string>): Promise<string[]> =>
      (await search(tenant, query, headers)).nearest.map((one: any) => one.normalised_to);
    const to = '07700 900123';
    assert.deepEqual(await near({ to }), []);

    await send(other, '07700 900124');
    await send(tenant, '07700 900145');
    await send(tenant, 'rowan@example.com');
    assert.deepEqual(await near({ to }), [], 'of another service, two digits away, an address');

    const start = new Date(world.clock.now()).toISOString();
    for (const number of ['07700 900133', '07700 900213', '07700 900128', '07700 900133'])
      await send(tenant, number);
    const table: [to: string, nearest: string[]][] = [
      ['07700 900123', ['447700900133', '447700900128', '447700900213']],
      ['(+44) 7700-900-123', ['447700900133', '447700900128', '447700900213']],
      // One is missing, or too many.
      ['0770090128', ['447700900128']],
      ['077009001288', ['447700900128']],
      ['07700 900999', []],
      ['0129', []],
      ['rowan@example.org', []],
      [randomUUID(), []],
    ];
    const look = async (stage: string) => {
      for (const [to, expected] of table) assert.deepEqual(await near({ to }), expected, `${stage}: ${to}`);
    };
    await look('perhaps not yet stored');
    await world.drain();
    await look('stored');

    // The filters of the search hold.
    assert.deepEqual(await near({ to, created_before: start }), []);
    assert.deepEqual(await near({ to, template_type: ['email'] }), []);
    assert.deepEqual(await near({ to, status: ['failed'] }), []);
    await send(tenant, '07700 900129', {}, tenant.keys.test);
    assert.deepEqual((await near({ to })).includes('447700900129'), false);
    assert.equal((await near({ to, include_from_test_key: true }))[0], '447700900129');
    const [first] = (await search(tenant, { to })).nearest;
    assert.ok(Date.parse(first.created_at) >= Date.parse(start));

    // What is found needs no neighbours, and no later page has them.
    assert.equal('nearest' in (await search(tenant, { to: '07700 900128' })), false);
    assert.equal('nearest' in (await search(tenant, {})), false);
    assert.equal('nearest' in (await search(tenant, { to, older_than: randomUUID() })), false);

    // Whoever sees only their own messages learns of no other number.
    const as = await sender(tenant);
    assert.deepEqual(await near({ to }, as), []);
    await sendByHand(tenant, '07700 900120', as);
    assert.deepEqual(await near({ to }, as), ['447700900120']);

    for (const digit of ['1', '2', '6']) await send(tenant, `07700 90012${digit}`);
    assert.deepEqual(await near({ to }), [
      ...['447700900126', '447700900122', '447700900121', '447700900120', '447700900133'],
    ]);
  });

  test('a number is no longer offered when its messages have gone', async () => {
    const tenant = await world.addTenant();
    await send(tenant, '07700 900124');
    await world.drain();
    const near = async () => (await search(tenant, { to: '07700 900123' })).nearest;
    assert.equal((await near()).length, 1);
    await world.connection.pool.query('delete from notifications where service_id = $1', [tenant.id]);
    assert.deepEqual(await near(), []);
  });

  test('a part of a reference finds its messages in whatever case, stored or not yet, of this service alone', async () => {
    const tenant = await world.addTenant();
    const other = await world.addTenant();
    await send(other, '07700 900123', { reference: 'Case 2026/1234-A' });
    const text = await send(tenant, '07700 900123', { reference: 'Case 2026/1234-A' });
    const email = await send(tenant, 'rowan@example.com', { reference: 'case 2026/1299 É' });
    await send(tenant, '07700 900124');
    const tried = await send(tenant, '07700 900125', { reference: '1234' }, tenant.keys.test);
    const part = (client_reference_part: string, more: object = {}, headers?: Record<string, string>) =>
      search(tenant, { client_reference_part, ...more }, headers);
    const table: [part: string, expected: string[]][] = [
      ['2026/12', [email, text]],
      ['CASE 2026', [email, text]],
      [' 1234 ', [text]],
      ['4-a', []],
      ['34-a', [text]],
      ['1299 é', [email]],
      ['%%%%', []],
      ['____', []],
      ['\\\\\\\\', []],
      ['\0\0\0\0case', [email, text]],
      ['💧💧💧💧', []],
    ];
    const look = async (stage: string) => {
      for (const [given, expected] of table) {
        if ([...given.trim()].length < 4) continue;
        const found = await part(given);
        assert.deepEqual([idsOf(found), found.further], [expected, null], `${stage}: ${given}`);
      }
    };
    await look('perhaps not yet stored');
    await world.drain();
    await look('stored');
    assert.deepEqual(idsOf(await part('1234', { include_from_test_key: true })), [tried, text]);
    assert.deepEqual(idsOf(await part('2026', { template_type: ['sms'] })), [text]);
    assert.deepEqual(idsOf(await part('2026', { older_than: email })), [text]);
    assert.deepEqual(idsOf(await part('2026', {}, await sender(tenant))), []);

    const page = await part('2026', { page_size: 1 });
    assert.deepEqual([idsOf(page), page.links, page.further.older_than], [[email], { next: true }, email]);
    const rest = await part('2026', { page_size: 1, older_than: page.further.older_than });
    assert.deepEqual([idsOf(rest), rest.links], [[text], { prev: true, next: true }]);
    const end = await part('2026', { older_than: rest.further.older_than });
    assert.deepEqual([idsOf(end), end.links, end.further], [[], { prev: true }, null]);
  });

  test('of very many messages it looks at a portion, says how far back, and goes on from there', async () => {
    const tenant = await world.addTenant();
    const old = await send(tenant, '07700 900123', { reference: 'needle-in-a-haystack' });
    await world.drain();
    const start = world.clock.now();
    // As many newer ones as one search looks at.
    await world.connection.pool.query(
      `insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type, status,
         created_at, client_reference)
       select overlay(overlay(md5(i::text || $1::text) placing lpad(to_hex($2::bigint + i), 12, '0') || '7' from 1) placing '8' from 17)::uuid,
         $1::uuid, $3::uuid, 1, 'normal', 'sms', 'delivered', to_timestamp(($2::bigint + i) / 1000.0), 'straw-' || i
       from generate_series(1, 40000) i`,
      [tenant.id, start + hour, tenant.templates.sms],
    );
    const body = { client_reference_part: 'NEEDLE' };
    const first = await search(tenant, body);
    assert.deepEqual([idsOf(first), first.links], [[], { next: true }]);
    const lookedBackTo = Date.parse(first.further.looked_back_to);
    assert.ok(lookedBackTo > start && lookedBackTo < start + hour + 40_000, first.further.looked_back_to);
    // A busy machine stops earlier, and goes on all the same.
    let further = first.further;
    const found: string[] = [];
    for (let pages = 0; further !== null && pages < 5; pages++) {
      const next = await search(tenant, { ...body, older_than: further.older_than });
      found.push(...idsOf(next));
      further = next.further;
    }
    assert.deepEqual([found, further], [[old], null]);
    // What is whole needs no portions.
    assert.deepEqual(idsOf(await search(tenant, { to: 'needle-in-a-haystack' })), [old]);
  });
});
