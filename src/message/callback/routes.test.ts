import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createWorld, type World } from '../../../test/support/world.ts';
import { platformUserId } from '../../tenant/user/user.ts';

const unknownText = { result: 'error', message: 'No result found' };
const given = {
  url: 'https://service.example/callbacks?of=us',
  bearer_token: 'token-of-the-service',
  updated_by_id: platformUserId,
  callback_type: 'delivery_status',
};
const faults = (...messages: string[]) => ({
  status_code: 400,
  errors: messages.map((message) => ({ error: 'ValidationError', message })),
});

describe('the admin API of callback addresses', () => {
  let world: World;
  let path: string;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
    path = `/service/${world.tenant.id}/callback-api`;
  });
  after(() => world?.stop());

  const post = async (where: string, body: object | string) => {
    const answer = await world.admin('POST', where, body);
    return [answer.status, answer.body];
  };

  test('adds one address for each type to a service, changes it, reads it and removes it', async () => {
    const created = await world.admin('POST', path, given);
    assert.equal(created.status, 201);
    const { id, created_at, ...rest } = created.body.data;
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual(rest, {
      service_id: world.tenant.id,
      url: given.url,
      updated_by_id: platformUserId,
      updated_at: null,
    });
    const { rows } = await world.connection.pool.query('select bearer_token from service_callback_api');
    assert.equal(rows[0].bearer_token.includes(given.bearer_token), false, 'the token is encrypted');

    assert.deepEqual(await post(path, given), [
      400,
      {
        result: 'error',
        message: { name: ['You can only have one URL and bearer token for your service.'] },
      },
    ]);
    assert.equal((await world.admin('POST', path, { ...given, callback_type: 'inbound_sms' })).status, 201);

    const change = {
      url: 'https://service.example/2',
      updated_by_id: platformUserId,
      callback_type: 'delivery_status',
    };
    const { status, body: changed } = await world.admin('POST', `${path}/${id}`, change);
    assert.equal(status, 200);
    assert.equal(changed.data.url, change.url);
    assert.ok(changed.data.updated_at);
    const query = '?callback_type=delivery_status';
    assert.deepEqual((await world.admin('GET', `${path}/${id}${query}`)).body, changed);
    assert.equal((await world.admin('DELETE', `${path}/${id}${query}`)).status, 204);
    assert.equal((await world.admin('GET', `${path}/${id}${query}`)).status, 404);
  });

  test('reports the faults of a body as v2 does', async () => {
    const https = 'url is not a valid https url';
    const inside = 'url must not name a private or loopback address';
    const table: [object, string[]][] = [
      [{ url: undefined }, ['url is a required property']],
      [{ bearer_token: undefined }, ['bearer_token is a required property']],
      [{ updated_by_id: undefined }, ['updated_by_id is a required property']],
      [{ callback_type: undefined }, ['callback_type is a required property']],
      [{ updated_by_id: 'me' }, ['updated_by_id is not a valid UUID']],
      ...[
        'http://service.example',
        'service.example',
        'https://',
        'httpsx://service.example',
        '',
        5,
        null,
      ].map((url): [object, string[]] => [{ url }, [https]]),
      ...[
        'https://127.0.0.1/',
        'https://[::1]/',
        'https://10.1.2.3/',
        'https://localhost/',
        'https://2130706433/',
      ].map((url): [object, string[]] => [{ url }, [inside]]),
      [
        { bearer_token: 'nine char' },
        [
          'bearer_token is too short: at least 10 characters',
          'bearer_token must be of printable ASCII characters without spaces',
        ],
      ],
      [{ bearer_token: 'x'.repeat(1001) }, ['bearer_token is too long: at most 1000 characters']],
      [
        { bearer_token: 'token\r\nX-Other: 1' },
        ['bearer_token must be of printable ASCII characters without spaces'],
      ],
      [{ bearer_token: 5 }, ['bearer_token 5 is not of type string']],
      [
        { callback_type: 'returned_letter' },
        ['callback_type returned_letter is not one of [delivery_status, inbound_sms, complaint]'],
      ],
    ];
    for (const [change, messages] of table)
      assert.deepEqual(
        await post(path, { ...given, ...change }),
        [400, faults(...messages)],
        JSON.stringify(change),
      );
    assert.deepEqual(await post(path, '[1]'), [400, faults('[1] is not of type object')]);
    assert.deepEqual(await post(path, '{'), [
      400,
      {
        result: 'error',
        message: 'The browser (or proxy) sent a request that this server could not understand.',
      },
    ]);
    assert.deepEqual(await post(`${path}/${randomUUID()}`, {}), [
      400,
      faults('updated_by_id is a required property', 'callback_type is a required property'),
    ]);
  });

  test('answers 404 for whatever does not exist', async () => {
    const other = randomUUID();
    assert.deepEqual(await post(`/service/${other}/callback-api`, given), [404, unknownText]);
    assert.deepEqual(await post(path, { ...given, updated_by_id: other }), [404, unknownText]);
    assert.deepEqual(await post(`${path}/${other}`, given), [404, unknownText]);
    const remove = async (type: string) =>
      (await world.admin('DELETE', `${path}/${other}${type}`)).body.message;
    assert.equal(await remove('?callback_type=delivery_status'), 'Service delivery receipt API not found');
    assert.equal(await remove('?callback_type=inbound_sms'), 'Service inbound API not found');
    assert.equal(await remove('?callback_type=complaint'), 'Service complaint API not found');
    assert.equal(await remove('?callback_type=returned_letter'), 'Service returned letter API not found');
    assert.equal(await remove(''), 'No result found');
    for (const [method, where] of [
      ['GET', `${path}/nothing`],
      ['POST', '/service/nothing/callback-api'],
      ['GET', '/service/nothing/callbacks'],
    ] as const)
      assert.match(
        (await world.admin(method, where, method === 'POST' ? given : undefined)).body.message,
        /^The requested URL was not found/,
      );
    assert.deepEqual((await world.admin('GET', `/service/${other}/callbacks`)).body, unknownText);
    assert.equal((await world.call('GET', `${path}/${other}`)).status, 401);
  });

  test('the log and its replay report the faults of a request', async () => {
    const datetime =
      'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
    const to = '2026-05-02T14:00:00Z';
    const queries: [string, string[]][] = [
      ['from=soon', [`from ${datetime}`]],
      [
        'callback_type=letter',
        ['callback_type letter is not one of [delivery_status, inbound_sms, complaint]'],
      ],
      ['status=done', ['status done is not one of [pending, delivered, failed]']],
      ['older_than=x', ['older_than is not a valid UUID']],
      ['page=2', ['Additional properties are not allowed (page was unexpected)']],
    ];
    for (const [query, messages] of queries)
      for (const answer of [
        await world.call('GET', `/v2/callbacks?${query}`),
        await world.admin('GET', `/service/${world.tenant.id}/callbacks?${query}`),
      ])
        assert.deepEqual([answer.status, answer.body], [400, faults(...messages)]);
    const bodies: [object, string[]][] = [
      [{}, ['from is a required property', 'to is a required property']],
      [{ from: to, to }, ['to must be later than from']],
      [{ from: 'x', to: 5 }, [`from ${datetime}`, 'to 5 is not of type string']],
      [{ from: '2026-05-02', to, status: 'pending' }, ['status pending is not one of [failed, delivered]']],
    ];
    for (const [body, messages] of bodies)
      for (const answer of [
        await world.call('POST', '/v2/callbacks/replay', { body }),
        await world.admin('POST', `/service/${world.tenant.id}/callbacks/replay`, body),
      ])
        assert.deepEqual([answer.status, answer.body], [400, faults(...messages)]);
    const nothing = await world.call(
      'GET',
      `/v2/callbacks?from=2026-05-02&to=2199-01-01&status=failed&status=pending`,
    );
    assert.deepEqual(nothing.body, {
      callbacks: [],
      links: {
        current: `${world.api}/v2/callbacks?from=2026-05-02&to=2199-01-01&status=failed&status=pending`,
      },
    });
  });
});
