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
    const environment = { MMG_INBOUND_SMS_USERNAME: 'tide', MMG_INBOUND_SMS_AUTH: 'pass' };
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
});
