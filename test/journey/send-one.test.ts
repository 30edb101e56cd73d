import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { addTemplate } from '../../src/content/template/store.ts';
import { announceService } from '../../src/tenant/service/store.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { addGuests, setLimits, setTemplateArchived } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const notFound = [404, 'No result found'];

describe('one message sent by hand, from the admin client', () => {
  let world: World;
  let harbour: Tenant;
  let rowan: string;

  before(async () => {
    world = await createWorld();
    harbour = await world.addTenant();
    rowan = await member(harbour, ['send_texts', 'send_emails', 'view_activity']);
  });
  after(() => world.stop());

  /** A person of the team, with a mobile number that ends in their place. */
  async function member(tenant: Tenant, permissions: string[], mobile?: string): Promise<string> {
    const { db } = world.connection;
    const id = randomUUID();
    await addUser(db, { id, name: 'Rowan Reed', emailAddress: `${id}@example.com`, state: 'active' });
    await db
      .updateTable('users')
      .set({ mobile_number: mobile ?? null })
      .where('id', '=', id)
      .execute();
    await db
      .insertInto('service_users')
      .values({ service_id: tenant.id, user_id: id, permissions })
      .execute();
    await announceService(db, tenant.id);
    return id;
  }
  async function change(tenant: Tenant, columns: object): Promise<void> {
    const { db } = world.connection;
    await db.updateTable('services').set(columns).where('id', '=', tenant.id).execute();
    await announceService(db, tenant.id);
  }
  const text = (tenant: Tenant, more: object = {}) => ({
    ...{ template_id: tenant.templates.sms, to: '07700 900123', personalisation, created_by: rowan },
    ...more,
  });
  const email = (tenant: Tenant, more: object = {}) =>
    text(tenant, { template_id: tenant.templates.email, to: 'Ash@Quay.example.com', ...more });
  const post = (tenant: Tenant, body: object | string, headers = {}) =>
    world.admin('POST', `/service/${tenant.id}/send-notification`, body, headers);
  async function sent(tenant: Tenant, body: object, headers = {}): Promise<string> {
    const answer = await post(tenant, body, headers);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    assert.deepEqual(Object.keys(answer.body), ['id']);
    return answer.body.id;
  }
  async function refused(tenant: Tenant, body: object | string, headers = {}): Promise<[number, unknown]> {
    const answer = await post(tenant, body, headers);
    assert.equal(answer.body?.result, 'error', JSON.stringify(answer.body));
    return [answer.status, answer.body.message];
  }
  const read = async (tenant: Tenant, id: string) => {
    const { status, body } = await world.admin('GET', `/service/${tenant.id}/notifications/${id}`);
    assert.equal(status, 200);
    return body;
  };
  const author = (id: string) => ({ id, name: 'Rowan Reed', email_address: `${id}@example.com` });

  test('a text and an email are found at once, are delivered, and show who sent them', async () => {
    const ids = [await sent(harbour, text(harbour)), await sent(harbour, email(harbour))];
    for (const [index, id] of ids.entries()) {
      const { to, created_by, key_type, api_key, key_name, job, client_reference, status } = await read(
        harbour,
        id,
      );
      assert.equal(to, ['07700 900123', 'Ash@Quay.example.com'][index]);
      assert.deepEqual(created_by, author(rowan));
      assert.deepEqual(
        [key_type, api_key, key_name, job, client_reference],
        ['normal', null, null, null, null],
      );
      assert.ok(['created', 'sending', 'delivered'].includes(status));
    }
    await world.drain();
    for (const id of ids) {
      const { status, created_by, body, scheduled_for, reply_to_text } = await read(harbour, id);
      assert.equal(status, 'delivered');
      assert.deepEqual(created_by, author(rowan));
      assert.match(body, /^Hi Rowan,\s+high tide at 14:05$/);
      assert.equal(scheduled_for, null);
      assert.equal(reply_to_text, id === ids[0] ? 'HARBOUR' : null);
      const own = await world.call('GET', `/v2/notifications/${id}`, { key: harbour.keys.normal });
      assert.equal(own.body.created_by_name, 'Rowan Reed');
      const timeline = await world.admin('GET', `/service/${harbour.id}/notifications/${id}/timeline`);
      const [first, ...others] = timeline.body.timeline;
      assert.deepEqual([first.event, first.created_by_name], ['accepted', 'Rowan Reed']);
      assert.ok(others.every((step: object) => !('created_by_name' in step)));
    }
    const listed = await world.admin('GET', `/service/${harbour.id}/notifications`);
    assert.deepEqual(
      listed.body.notifications.map(({ id, created_by }: any) => [id, created_by]),
      ids.toReversed().map((id) => [id, author(rowan)]),
    );
    const byHand = await world.admin('GET', `/service/${harbour.id}/notifications?include_one_off=false`);
    assert.deepEqual(byHand.body.notifications, []);
    const keyed = await world.clientOf(harbour.keys.normal).sendSms(harbour.templates.sms, '07700900124', {
      personalisation,
    });
    assert.equal((await read(harbour, keyed.data.id)).created_by, null);
  });

  test('the acting person is the sender, and needs the permission for the type of the template', async () => {
    const texts = await member(harbour, ['send_texts']);
    const emails = await member(harbour, ['send_emails']);
    const as = (id: string) => ({ 'X-Notify-User-Id': id });
    const lacking = (permission: string) => [
      403,
      { token: [`The acting user does not have the permission ${permission} in this service`] },
    ];
    const id = await sent(harbour, text(harbour), as(texts));
    assert.deepEqual((await read(harbour, id)).created_by, author(texts));
    await sent(harbour, email(harbour), as(emails));
    assert.deepEqual(await refused(harbour, email(harbour), as(texts)), lacking('send_emails'));
    assert.deepEqual(await refused(harbour, text(harbour), as(emails)), lacking('send_texts'));
    const viewer = await member(harbour, ['view_activity', 'manage_settings']);
    assert.deepEqual(await refused(harbour, text(harbour), as(viewer)), lacking('send_texts'));
    const stranger = await member(await world.addTenant(), ['send_texts']);
    assert.deepEqual(await refused(harbour, text(harbour), as(stranger)), [
      403,
      { token: ['The acting user is not a member of this service'] },
    ]);
    // An operator may act everywhere, but a message of a service is sent by somebody of its team.
    await world.connection.db
      .updateTable('users')
      .set({ platform_admin: true })
      .where('id', '=', stranger)
      .execute();
    assert.match(
      String((await refused(harbour, text(harbour), as(stranger)))[1]),
      /^Can’t create notification/,
    );
  });

  test('faults are found in the order of the specification, one at a time', async () => {
    const tenant = await world.addTenant({ permissions: ['sms', 'email'] });
    const other = await world.addTenant();
    const { db } = world.connection;
    const template = randomUUID();
    const words = { id: template, serviceId: tenant.id, type: 'sms', name: 'Any', subject: null } as const;
    await addTemplate(db, { ...words, content: '((text))((name))' });
    await setTemplateArchived(db, template, true);
    await setLimits(db, tenant.id, { limits: { sms: 0 } });
    await change(tenant, { restricted: true });
    const stranger = await member(other, ['send_texts']);
    const { name } = (await world.admin('GET', `/service/${tenant.id}`)).body.data;
    // Wrong in every way; each step mends the fault that was named.
    let body: Record<string, unknown> = {
      ...{ template_id: other.templates.sms, to: '07700 9', personalisation: { text: ' ' } },
      ...{ created_by: stranger, sender_id: other.senders.sms },
    };
    const next = async (answer: unknown[], mended: object, mend = async () => {}) => {
      // What was mended is known everywhere soon, not at once.
      await world.until(
        () => refused(tenant, body),
        (given) => isDeepStrictEqual(given, answer),
        5,
      );
      body = { ...body, ...mended };
      await mend();
    };
    assert.deepEqual(await refused({ ...tenant, id: randomUUID() }, body), notFound);
    await next(notFound, { template_id: template });
    await next([429, 'Exceeded send limits (sms: 0) for today'], {}, () =>
      setLimits(db, tenant.id, { limits: { sms: 1 } }),
    );
    await next([400, 'Mobile number is too short'], { to: '07700 900123' });
    await next(
      [
        400,
        'Can’t send to this recipient when service is in trial mode – see https://www.notifications.service.gov.uk/trial-mode',
      ],
      {},
      () => change(tenant, { restricted: false }),
    );
    await next([400, 'Template has been deleted'], {}, () => setTemplateArchived(db, template, false));
    await next([400, 'Missing personalisation: name'], { personalisation: { text: ' ', name: '' } });
    await next([400, 'Your message is empty.'], { personalisation: { text: 'x'.repeat(919), name: '' } });
    await next(
      [
        400,
        'Your message is too long. Text messages cannot be longer than 918 characters. Your message is 919 characters long.',
      ],
      { personalisation },
    );
    body = { ...body, personalisation: { text: 'tide', name: 'Rowan' } };
    await next([400, `Can’t create notification - Rowan Reed is not part of the "${name}" service`], {
      created_by: randomUUID(),
    });
    await next(notFound, { created_by: await member(tenant, []) });
    await next([400, 'SMS sender not found'], { sender_id: tenant.senders.sms });
    await sent(tenant, body);
    assert.deepEqual(await refused(tenant, body), [429, 'Exceeded send limits (sms: 1) for today']);
    assert.deepEqual(
      await refused(
        tenant,
        email(tenant, { created_by: body['created_by'], sender_id: other.senders.email }),
      ),
      [400, 'Reply to email address not found'],
    );
    const chosen = email(tenant, { created_by: body['created_by'], sender_id: tenant.senders.email });
    assert.equal((await read(tenant, await sent(tenant, chosen))).reply_to_text, 'desk@example.com');
  });

  test('other recipients, services and bodies that cannot be sent are refused in words', async () => {
    const table: [body: object, message: unknown][] = [
      [text(harbour, { to: '+1 202 555 0104' }), 'Cannot send to international mobile numbers'],
      [
        text(harbour, { to: '020 7946 0000' }),
        'This does not look like a UK mobile number – double check the mobile number you entered',
      ],
      [
        text(harbour, { to: 'ash@example.com' }),
        'Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -',
      ],
      [email(harbour, { to: '07700900123' }), 'Not a valid email address'],
      [text(harbour, { to: 7700900123 }), { to: ['Not a valid string.'] }],
      [text(harbour, { personalisation: ['a'] }), { personalisation: ['Not a valid mapping type.'] }],
      [
        text(harbour, { scheduled_for: '2030-01-01T00:00:00Z' }),
        { scheduled_for: ['The message would be sent at once.'] },
      ],
    ];
    for (const [body, message] of table) assert.deepEqual(await refused(harbour, body), [400, message]);
    const required = ['Missing data for required field.'];
    assert.deepEqual(await refused(harbour, {}), [
      400,
      { template_id: required, to: required, created_by: required },
    ]);
    for (const odd of ['\u0000', 'x', '\ud800', '1'.repeat(100_000)]) {
      assert.deepEqual(await refused(harbour, text(harbour, { template_id: odd })), notFound);
      assert.deepEqual(await refused(harbour, text(harbour, { created_by: odd })), notFound);
      assert.equal((await refused(harbour, text(harbour, { to: odd })))[0], 400);
      assert.equal((await refused(harbour, email(harbour, { to: odd })))[0], 400);
      assert.deepEqual(await refused(harbour, text(harbour, { sender_id: odd })), [
        400,
        'SMS sender not found',
      ]);
      const id = await sent(harbour, text(harbour, { personalisation: { ...personalisation, [odd]: odd } }));
      assert.equal((await read(harbour, id)).id, id);
    }
    const mute = await world.addTenant({ permissions: ['email'] });
    assert.deepEqual(await refused(mute, text(mute)), [400, 'Service is not allowed to send text messages']);
    const archived = await world.addTenant();
    await change(archived, { active: false });
    assert.deepEqual(await refused(archived, text(archived)), [
      403,
      'Sending is not allowed: service is inactive',
    ]);
  });

  test('in trial mode the team can be sent to, in any notation, and the guest list cannot', async () => {
    const tenant = await world.addTenant();
    const ash = await member(tenant, ['send_texts'], '07700900555');
    await addGuests(world.connection.db, tenant.id, ['07700900666', 'guest@example.com']);
    await change(tenant, { restricted: true });
    await sent(tenant, text(tenant, { to: '+44 7700 900555', created_by: ash }));
    await sent(tenant, email(tenant, { to: `${ash.toUpperCase()}@example.com`, created_by: ash }));
    for (const body of [text(tenant, { to: '07700900666' }), email(tenant, { to: 'guest@example.com' })])
      assert.match(String((await refused(tenant, { ...body, created_by: ash }))[1]), /in trial mode/);
  });

  test('the rate of the keys limits nothing and is not used up, and the daily limit admits exactly as many as fit', async () => {
    const tenant = await world.addTenant();
    const ash = await member(tenant, ['send_texts']);
    const { db } = world.connection;
    await setLimits(db, tenant.id, { rateLimit: 6, limits: { sms: 12 } });
    const key = { key: tenant.keys.normal };
    const sms = { phone_number: '07700900123', template_id: tenant.templates.sms, personalisation };
    const byKey = () => world.call('POST', '/v2/notifications/sms', { ...key, body: sms });
    // Together, so that one batch has both kinds.
    const first = await Promise.all([
      ...Array.from({ length: 10 }, () => post(tenant, text(tenant, { created_by: ash }))),
      ...Array.from({ length: 2 }, byKey),
    ]);
    assert.deepEqual(
      first.map(({ status }) => status),
      Array(12).fill(201),
    );
    assert.equal((await byKey()).status, 429);
    const rest = await Promise.all(
      Array.from({ length: 5 }, () => post(tenant, text(tenant, { created_by: ash }))),
    );
    assert.deepEqual(
      rest.map(({ status }) => status),
      Array(5).fill(429),
    );
    await world.drain();
    const { rows } = await world.connection.pool.query(
      `select api_key_id is null as "byHand", created_by, count(*)::int from notification_history
        where service_id = $1 group by 1, 2 order by 1`,
      [tenant.id],
    );
    assert.deepEqual(rows, [
      { byHand: false, created_by: null, count: 2 },
      { byHand: true, created_by: ash, count: 10 },
    ]);
  });

  test('texts abroad count towards their own daily limit too', async () => {
    const tenant = await world.addTenant({ permissions: ['sms', 'email', 'international_sms'] });
    const ash = await member(tenant, ['send_texts']);
    await setLimits(world.connection.db, tenant.id, { limits: { international_sms: 1 } });
    const abroad = text(tenant, { to: '+1 202 555 0104', created_by: ash });
    const id = await sent(tenant, abroad);
    const { international, phone_prefix } = await read(tenant, id);
    assert.deepEqual([international, phone_prefix], [true, '1']);
    assert.deepEqual(await refused(tenant, abroad), [
      429,
      'Exceeded send limits (international_sms: 1) for today',
    ]);
    await sent(tenant, text(tenant, { created_by: ash }));
  });

  test('in research mode no provider is asked, a suppressed recipient gets nothing, and a simulated one is like any other', async () => {
    const tenant = await world.addTenant();
    const ash = await member(tenant, ['send_texts']);
    const blocked = await world.admin('POST', `/service/${tenant.id}/suppressions`, {
      recipient: '07700900777',
    });
    assert.ok(blocked.status < 300, JSON.stringify(blocked.body));
    const suppressed = await sent(tenant, text(tenant, { to: '07700900777', created_by: ash }));
    const simulated = await sent(tenant, text(tenant, { to: '+447700900111', created_by: ash }));
    await world.drain();
    assert.equal((await read(tenant, suppressed)).status, 'permanent-failure');
    assert.equal((await read(tenant, simulated)).status, 'delivered');
    const other = await world.addTenant();
    const reed = await member(other, ['send_texts']);
    await change(other, { research_mode: true });
    const research = await sent(other, text(other, { created_by: reed }));
    await world.drain();
    const { status, billable_units } = await read(other, research);
    assert.deepEqual([status, billable_units], ['delivered', 0]);
  });
});
