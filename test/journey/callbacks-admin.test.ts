import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { platformUserId } from '../../src/tenant/user/store.ts';
import {
  accept,
  callbacksUntil,
  type Receiver,
  receiver,
  refuse,
  registerCallback,
  send,
  token,
} from '../support/callback-receiver.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const isNotFound = ({ status, body }: { status: number; body: unknown }) =>
  assert.deepEqual([status, body], [404, { result: 'error', message: 'No result found' }]);

describe('callback addresses as they are doing', () => {
  let world: World;
  let service: Receiver;
  let tenant: Tenant;
  let api: string;
  let path: string;
  before(async () => {
    service = await receiver();
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: 'true',
        CALLBACK_RETRY_DELAY_SECONDS: '3600',
        SERVICE_CALLBACK_TIMEOUT_SECONDS: '1',
      },
    });
  });
  after(async () => {
    service.stop();
    await world?.stop();
  });
  beforeEach(async () => {
    service.become(accept);
    service.seen.length = 0;
    tenant = await world.addTenant();
    api = await registerCallback(world, tenant, `${service.url}/status?key=1`);
    path = `/service/${tenant.id}/callback-api`;
  });

  test('the addresses of a service are listed with their pauses, failures and what waits for them', async () => {
    const inbound = await registerCallback(world, tenant, `${service.url}/texts`, 'inbound_sms');
    const { status, body } = await world.admin('GET', path);
    assert.equal(status, 200);
    const { created_at, ...first } = body.data[0];
    assert.match(created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(first, {
      id: api,
      service_id: tenant.id,
      callback_type: 'delivery_status',
      url: `${service.url}/status?key=1`,
      updated_by_id: platformUserId,
      updated_at: null,
      paused: false,
      paused_until: null,
      failures: 0,
      waiting: 0,
    });
    assert.deepEqual([body.data[1].id, body.data[1].callback_type], [inbound, 'inbound_sms']);
    assert.ok(!JSON.stringify(body).includes(token));

    service.become(refuse(500));
    await send(world, tenant);
    await send(world, tenant);
    const seen = await world.until(
      async () => (await world.admin('GET', path)).body.data[0],
      ({ failures }) => failures === 2,
    );
    assert.deepEqual([seen.paused, seen.waiting], [false, 2]);
    isNotFound(await world.admin('GET', `/service/${randomUUID()}/callback-api`));
  });

  test('the end of a pause makes what waits for the address due at once, and is an event', async () => {
    service.become(refuse(503, { 'Retry-After': '7200' }));
    const id = await send(world, tenant);
    await world.until(
      async () => (await world.admin('GET', path)).body.data[0],
      ({ paused }) => paused,
    );
    service.become(accept);
    const { status, body } = await world.admin('POST', `${path}/${api}/resume`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.data.paused, body.data.paused_until, body.data.failures], [false, null, 0]);
    await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
    assert.deepEqual(
      service.seen.map(({ body }) => body.id),
      [id, id],
    );
    assert.equal((await world.admin('POST', `${path}/${api}/resume`)).status, 200);
    const events = await world.admin(
      'GET',
      `/events?service_id=${tenant.id}&type=resume_callback_api&type=create_callback_api`,
    );
    assert.deepEqual(
      events.body.events.map(({ event_type, subject_id }: any) => [event_type, subject_id]),
      [
        ['resume_callback_api', api],
        ['create_callback_api', api],
      ],
      'an address that is not paused has no pause to end',
    );
    assert.ok(!JSON.stringify(events.body).includes('key=1'), 'the rest of a URL can hold secrets');
  });

  test('a callback is read with its content and each of its tries', async () => {
    service.become(refuse(503, { 'Retry-After': '1' }));
    const id = await send(world, tenant);
    await world.until(
      async () => service.seen.length,
      (count) => count > 0,
    );
    service.become(accept);
    const [logged] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'delivered');
    const { status, body } = await world.admin('GET', `/service/${tenant.id}/callbacks/${logged.id}`);
    assert.equal(status, 200, JSON.stringify(body));
    const { body: content, tries, ...rest } = body.data;
    assert.deepEqual(rest, logged);
    assert.deepEqual(content, service.seen.at(-1)!.body);
    assert.equal(content.id, id);
    assert.deepEqual(
      tries.map(({ number, outcome, code, detail }: any) => [number, outcome, code, detail]),
      [
        [1, 'retry', '503', null],
        [2, 'delivered', '204', null],
      ],
    );
    for (const { at, milliseconds } of tries) {
      assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.ok(Number.isInteger(milliseconds) && milliseconds >= 0);
    }
    for (const [of, which] of [
      [world.tenant.id, logged.id],
      [tenant.id, randomUUID()],
      [randomUUID(), logged.id],
    ])
      isNotFound(await world.admin('GET', `/service/${of}/callbacks/${which}`));
  });

  test('a test posts a marked sample with token and signature, and answers what came back', async () => {
    for (const type of ['complaint', 'inbound_sms'])
      await registerCallback(world, tenant, `${service.url}/${type}`, type);
    const { data } = (await world.admin('GET', path)).body;
    for (const { id } of data) {
      const { status, body } = await world.admin('POST', `${path}/${id}/test`);
      assert.equal(status, 200, JSON.stringify(body));
      const { milliseconds, ...said } = body.data;
      assert.deepEqual(said, { delivered: true, status: 204, failure: null, detail: null });
      assert.ok(milliseconds >= 0 && milliseconds < 10_000);
    }
    assert.deepEqual(
      service.seen.map(({ path, body }) => [path, body.test]),
      [
        ['/complaint', true],
        ['/status?key=1', true],
        ['/inbound_sms', true],
      ],
    );
    const { headers, text, body } = service.seen.find(({ path }) => path.startsWith('/status'))!;
    assert.equal(headers.authorization, `Bearer ${token}`);
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['despatch-signature']))!;
    assert.equal(mac, createHmac('sha256', token).update(`${time}.${text}`).digest('hex'));
    assert.deepEqual(Object.keys(body).toSorted(), [
      'completed_at',
      'created_at',
      'id',
      'notification_type',
      'reference',
      'sent_at',
      'status',
      'template_id',
      'template_version',
      'test',
      'to',
    ]);
    const log = await world.admin('GET', `/service/${tenant.id}/callbacks`);
    assert.deepEqual(log.body.callbacks, [], 'it is not in the log');

    service.become(refuse(500));
    const refused = await world.admin('POST', `${path}/${api}/test`);
    assert.deepEqual([refused.body.data.delivered, refused.body.data.status], [false, 500]);
    service.become(() => undefined);
    const hanging = await world.admin('POST', `${path}/${api}/test`);
    assert.deepEqual([hanging.body.data.status, hanging.body.data.failure], [null, 'timeout']);
    const health = (await world.admin('GET', path)).body.data.find((one: any) => one.id === api);
    assert.deepEqual(
      [health.failures, health.paused],
      [0, false],
      'a test says nothing about real callbacks',
    );
    for (const what of ['test', 'resume'])
      for (const where of [`${path}/${randomUUID()}`, `/service/${world.tenant.id}/callback-api/${api}`])
        isNotFound(await world.admin('POST', `${where}/${what}`));
  });
});

test('a test does not reach private addresses', async (t) => {
  const world = await createWorld({ roles: ['api'] });
  t.after(() => world.stop());
  const path = `/service/${world.tenant.id}/callback-api`;
  const id = await registerCallback(world, world.tenant, 'https://service.example/callbacks');
  for (const url of ['https://127.0.0.1:1/', 'https://localhost:1/', 'http://service.example/']) {
    await world.connection.pool.query('update service_callback_api set url = $1', [url]);
    const { body } = await world.admin('POST', `${path}/${id}/test`);
    assert.equal(body.data.failure, url.startsWith('https') ? 'private address' : 'bad address', url);
  }
});
