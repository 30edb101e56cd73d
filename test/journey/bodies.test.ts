import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeToken, signToken } from '../../src/cli/client.ts';
import { createWorld, type World } from '../support/world.ts';

describe('bodies of requests', () => {
  let world: World;
  let service: Record<string, string>;
  let admin: Record<string, string>;
  const mmgInbound = '/notifications/sms/receive/mmg';
  const mmgUser = { authorization: `Basic ${Buffer.from('tide:pass').toString('base64')}` };
  before(async () => {
    const environment = {
      ...{ MMG_API_KEY: 'mmg', FIRETEXT_API_KEY: 'firetext', SES_ENABLED: '1' },
      ...{ MMG_INBOUND_SMS_USERNAME: 'tide', MMG_INBOUND_SMS_AUTH: 'pass' },
    };
    world = await createWorld({ roles: ['api'], environment });
    const { issuer, secret } = world.credentials.admin;
    service = { authorization: `Bearer ${makeToken(world.tenant.keys.test, world.clock.now())}` };
    admin = { authorization: `Bearer ${signToken(issuer, secret, world.clock.now())}` };
  });
  after(() => world.stop());

  async function post(path: string, body: Buffer | string, headers: Record<string, string> = {}) {
    const response = await fetch(world.api + path, { method: 'POST', headers, body });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  test('callers without an API key cannot send a large body: each of their routes has a limit of its own', async () => {
    const table: [string, number][] = [
      ['/notifications/sms/mmg', 65_536],
      ['/notifications/sms/firetext', 65_536],
      ['/notifications/email/ses', 65_536],
      ['/notifications/sms/receive/mmg', 65_536],
      ['/notifications/sms/receive/firetext', 65_536],
      ['/d/abc/def', 4096],
      ['/_status', 0],
      ['/', 0],
    ];
    for (const [path, limit] of table) {
      const over = await post(path, Buffer.alloc(limit + 1, ' '));
      const message = `The request is too large: the limit is ${limit} bytes.`;
      assert.deepEqual([over.status, over.body], [413, { result: 'error', message }], path);
      assert.notEqual((await post(path, Buffer.alloc(limit, ' '))).status, 413, path);
    }
  });

  test('JSON that is nested deeper than 100 levels is refused with 400 in the format of its route', async () => {
    const message = 'The JSON is nested too deeply: the limit is 100 levels.';
    const list = { status_code: 400, errors: [{ error: 'BadRequestError', message }] };
    const plain = { result: 'error', message };
    const { id, templates } = world.tenant;
    const json = { 'content-type': 'application/json' };
    const table: [string, Record<string, string>, unknown][] = [
      ['/v2/notifications/sms', service, list],
      ['/v2/notifications/email', service, list],
      ['/v2/notifications/letter', service, list],
      [`/v2/template/${templates.sms}/preview`, service, list],
      ['/notifications/sms', service, plain],
      ['/notifications/sms', { ...service, ...json }, plain],
      ['/inbound-number', admin, plain],
      [`/service/${id}/data-retention`, admin, plain],
      ['/notifications/sms/mmg', {}, { ...plain, message: 'MMG callback failed: invalid json' }],
      ['/notifications/email/ses', {}, { ...plain, message: 'SES callback failed: invalid json' }],
      [mmgInbound, mmgUser, { ...plain, message: 'MMG inbound SMS failed: invalid json' }],
    ];
    const arrays = (levels: number) => `{"a":${'['.repeat(levels - 1)}1.0${']'.repeat(levels - 1)}}`;
    const objects = (levels: number) => `${'{"\\"]":'.repeat(levels)}1${'}'.repeat(levels)}`;
    for (const [path, headers, expected] of table)
      for (const body of [arrays(101), objects(101), arrays(5000), '['.repeat(20_000)])
        assert.deepEqual(await post(path, body, headers), { status: 400, body: expected }, path);
    for (const nested of [arrays(98), objects(98), JSON.stringify('['.repeat(500))]) {
      const body = `{"template_id":"${templates.sms}","phone_number":"07700900123","personalisation":{"name":${nested},"time":"9"}}`;
      assert.equal((await post('/v2/notifications/sms', body, service)).status, 201);
    }
  });

  test('JSON with more than 50,000 values is refused with 400: parsing millions of them would keep others waiting', async () => {
    const message = 'The JSON has too many values: the limit is 50000.';
    const list = { status_code: 400, errors: [{ error: 'BadRequestError', message }] };
    const { templates } = world.tenant;
    for (const values of ['1.0,', '[],', '"a",', '{"a":1},'])
      for (const path of ['/v2/notifications/sms', `/v2/template/${templates.sms}/preview`])
        assert.deepEqual(await post(path, `{"a":[${values.repeat(50_000)}1]}`, service), {
          status: 400,
          body: list,
        });
    const name = `["${'a","'.repeat(40_000)}b, [{"]`;
    const body = `{"template_id":"${templates.sms}","personalisation":{"name":${name},"time":"9"}}`;
    assert.equal((await post(`/v2/template/${templates.sms}/preview`, body, service)).status, 200);
  });

  test('a byte order mark before a body is taken off, whoever posts it', async () => {
    const { id, templates } = world.tenant;
    const message = { template_id: templates.sms, personalisation: { name: 'José \ufeff', time: '9' } };
    const receipt = { CID: '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38', status: '3' };
    const text = { MSISDN: '447700900001', Number: '447700900999', Message: 'Hi' };
    const table: [string, string, Record<string, string>, number][] = [
      ['/v2/notifications/sms', JSON.stringify({ ...message, phone_number: '07700900123' }), service, 201],
      [`/v2/template/${templates.sms}/preview`, JSON.stringify(message), service, 200],
      [
        '/notifications/sms',
        JSON.stringify({ ...message, template: templates.sms, to: '07700900123' }),
        service,
        201,
      ],
      [`/service/${id}/data-retention`, '{"notification_type":"sms","days_of_retention":7}', admin, 201],
      ['/notifications/sms/mmg', JSON.stringify(receipt), {}, 200],
      ['/notifications/sms/firetext', `status=0&reference=${receipt.CID}`, {}, 200],
      ['/notifications/email/ses', '{}', {}, 400],
      [mmgInbound, JSON.stringify(text), mmgUser, 200],
    ];
    for (const [path, body, headers, status] of table) {
      const answer = await post(path, `\ufeff${body}`, headers);
      assert.equal(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`);
      assert.doesNotMatch(JSON.stringify(answer.body), /invalid json/);
      if (path.startsWith('/v2/notifications')) assert.match(answer.body.content.body, /José/);
    }
  });

  test('a JSON body that is not valid UTF-8 is refused with 400, and nothing in it is replaced', async () => {
    const { id, templates } = world.tenant;
    const phone = '"phone_number":"07700900123"';
    const v2 = `{"template_id":"${templates.sms}",${phone},"personalisation":{"name":"?","time":"9"}}`;
    const v1 = `{"template":"${templates.sms}","to":"07700900123","personalisation":{"name":"?","time":"9"}}`;
    const list =
      /^\{"status_code":400,"errors":\[\{"error":"BadRequestError","message":"Invalid JSON supplied/;
    const plain = /^\{"result":"error","message":/;
    const json = { 'content-type': 'application/json' };
    const table: [string, string, Record<string, string>, RegExp][] = [
      ['/v2/notifications/sms', v2, service, list],
      [`/v2/template/${templates.sms}/preview`, '{"personalisation":{"name":"?","time":"9"}}', service, list],
      ['/notifications/sms', v1, { ...service, ...json }, plain],
      ['/notifications/sms', v1, service, plain],
      [
        `/service/${id}/data-retention`,
        '{"notification_type":"email","days_of_retention":7,"?":1}',
        admin,
        plain,
      ],
      [
        '/notifications/sms/mmg',
        '{"CID":"3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38","status":"3","a":"?"}',
        {},
        plain,
      ],
      ['/notifications/email/ses', '{"Message":"?"}', {}, /"SES callback failed: invalid json"/],
      [mmgInbound, '{"MSISDN":"447700900001","Number":"447700900999","Message":"?"}', mmgUser, plain],
    ];
    // Latin-1, a stray continuation, an overlong form, a surrogate, beyond Unicode, cut off, a UTF-16 mark.
    for (const bad of ['e9', '80', 'c0af', 'eda080', 'f4908080', 'c3', 'fffe'])
      for (const [path, body, headers, expected] of table) {
        const [before = '', after = ''] = body.split('?');
        const bytes = Buffer.concat([Buffer.from(before), Buffer.from(bad, 'hex'), Buffer.from(after)]);
        const answer = await post(path, bytes, headers);
        assert.equal(answer.status, 400, `${path} ${bad}`);
        assert.match(JSON.stringify(answer.body), expected);
      }
  });
});
