import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { userPermissions } from '../../src/http/server/permission.ts';
import { platformServiceId } from '../../src/tenant/service/service.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

const nobody = () => randomUUID();

describe('services in the admin API', () => {
  let world: World;
  let owner: string;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
    owner = await person();
  });
  after(() => world.stop());

  async function person(state: 'active' | 'pending' = 'active', isOperator = false): Promise<string> {
    const id = randomUUID();
    const { db } = world.connection;
    await addUser(db, { id, name: 'Rowan', emailAddress: `${id}@example.com`, state });
    if (isOperator)
      await db.updateTable('users').set({ platform_admin: true }).where('id', '=', id).execute();
    return id;
  }

  const newName = () => `Street parking ${randomUUID().slice(0, 8)}`;
  const bodyOf = (more: object = {}) => ({
    ...{ user_id: owner, name: newName(), message_limit: 1000, restricted: true },
    ...{ created_by: owner, ...more },
  });
  const create = (more: object = {}, as?: string) =>
    world.admin('POST', '/service', bodyOf(more), acting(as));
  const acting = (as?: string) => (as === undefined ? undefined : { 'X-Notify-User-Id': as });
  async function service(more: object = {}) {
    const { status, body } = await create(more);
    assert.equal(status, 201, JSON.stringify(body));
    return body.data;
  }
  const get = async (path: string) => (await world.admin('GET', path)).body;
  const refused = ({ status, body }: { status: number; body: any }) => [status, body.message];
  const missing = [404, 'No result found'];

  test('a new service has its owner with every permission, the default permissions and the default sender', async () => {
    const id = randomUUID();
    const data = await service({ id, name: `Café “Quay” ${id.slice(0, 8)}` });
    assert.equal(data.id, id);
    assert.equal(data.email_from, `cafe.quay.${id.slice(0, 8)}`);
    assert.deepEqual(
      [data.active, data.restricted, data.research_mode, data.message_limit, data.version],
      [true, true, false, 1000, 1],
    );
    assert.deepEqual(data.permissions, [
      ...['sms', 'email', 'letter', 'international_sms', 'international_letters'],
    ]);
    assert.deepEqual([data.users, data.created_by], [[owner], owner]);
    assert.ok(data.sms_sender);
    assert.deepEqual((await get(`/service/${id}`)).data, data);
    const { data: users } = await get(`/service/${id}/users`);
    assert.deepEqual(users[0].permissions[id], [...userPermissions]);
    const { events } = await get(`/events?service_id=${id}`);
    assert.deepEqual([events[0].event_type, events[0].user_id], ['create_service', owner]);
  });

  test('a service that cannot be created is refused with every fault by its field', async () => {
    const post = async (body: object) => refused(await world.admin('POST', '/service', body));
    const required = ['Missing data for required field.'];
    assert.deepEqual(await post({}), [400, { user_id: required }]);
    assert.deepEqual(await post({ user_id: owner }), [
      400,
      { name: required, message_limit: required, restricted: required, created_by: required },
    ]);
    assert.deepEqual(await post(bodyOf({ user_id: nobody() })), missing);
    for (const author of ['x', 7, {}]) assert.deepEqual(await post(bodyOf({ created_by: author })), missing);
    const faults = {
      name: ['', '!!', 'a\0', 7, null, 'x'.repeat(256)],
      email_from: ['a b', 'é', '', 'a..b', 'x'.repeat(65)],
      message_limit: ['1', -1, 1.5, 2 ** 31],
      restricted: ['True', null],
      sms_sender: ['tide!', 'twelve chars', '   '],
      reply_to_email_address: ['rowan'],
      contact_link: ['javascript:alert(1)', 'nowhere'],
      permissions: [['fax'], ['sms', 'sms'], 'sms', [1]],
      id: ['x', 7, null],
      rate_limit: [0],
    };
    for (const [field, values] of Object.entries(faults))
      for (const value of values) {
        const [status, message] = await post(bodyOf({ [field]: value }));
        assert.deepEqual([status, Object.keys(message)], [400, [field]], `${field} ${JSON.stringify(value)}`);
      }
    assert.deepEqual(await post(bodyOf({ permissions: ['fax'] })), [
      400,
      { permissions: ["Invalid Service Permission: 'fax'"] },
    ]);
    assert.deepEqual(await post(bodyOf({ permissions: ['sms', 'sms'] })), [
      400,
      { permissions: ["Duplicate Service Permission: ['sms']"] },
    ]);
    const { id } = await service();
    assert.deepEqual(await post(bodyOf({ id })), [400, { id: ['Already in use'] }]);
  });

  test('of two that create or rename a service alike at once, one is told that the name is taken', async () => {
    for (let round = 0; round < 5; round++) {
      const name = newName();
      const names = [name, name.toUpperCase(), `${name} `, name];
      const answers = await Promise.all(names.map((one) => create({ name: one, email_from: nobody() })));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 400, 400, 400]);
      for (const [index, answer] of answers.entries())
        if (answer.status === 400)
          assert.deepEqual(answer.body.message, { name: [`Duplicate service name '${names[index]}'`] });
    }
    const [one, two] = [await service(), await service()];
    const taken = await create({ email_from: one.email_from, name: 'Another name' });
    assert.deepEqual(refused(taken), [400, { name: ["Duplicate service name 'Another name'"] }]);
    const rename = (body: object) => world.admin('POST', `/service/${two.id}`, body);
    assert.deepEqual(refused(await rename({ name: one.name })), [
      400,
      { name: [`Duplicate service name '${one.name}'`] },
    ]);
    assert.deepEqual(refused(await rename({ email_from: one.email_from })), [
      400,
      { name: [`Duplicate service name '${one.email_from}'`] },
    ]);
  });

  test('an update changes what it names, as a new version with its author and what was before', async () => {
    const made = await service();
    const other = await person();
    const path = `/service/${made.id}`;
    const change = {
      ...{ name: newName(), message_limit: 70, sms_message_limit: 5, prefix_sms: false },
      ...{
        sms_sender: 'TIDE',
        reply_to_email_address: 'a@example.com',
        contact_link: 'https://quay.example',
      },
      ...{ permissions: ['email'], created_by: other },
    };
    const { status, body } = await world.admin('POST', path, change);
    assert.equal(status, 200);
    const { updated_at } = body.data;
    assert.deepEqual(body.data, {
      ...{ ...made, ...change, version: 2, updated_at },
      ...{ email_message_limit: 70, letter_message_limit: 70 },
      ...{ can_send_letters: false, can_send_international_sms: false },
    });
    const { service_history: versions } = (await get(`${path}/history`)).data;
    assert.deepEqual(
      versions.map((one: any) => [one.version, one.name, one.message_limit, one.created_by_id]),
      [
        [1, made.name, 1000, owner],
        [2, change.name, 70, other],
      ],
    );
    const { events } = await get(`/events?service_id=${made.id}&type=update_service`);
    assert.deepEqual(events[0].data.before.name, made.name);
    assert.deepEqual(events[0].data.after.sms_sender, 'TIDE');
    assert.deepEqual(refused(await world.admin('POST', `/service/${nobody()}`, { name: 'x' })), missing);
    const cleared = await world.admin('POST', path, { sms_sender: null, reply_to_email_address: null });
    assert.deepEqual(
      [cleared.body.data.sms_sender, cleared.body.data.reply_to_email_address],
      [...[made.sms_sender, null]],
    );
  });

  test('of two that change the same version of a service, one gets 409 with the service as it is now', async () => {
    const { id } = await service();
    const names = [newName(), newName()];
    const answers = await Promise.all(
      names.map((name) => world.admin('POST', `/service/${id}`, { name, version: 1 })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const [done, late] = [200, 409].map((status) => answers.find((one) => one.status === status)!.body);
    assert.deepEqual(late.data, done.data);
    assert.equal(late.data.version, 2);
  });

  test('a member creates services in trial mode, and operators alone make them live', async () => {
    const operator = await person('active', true);
    assert.equal((await create({ restricted: false }, owner)).status, 403);
    assert.equal((await create({ user_id: operator }, owner)).status, 403);
    const { body, status } = await create({}, owner);
    assert.equal(status, 201);
    const path = `/service/${body.data.id}`;
    const post = (change: object, as: string) => world.admin('POST', path, change, acting(as));
    for (const change of [
      { restricted: false },
      { message_limit: 5000 },
      { active: false },
      { rate_limit: 1 },
    ])
      assert.equal((await post(change, owner)).status, 403, JSON.stringify(change));
    assert.equal((await post({ name: newName(), restricted: true, message_limit: 1000 }, owner)).status, 200);

    const asked = await world.admin('POST', `${path}/go-live-request`, undefined, acting(owner));
    assert.equal(asked.status, 201);
    assert.deepEqual(
      [asked.body.data.has_active_go_live_request, asked.body.data.go_live_requested_by],
      [true, owner],
    );
    const requested = async () =>
      (await get('/service?go_live_requested=True')).data.map(({ id }: any) => id);
    assert.deepEqual(await requested(), [body.data.id]);
    assert.equal((await world.admin('DELETE', `${path}/go-live-request`)).status, 204);
    assert.deepEqual(await requested(), []);
    await world.admin('POST', `${path}/go-live-request`, undefined, acting(owner));
    const live = (await post({ restricted: false, message_limit: 250_000 }, operator)).body.data;
    assert.deepEqual(
      [live.restricted, live.go_live_user, live.has_active_go_live_request],
      [false, operator, false],
    );
    assert.match(live.go_live_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    assert.deepEqual(refused(await world.admin('POST', `${path}/go-live-request`, {})), [
      400,
      'The service is live already',
    ]);
  });

  test('services are listed oldest first, by person, by part of the name, and page by page', async () => {
    const mark = randomUUID().slice(0, 8);
    const made: string[] = [];
    const someone = await person();
    for (const name of ['b', 'C', 'a'])
      made.push((await service({ name: `${name} ${mark}`, user_id: someone })).id);
    const ids = async (query: string) => {
      const { data } = await get(`/service?${query}`);
      return data.map(({ id }: any) => id);
    };
    const [b, c, a] = made;
    assert.deepEqual((await ids('')).slice(-3), made);
    assert.deepEqual(await ids(`user_id=${someone}`), made);
    for (const unknown of [nobody(), 'x']) assert.deepEqual(await ids(`user_id=${unknown}`), []);
    assert.deepEqual(await ids(`name=${mark.toUpperCase()}`), [a, c, b]);
    assert.deepEqual(await ids(`name=${mark}&order=name`), [a, b, c]);
    assert.deepEqual(await ids(`name=${mark}&older_than=${c}`), [b]);
    assert.deepEqual(await ids(`name=${mark}&order=name&older_than=${a}`), [b, c]);
    await world.admin('POST', `/service/${b}`, { active: false });
    assert.deepEqual(await ids(`user_id=${someone}&only_active=True`), [c, a]);
    const { data } = await get(`/service/find-services-by-name?service_name=C%20${mark}`);
    assert.deepEqual(
      data.map(({ id }: any) => id),
      [c],
    );
    for (const query of [
      'detailed=yes',
      'start_date=1-2-2026',
      'only_active=yes',
      'older_than=x',
      'order=size',
    ])
      assert.equal((await world.admin('GET', `/service?${query}`)).status, 400, query);
    const own = await world.admin('GET', '/service', undefined, acting(someone));
    assert.deepEqual(
      own.body.data.map(({ id }: any) => id),
      made,
    );
    assert.equal(
      (await world.admin('GET', `/service?user_id=${owner}`, undefined, acting(someone))).status,
      403,
    );
  });

  test('archiving ends keys, archives templates and frees the name, and there is no way back', async () => {
    const { id, templates, keys } = await world.addTenant();
    const before = (await get(`/service/${id}`)).data;
    const post = (what: string, of = id) => world.admin('POST', `/service/${of}/${what}`);
    assert.deepEqual([(await post('archive')).status, (await post('archive')).status], [204, 204]);
    const { data } = await get(`/service/${id}`);
    assert.match(
      data.name,
      new RegExp(`^_archived_\\d{4}-\\d\\d-\\d\\d-\\d\\d:\\d\\d:\\d\\d_${before.name}$`),
    );
    assert.ok(data.email_from.endsWith(`_${before.email_from}`));
    assert.deepEqual([data.active, data.version], [false, 2]);
    const { status, body } = await world.call('GET', '/v2/notifications', { key: keys.normal });
    assert.equal(status, 403, JSON.stringify(body));
    const { service_history, api_key_history, template_history } = (await get(`/service/${id}/history`)).data;
    assert.equal(service_history.length, 2);
    assert.equal(api_key_history.filter((one: any) => one.expiry_date !== null).length, 3);
    const versions = template_history.filter((one: any) => one.id === templates.email);
    assert.deepEqual(
      versions.map((one: any) => [one.version, one.archived, one.content]),
      [1, 2].map((version) => [version, version === 2, versions[0].content]),
    );
    assert.deepEqual(refused(await post('resume')), [400, 'An archived service cannot be resumed']);
    assert.equal((await world.admin('POST', `/service/${id}`, { active: true })).status, 400);
    for (let round = 0; round < 2; round++) {
      const again = await service({ name: before.name, email_from: before.email_from });
      assert.equal((await post('archive', again.id)).status, 204);
    }
    assert.deepEqual(refused(await post('archive', nobody())), missing);
    assert.equal((await post('archive', platformServiceId)).status, 400);
    const unknown = (await get(`/service/${nobody()}/history`)).data;
    assert.deepEqual(unknown, { service_history: [], api_key_history: [], template_history: [] });
  });

  test('a suspended service sends nothing, keeps its templates and name, and is resumed without keys', async () => {
    const { id, templates } = await world.addTenant();
    const { name } = (await get(`/service/${id}`)).data;
    for (const [what, active, version] of [
      ['suspend', false, 2],
      ['suspend', false, 2],
      ['resume', true, 3],
      ['resume', true, 3],
    ] as const) {
      assert.equal((await world.admin('POST', `/service/${id}/${what}`)).status, 204);
      const { data } = await get(`/service/${id}`);
      assert.deepEqual([data.active, data.version, data.name], [active, version, name]);
    }
    const { db } = world.connection;
    const open = await db
      .selectFrom('api_keys')
      .select('id')
      .where('service_id', '=', id)
      .where('expires_at', 'is', null)
      .execute();
    assert.deepEqual(open, []);
    const template = await db
      .selectFrom('templates')
      .select('archived')
      .where('id', '=', templates.sms)
      .executeTakeFirstOrThrow();
    assert.equal(template.archived, false);
  });

  test('members are added with permissions in both forms of the body, and their permissions are replaced', async () => {
    const { id } = await service();
    const [one, two] = [await person(), await person()];
    const path = (user: string) => `/service/${id}/users/${user}`;
    const body = { permissions: [{ permission: 'send_texts' }], folder_permissions: [nobody()] };
    const added = await world.admin('POST', path(one), body);
    assert.deepEqual([added.status, added.body.data.users], [201, [owner, one]]);
    assert.equal((await world.admin('POST', path(two), [{ permission: 'manage_users' }])).status, 201);
    const again = await world.admin('POST', path(one), body);
    assert.deepEqual(refused(again), [400, `User id: ${one} already part of service id: ${id}`]);
    const bad = [{ permission: 'send_texts' }, { permission: 'fly' }];
    for (const given of [bad, { permissions: bad }])
      assert.deepEqual(refused(await world.admin('POST', path(await person()), given)), [
        400,
        { 1: { permission: ['Not a valid choice.'] } },
      ]);
    const { body: none } = await world.admin('POST', path(await person()), { extra: 1 });
    assert.deepEqual(none.errors, [
      { error: 'ValidationError', message: 'permissions is a required property' },
      { error: 'ValidationError', message: 'Additional properties are not allowed (extra was unexpected)' },
    ]);
    for (const user of [nobody(), 'x'])
      assert.deepEqual(refused(await world.admin('POST', path(user), body)), missing);
    assert.deepEqual(refused(await world.admin('POST', `/service/${nobody()}/users/${one}`, body)), missing);
    const set = (user: string, permissions: string[]) =>
      world.admin(
        'POST',
        `/user/${user}/service/${id}/permission`,
        permissions.map((permission) => ({ permission })),
      );
    assert.equal((await set(one, ['send_emails', 'view_activity'])).status, 204);
    const { data } = await get(`/service/${id}/users`);
    assert.deepEqual(
      data.map((user: any) => user.id),
      [owner, one, two],
    );
    assert.deepEqual(data[1].permissions[id], ['send_emails', 'view_activity']);
    assert.deepEqual(refused(await set(owner, ['manage_users'])), [
      400,
      'Cannot change user permissions - service would have too few users with manage_settings',
    ]);
    assert.deepEqual(refused(await set(await person(), [])), missing);
    assert.equal((await set(one, [])).status, 204);
    const types = (await get(`/events?service_id=${id}`)).events.map((event: any) => event.event_type);
    assert.deepEqual(
      new Set(types),
      new Set(['create_service', 'add_user_to_service', 'set_user_permissions']),
    );
  });

  test('of two that remove each other at once one stays, and so does somebody who can manage the team', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await service();
      const [equal, other] = [await person(), await person()];
      const add = (user: string, permission: string) =>
        world.admin('POST', `/service/${id}/users/${user}`, [{ permission }]);
      await add(equal, 'manage_users');
      await add(other, 'send_texts');
      const remove = (user: string) => world.admin('DELETE', `/service/${id}/users/${user}`);
      const answers = await Promise.all([remove(owner), remove(equal)]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 400]);
      assert.equal((await remove(other)).status, 204);
      assert.deepEqual(refused(await remove(other)), [404, 'User not found']);
      assert.deepEqual(refused(await remove('x')), [404, 'User not found']);
      const { data } = await get(`/service/${id}/users`);
      assert.deepEqual(refused(await remove(data[0].id)), [
        400,
        'You cannot remove the only user for a service',
      ]);
      await add(await person('pending'), 'manage_users');
      assert.deepEqual(refused(await remove(data[0].id)), [
        400,
        'You cannot remove the only user for a service',
      ]);
    }
  });

  for (const [path, words] of [
    ['guest-list', 'guest list'],
    ['whitelist', 'whitelist'],
  ] as const)
    test(`the ${words} is replaced as a whole, and lets a service in trial mode send to whom it names`, async () => {
      const { id, keys, templates } = await world.addTenant();
      const send = () =>
        world.call('POST', '/v2/notifications/sms', {
          key: keys.team,
          body: {
            ...{ template_id: templates.sms, phone_number: '+447900900123' },
            personalisation: { name: 'Rowan', time: '9' },
          },
        });
      const put = (body: object, of = id) => world.admin('PUT', `/service/${of}/${path}`, body);
      assert.equal((await send()).status, 400);
      const list = { email_addresses: ['Ops@example.com'], phone_numbers: ['07900 900123', '+33612345678'] };
      assert.equal((await put(list)).status, 204);
      assert.deepEqual(await get(`/service/${id}/${path}`), list);
      assert.equal((await world.until(send, ({ status }) => status === 201)).status, 201);
      for (const wrong of [{ phone_numbers: ['a@example.com'] }, { email_addresses: ['ops'] }]) {
        const [entry] = Object.values(wrong).flat();
        assert.deepEqual(refused(await put({ ...list, ...wrong })), [
          400,
          `Invalid ${words}: "${entry}" is not a valid email address or phone number`,
        ]);
      }
      assert.deepEqual(refused(await put({ email_addresses: [] })), [
        400,
        { phone_numbers: ['Missing data for required field.'] },
      ]);
      assert.equal((await put({ ...list, phone_numbers: Array(1000).fill('07900900123') })).status, 400);
      assert.deepEqual(await get(`/service/${id}/${path}`), list);
      const empty = { email_addresses: [], phone_numbers: [] };
      for (const answer of [
        await put(empty, nobody()),
        await world.admin('GET', `/service/${nobody()}/${path}`),
      ])
        assert.deepEqual(refused(answer), missing);
      assert.equal((await put(empty)).status, 204);
      assert.deepEqual(await get(`/service/${id}/${path}`), empty);
    });

  test('the platform’s own service has a history and its author from the start', async () => {
    const { data } = await get(`/service/${platformServiceId}/history`);
    assert.deepEqual(
      [data.service_history[0].version, data.service_history[0].created_by_id],
      [1, platformUserId],
    );
  });
});
