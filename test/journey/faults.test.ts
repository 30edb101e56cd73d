import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { revokeKey } from '../support/operator.ts';
import { sendWithTestKey } from '../support/test-key.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const uuid = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';

describe('bad input', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  const good = () => ({
    template_id: world.tenant.templates.sms,
    phone_number: '07700900123',
    personalisation,
  });
  const cases: readonly [
    fault: string,
    path: string,
    body: () => string | object,
    status: number,
    errors: unknown,
  ][] = [
    [
      'broken JSON',
      '/v2/notifications/sms',
      () => '{"template_id":',
      400,
      [['BadRequestError', 'Invalid JSON supplied in POST data']],
    ],
    [
      'an empty body',
      '/v2/notifications/sms',
      () => '',
      400,
      [['BadRequestError', 'Invalid JSON supplied in POST data']],
    ],
    [
      'null as its body',
      '/v2/notifications/sms',
      () => 'null',
      400,
      [
        ['ValidationError', 'phone_number is a required property'],
        ['ValidationError', 'template_id is a required property'],
      ],
    ],
    [
      'a list as its body',
      '/v2/notifications/sms',
      () => '["a", 1]',
      400,
      [['ValidationError', '[a, 1] is not of type object']],
    ],
    [
      'wrong types',
      '/v2/notifications/sms',
      () => ({ phone_number: 7912345678, template_id: 5 }),
      400,
      [
        ['ValidationError', 'phone_number 7912345678 is not of type string'],
        ['ValidationError', 'template_id is not a valid UUID'],
      ],
    ],
    [
      'an unknown property',
      '/v2/notifications/sms',
      () => ({ ...good(), colour: 'red' }),
      400,
      [['ValidationError', 'Additional properties are not allowed (colour was unexpected)']],
    ],
    [
      'a malformed phone number',
      '/v2/notifications/sms',
      () => ({ ...good(), phone_number: '0770' }),
      400,
      [['ValidationError', 'phone_number Not enough digits']],
    ],
    [
      'a malformed email address',
      '/v2/notifications/email',
      () => ({ template_id: uuid, email_address: 'nobody' }),
      400,
      [['ValidationError', 'email_address Not a valid email address']],
    ],
    [
      'an unknown template',
      '/v2/notifications/sms',
      () => ({ ...good(), template_id: uuid }),
      400,
      [['BadRequestError', 'Template not found']],
    ],
    [
      'a template of the other type',
      '/v2/notifications/sms',
      () => ({ ...good(), template_id: world.tenant.templates.email }),
      400,
      [['BadRequestError', 'email template is not suitable for sms notification']],
    ],
    [
      'missing personalisation',
      '/v2/notifications/sms',
      () => ({ ...good(), personalisation: { name: 'a' } }),
      400,
      [['BadRequestError', 'Missing personalisation: time']],
    ],
    [
      'an unknown sender',
      '/v2/notifications/sms',
      () => ({ ...good(), sms_sender_id: uuid }),
      400,
      [['BadRequestError', `sms_sender_id ${uuid} does not exist in database for service id SERVICE`]],
    ],
    [
      'a text that is too long',
      '/v2/notifications/sms',
      () => ({ ...good(), personalisation: { name: 'x'.repeat(1000), time: '' } }),
      400,
      [
        [
          'BadRequestError',
          'Your message is too long. Text messages cannot be longer than 918 characters. Your message is 1017 characters long.',
        ],
      ],
    ],
    [
      'an international number but no permission for it',
      '/v2/notifications/sms',
      () => ({ ...good(), phone_number: '+33 6 12 34 56 78' }),
      400,
      [['BadRequestError', 'Cannot send to international mobile numbers']],
    ],
    [
      'a null character in the reference',
      '/v2/notifications/sms',
      () => ({ ...good(), reference: 'a\0b' }),
      400,
      [['BadRequestError', 'reference must not contain the null character']],
    ],
  ];
  for (const [fault, path, body, status, errors] of cases)
    test(`a request with ${fault} is answered ${status} with the error text of the contract`, async () => {
      const answer = await world.call('POST', path, { body: body() });
      assert.equal(answer.status, status);
      assert.equal(answer.body.status_code, status);
      assert.deepEqual(
        answer.body.errors.map(({ error, message }: { error: string; message: string }) => [
          error,
          message.replace(world.tenant.id, 'SERVICE'),
        ]),
        errors,
      );
    });

  test('null characters and lone surrogates in personalisation do not stop a message', async () => {
    const answer = await world.call('POST', '/v2/notifications/sms', {
      body: JSON.stringify({ ...good(), personalisation: { name: 'a\0b', time: '\ud800' } }),
    });
    assert.equal(answer.status, 201);
    await world.drain();
    assert.equal((await world.client.getNotificationById(answer.body.id)).data.status, 'delivered');
  });

  test('a malformed id is answered 400, an unknown one 404', async () => {
    const bad = await world.call('GET', '/v2/notifications/sms');
    assert.deepEqual([bad.status, bad.body.errors[0].message], [400, 'notification_id is not a valid UUID']);
    const unknown = await world.call('GET', `/v2/notifications/${uuid}`);
    assert.deepEqual([unknown.status, unknown.body.errors[0].error], [404, 'NoResultFound']);
  });

  test('a request without a token is answered 401 in the error format of its API', async () => {
    const answer = await world.call('POST', '/v2/notifications/sms', { key: null, body: '{' });
    assert.deepEqual(
      [answer.status, answer.body],
      [
        401,
        {
          status_code: 401,
          errors: [{ error: 'AuthError', message: 'Unauthorized: authentication token must be provided' }],
        },
      ],
    );
  });

  test('a revoked key stops working within two seconds', async () => {
    const tenant = await world.addTenant();
    assert.equal(
      (await world.call('POST', '/v2/notifications/sms', { key: tenant.keys.normal, body: '{}' })).status,
      400,
    );
    const { connection } = world;
    await connection.pool.query('update api_keys set expires_at = now() where service_id = $1', [tenant.id]);
    // No notice is sent, so the cached key has to expire by age.
    const answer = await world.until(
      () => world.call('POST', '/v2/notifications/sms', { key: tenant.keys.normal, body: '{}' }),
      ({ status }) => status === 403,
      2.5,
    );
    assert.equal(answer.body.errors[0].message, 'Invalid token: API key revoked');
  });

  test('a key revoked with a notice stops working at once', async () => {
    const tenant = await world.addTenant();
    const key = tenant.keys.team;
    assert.equal((await world.call('POST', '/v2/notifications/sms', { key, body: '{}' })).status, 400);
    const { rows } = await world.connection.pool.query<{ id: string }>(
      `select id from api_keys where service_id = $1 and key_type = 'team'`,
      [tenant.id],
    );
    await revokeKey(world.connection.db, tenant.id, rows[0]!.id, new Date());
    await world.until(
      () => world.call('POST', '/v2/notifications/sms', { key, body: '{}' }),
      ({ status }) => status === 403,
      1,
    );
  });

  test('an unknown path is answered 404 and a wrong method 405, both without a token', async () => {
    assert.equal((await world.call('GET', '/v2/nothing', { key: null })).status, 404);
    const wrong = await world.call('DELETE', '/v2/notifications/sms', { key: null });
    assert.equal(wrong.status, 405);
    assert.match(wrong.headers.get('allow') ?? '', /POST/);
  });

  test('a message sent with a test key reaches no provider, and ends as its recipient determines', async () => {
    for (const id of await sendWithTestKey(world))
      assert.deepEqual((await world.sandbox(`/messages?reference=${id}`)).messages, []);
  });
});
