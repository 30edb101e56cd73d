import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

const rounds = 10;

describe('of two at once', () => {
  let world: World;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world.stop());

  const person = async () => {
    const id = randomUUID();
    const { db } = world.connection;
    await addUser(db, { id, name: 'Kim', emailAddress: `${id}@example.com`, state: 'active' });
    return id;
  };
  const create = (body: object) =>
    world.admin('POST', '/service', {
      ...{ message_limit: 50, restricted: false, created_by: platformUserId },
      ...body,
    });
  const statusesOf = (answers: readonly { status: number }[]) => answers.map(({ status }) => status).sort();
  const managers = ['manage_users', 'manage_settings'];
  /** A service with two members, both of whom can manage the team. */
  const withTwo = async () => {
    const [kim, rowan] = [await person(), await person()];
    const { status, body } = await create({ name: `Ferry ${kim}`, email_from: `f.${kim}`, user_id: kim });
    assert.equal(status, 201, JSON.stringify(body));
    const id: string = body.data.id;
    const permissions = managers.map((permission) => ({ permission }));
    const added = await world.admin('POST', `/service/${id}/users/${rowan}`, { permissions });
    assert.equal(added.status, 201, JSON.stringify(added.body));
    return { id, kim, rowan };
  };
  /** The active members who may manage the team, and those who may manage the settings. */
  const managing = async (id: string) => {
    const { rows } = await world.connection.pool.query(
      `select count(*) filter (where 'manage_users' = any(permissions))::int as users,
         count(*) filter (where 'manage_settings' = any(permissions))::int as settings
       from service_users join users on users.id = user_id where service_id = $1 and state = 'active'`,
      [id],
    );
    return rows[0] as { users: number; settings: number };
  };

  for (const [kind, table, field, values] of [
    ['sms-sender', 'service_sms_senders', 'sms_sender', ['TIDE', 'QUAY']],
    ['email-reply-to', 'service_email_reply_to', 'email_address', ['tide@example.com', 'quay@example.com']],
  ] as const) {
    const defaults = async (id: string) =>
      (
        await world.connection.pool.query(
          `select count(*)::int as all, count(*) filter (where is_default)::int as defaults
           from ${table} where service_id = $1 and not archived`,
          [id],
        )
      ).rows[0];

    test(`${kind}: both add a default, and one of them stays it`, async () => {
      for (let round = 0; round < rounds; round++) {
        const { id } = await world.addTenant();
        const answers = await Promise.all(
          values.map((value) =>
            world.admin('POST', `/service/${id}/${kind}`, { [field]: value, is_default: true }),
          ),
        );
        assert.deepEqual(statusesOf(answers), [201, 201]);
        assert.deepEqual(await defaults(id), { all: 3, defaults: 1 });
        // A sender is answered bare, a reply-to address as `data`.
        const ids = answers.map(({ body }) => (body.data ?? body).id);
        const changed = await Promise.all(
          ids.map((one, index) =>
            world.admin('POST', `/service/${id}/${kind}/${one}`, {
              [field]: values[index],
              is_default: true,
            }),
          ),
        );
        assert.deepEqual(statusesOf(changed), [200, 200]);
        assert.deepEqual(await defaults(id), { all: 3, defaults: 1 });
      }
    });

    test(`${kind}: both add the first one, and one of them is the default`, async () => {
      for (let round = 0; round < rounds; round++) {
        const { id } = await world.addTenant();
        await world.connection.pool.query(`delete from ${table} where service_id = $1`, [id]);
        const add = (value: string, is_default: boolean) =>
          world.admin('POST', `/service/${id}/${kind}`, { [field]: value, is_default });
        const wrong = await Promise.all(values.map((value) => add(value, false)));
        assert.deepEqual(statusesOf(wrong), [400, 400]);
        const answers = await Promise.all(values.map((value) => add(value, true)));
        assert.deepEqual(statusesOf(answers), [201, 201]);
        assert.deepEqual(await defaults(id), { all: 2, defaults: 1 });
      }
    });

    test(`${kind}: one adds the first, the other sets one on the service, and one of them is the default`, async () => {
      const onService = kind === 'sms-sender' ? 'sms_sender' : 'reply_to_email_address';
      for (let round = 0; round < rounds; round++) {
        const { id } = await world.addTenant();
        await world.connection.pool.query(`delete from ${table} where service_id = $1`, [id]);
        const answers = await Promise.all([
          world.admin('POST', `/service/${id}/${kind}`, { [field]: values[0], is_default: true }),
          world.admin('POST', `/service/${id}`, { [onService]: values[1] }),
        ]);
        assert.deepEqual(statusesOf(answers), [200, 201]);
        const { defaults: count } = await defaults(id);
        assert.equal(count, 1);
      }
    });
  }

  const giveUp = (id: string, user: string) =>
    world.admin('POST', `/user/${user}/service/${id}/permission`, { permissions: [] });
  const leave = (id: string, user: string) => world.admin('DELETE', `/service/${id}/users/${user}`);
  const retire = (_id: string, user: string) => world.admin('POST', `/user/${user}/archive`);
  // Archiving asks only that somebody is left, so it stands beside the other two where they remove a person.
  const pairs = {
    'both are removed': [leave, leave],
    'one is removed and the other loses the permissions': [leave, giveUp],
    'both lose the permissions': [giveUp, giveUp],
    'one is removed and the other archived': [leave, retire],
    'both are archived': [retire, retire],
  } as const;

  for (const [what, [one, other]] of Object.entries(pairs))
    test(`who manage the team, one is left who does when ${what}`, async () => {
      for (let round = 0; round < rounds; round++) {
        const { id, kim, rowan } = await withTwo();
        const answers = await Promise.all([one(id, kim), other(id, rowan)]);
        assert.deepEqual(statusesOf(answers), [204, 400], JSON.stringify(answers.map(({ body }) => body)));
        assert.deepEqual(await managing(id), { users: 1, settings: 1 });
      }
    });
});
