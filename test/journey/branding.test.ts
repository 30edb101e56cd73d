import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { createWorld, type World } from '../support/world.ts';

describe('organisations and the branding of emails', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  const add = async (fields: object = {}) => {
    const { status, body } = await world.admin('POST', '/organisation', { name: 'Harbour Board', ...fields });
    assert.equal(status, 201, JSON.stringify(body));
    return body.organisation;
  };

  test('operators add and change organisations, which are listed and read, with events', async () => {
    const logo = 'https://harbour.example/logo.png';
    const made = await add({ colour: '#0B5c66', logo });
    assert.deepEqual(made, { id: made.id, name: 'Harbour Board', colour: '#0B5c66', logo });
    const path = `/organisation/${made.id}`;
    const changed = await world.admin('POST', path, { colour: null, logo: 'harbour.png' });
    const now = { ...made, colour: null, logo: 'harbour.png' };
    assert.deepEqual([changed.status, changed.body], [200, { organisation: now }]);
    assert.deepEqual((await world.admin('GET', path)).body, { organisation: now });
    const other = await add({ name: 'ferries' });
    const { body: all } = await world.admin('GET', '/organisation');
    assert.deepEqual(all, { organisations: [other, now] });
    const { body } = await world.admin('GET', '/events?type=update_organisation');
    assert.deepEqual(body.events[0].data, {
      before: { colour: '#0B5c66', logo },
      after: { colour: null, logo: 'harbour.png' },
    });
    const unknown = await world.admin('GET', `/organisation/${randomUUID()}`);
    assert.deepEqual([unknown.status, unknown.body.message], [404, 'No result found']);
  });

  test('an invalid organisation is refused with every fault', async () => {
    const colour = 'Must be a colour such as #0b0c0c.';
    const logo = 'Must be an https URL or the name of a file.';
    const table: [object, object][] = [
      [{}, { name: ['Missing data for required field.'] }],
      [{ name: null }, { name: ['Field may not be null.'] }],
      [
        { name: ' ', colour: 'red', logo: 'javascript:1' },
        { name: ['Not a valid string.'], colour: [colour], logo: [logo] },
      ],
      [{ name: 'a\0' }, { name: ['Not a valid string.'] }],
      [
        { name: 'x'.repeat(256), colour: '#0b0c0c\n' },
        { name: ['Longer than maximum length 255.'], colour: [colour] },
      ],
      [{ name: 'a', logo: '../up.png' }, { logo: [logo] }],
      [{ name: 'a', logo: 'http://harbour.example/logo.png' }, { logo: [logo] }],
      [{ name: 'a', logo: 5 }, { logo: ['Not a valid string.'] }],
    ];
    for (const [body, message] of table) {
      const answer = await world.admin('POST', '/organisation', body);
      assert.deepEqual([answer.status, answer.body.message], [400, message], JSON.stringify(body));
    }
  });

  test('a service has a branding and an organisation, which only operators change, and its versions keep them', async () => {
    const organisation = (await add()).id;
    const fields = {
      ...{ user_id: platformUserId, created_by: platformUserId, message_limit: 50, restricted: true },
    };
    const plain = await world.admin('POST', '/service', { ...fields, name: randomUUID() });
    assert.deepEqual([plain.body.data.branding, plain.body.data.organisation], ['govuk', null]);
    const made = await world.admin('POST', '/service', {
      ...{ ...fields, name: randomUUID(), branding: 'both', organisation },
    });
    assert.deepEqual([made.body.data.branding, made.body.data.organisation], ['both', organisation]);
    const path = `/service/${made.body.data.id}`;
    const changed = await world.admin('POST', path, { branding: 'org', organisation: null });
    assert.deepEqual([changed.body.data.branding, changed.body.data.organisation], ['org', null]);
    const { rows } = await world.connection.pool.query(
      'select branding, organisation_id as organisation from service_versions where id = $1 order by version',
      [made.body.data.id],
    );
    assert.deepEqual(rows, [
      { branding: 'both', organisation },
      { branding: 'org', organisation: null },
    ]);
    const { tenant } = world;
    const { rows: members } = await world.connection.pool.query(
      `insert into users (id, name, email_address, state) values ($1, 'Kim', $2, 'active') returning id`,
      [randomUUID(), `${randomUUID()}@example.com`],
    );
    await world.connection.pool.query(
      `insert into service_users (service_id, user_id, permissions) values ($1, $2, '{manage_settings}')`,
      [tenant.id, members[0].id],
    );
    for (const change of [{ branding: 'org' }, { organisation }]) {
      const by = { 'X-Notify-User-Id': members[0].id };
      const refused = await world.admin('POST', `/service/${tenant.id}`, change, by);
      assert.equal(refused.status, 403, JSON.stringify(refused.body));
    }
    for (const [body, status, message] of [
      [{ branding: 'crown' }, 400, { branding: ['Not a valid choice.'] }],
      [{ organisation: randomUUID() }, 404, 'No result found'],
      [{ organisation: 'x' }, 404, 'No result found'],
      [{ organisation: 5 }, 404, 'No result found'],
    ] as const) {
      const answer = await world.admin('POST', path, body);
      assert.deepEqual([answer.status, answer.body.message], [status, message], JSON.stringify(body));
    }
  });

  test('emails of a service show the name, colour and logo of its organisation if its branding says so', async () => {
    const logo = 'https://harbour.example/logo.png';
    const organisation = (await add({ name: 'Harbour & Sons', colour: '#0b5c66', logo })).id;
    const { tenant } = world;
    const html = async () => {
      const { data } = await world.client.sendEmail(tenant.templates.email, 'kim@example.com', {
        personalisation: { name: 'Rowan', time: '14:05' },
      });
      const { messages } = await world.until(
        () => world.sandbox(`/messages?reference=${data.id}`),
        ({ messages }) => messages.length > 0,
      );
      return messages[0].html as string;
    };
    assert.doesNotMatch(await html(), /Harbour/);
    for (const branding of ['org', 'both']) {
      await world.admin('POST', `/service/${tenant.id}`, { branding, organisation });
      const page = await html();
      assert.match(page, /Harbour &amp; Sons/);
      assert.match(page, /border-left: 2px solid #0b5c66/);
      assert.match(
        page,
        /<img src="https:\/\/harbour\.example\/logo\.png" alt="" aria-hidden="true" height="27"/,
      );
    }
    await world.admin('POST', `/service/${tenant.id}`, { branding: 'govuk' });
    assert.doesNotMatch(await html(), /Harbour/);
  });
});
