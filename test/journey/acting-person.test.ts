import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { userPermissions } from '../../src/http/server/permission.ts';
import type { MountedRoute } from '../../src/http/server/server.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

describe('the person for whom the admin client acts', () => {
  let world: World;
  let routes: readonly MountedRoute[];
  let serviceId: string;
  /** By what the person is: their id, as the header has it. */
  const people: Record<string, string> = {};

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    const other = await world.startMore({ roles: ['api'] });
    ({ routes } = other);
    await other.stop();
    serviceId = world.tenant.id;
    const { db } = world.connection;
    const add = async (name: string, state: 'active' | 'pending' = 'active') => {
      const id = randomUUID();
      await addUser(db, { id, name, emailAddress: `${id}@example.com`, state });
      people[name] = id;
      return id;
    };
    const member = async (name: string, permissions: readonly string[]) => {
      const user_id = await add(name);
      await db
        .insertInto('service_users')
        .values({ service_id: serviceId, user_id, permissions: [...permissions] })
        .execute();
    };
    await add('stranger');
    const inactive = await add('not active', 'pending');
    const operator = await add('operator');
    await db
      .updateTable('users')
      .set({ platform_admin: true })
      .where('id', 'in', [operator, inactive])
      .execute();
    await member('member without permissions', []);
    for (const permission of userPermissions) {
      await member(`member with ${permission}`, [permission]);
      await member(
        `member with all but ${permission}`,
        userPermissions.filter((one) => one !== permission),
      );
    }
    people['nobody we know'] = randomUUID();
    people['not an id'] = 'rowan';
  });
  after(() => world.stop());

  const call = (method: string, path: string, person: string | null) =>
    world.admin(method, path, method === 'POST' || method === 'PUT' ? {} : undefined, {
      ...(person !== null && { 'X-Notify-User-Id': person }),
    });

  test('every route of the admin API does for a person only what that person may do', async (t) => {
    const admin = routes.filter(({ route }) => route.authentication === 'admin');
    let calls = 0;
    for (const { route } of admin) {
      const { permission } = route;
      const path = route.path
        .replace(/:(?:version|row)\([^)]*\)/, '1')
        .replace(/:service_id(\([^)]*\))?/, serviceId)
        .replace(/:[a-z_]+(\([^)]*\))?/g, randomUUID());
      const isOfService = path.includes(serviceId);
      for (const method of [route.method].flat())
        for (const [name, id] of Object.entries(people)) {
          const isMember = name.startsWith('member');
          const may =
            name === 'operator' ||
            (permission === 'person' && (isMember || name === 'stranger')) ||
            (permission === 'member' && isMember && isOfService) ||
            (isOfService &&
              (name === `member with ${permission}` ||
                (name.startsWith('member with all but') &&
                  !name.endsWith(` ${permission}`) &&
                  (userPermissions as readonly string[]).includes(permission!))));
          const { status, body } = await call(method, path, id);
          const shown = `${method} ${route.path} by ${name}: ${status}`;
          // What an inactive service may not do is a 403 of its own.
          const isAllowed = status !== 401 && (status !== 403 || body.message.token === undefined);
          if (may) assert.ok(isAllowed, shown);
          else assert.equal(status, 403, shown);
          calls += 1;
        }
    }
    t.diagnostic(`${admin.length} routes, ${calls} calls`);
    assert.ok(admin.length >= 27);
  });

  test('without such a person the admin client acts by itself', async () => {
    assert.equal((await call('GET', '/provider-details', null)).status, 200);
  });

  test('a refusal says which permission is needed', async () => {
    const { status, body } = await call(
      'GET',
      `/service/${serviceId}/suppressions`,
      people['member with all but manage_settings']!,
    );
    assert.equal(status, 403);
    assert.deepEqual(body, {
      result: 'error',
      message: {
        token: ['The acting user does not have the permission manage_settings in this service'],
      },
    });
  });

  test('a posted event has its acting person, and is listed newest first by service, person and type', async () => {
    // Others than above, who have changed things.
    const [operator, service] = [randomUUID(), randomUUID()];
    const { db } = world.connection;
    await addUser(db, {
      id: operator,
      name: 'operator',
      emailAddress: `${operator}@example.com`,
      state: 'active',
    });
    await db.updateTable('users').set({ platform_admin: true }).where('id', '=', operator).execute();
    const post = async (type: string, data: object) => {
      const answer = await world.admin(
        'POST',
        '/events',
        { event_type: type, data },
        { 'X-Notify-User-Id': operator },
      );
      assert.equal(answer.status, 201);
      return answer.body.data.id as string;
    };
    const first = await post('sucessful_login', { service_id: service, ip_address: '192.0.2.4' });
    const second = await post('update_user_email', { user_id: people['stranger'] });
    const list = async (query: string) =>
      (await world.admin('GET', `/events?${query}`)).body.events.map(({ id }: { id: string }) => id);
    assert.deepEqual(await list(`user_id=${operator}`), [second, first]);
    assert.deepEqual(await list(`service_id=${service}`), [first]);
    assert.deepEqual(await list('type=update_user_email'), [second]);
    assert.deepEqual(await list(`user_id=${operator}&older_than=${second}`), [first]);
    for (const data of ['{"\\u0000":"\\ud800"}', '[1e400, 1.0, -0]', '"a"', 'null']) {
      const kept = await world.admin('POST', '/events', `{"event_type":"odd","data":${data}}`);
      assert.equal(kept.status, 201, data);
    }
    assert.equal((await world.admin('GET', '/events?type=a%00b')).status, 400);
    const missing = await world.admin('POST', '/events', {});
    assert.equal(missing.status, 400);
    assert.deepEqual(missing.body.message, {
      event_type: ['Missing data for required field.'],
      data: ['Missing data for required field.'],
    });
  });
});
