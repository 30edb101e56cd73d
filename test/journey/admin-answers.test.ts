import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { makeToken, signToken } from '../../src/cli/client.ts';
import type { MountedRoute } from '../../src/http/server/server.ts';
import { createWorld, type World } from '../support/world.ts';

describe('answers of the admin API', () => {
  let world: World;
  let routes: readonly MountedRoute[];

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    const other = await world.startMore({ roles: ['api'] });
    ({ routes } = other);
    await other.stop();
  });
  after(() => world.stop());

  const adminToken = () => {
    const { issuer, secret } = world.credentials.admin;
    return `Bearer ${signToken(issuer, secret, world.clock.now())}`;
  };
  const send = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(world.api + path, { method, headers: { Authorization: adminToken(), ...headers } });
  const pathOf = ({ path }: { path: string }) =>
    path
      .replace(/:service_id(\([^)]*\))?/, world.tenant.id)
      .replace(/:[a-z]*version\([^)]*\)/, '1')
      .replace(/:[a-z_]+(\([^)]*\))?/g, randomUUID());
  const cors = ({ headers }: Response) =>
    [...headers.keys()].filter((name) => name.startsWith('access-control-'));

  test('to a read have a tag, and are not sent again to a caller that has them', async () => {
    let tagged = 0;
    for (const { route } of routes) {
      if (route.authentication !== 'admin' || ![route.method].flat().includes('GET')) continue;
      const path = pathOf(route);
      // They tell of this moment, so that two answers differ.
      if (/^\/platform\/(?:processes|queues|system|tasks)$/.test(path)) continue;
      const first = await send('GET', path);
      const text = await first.text();
      const tag = first.headers.get('etag');
      const isJson = first.headers.get('content-type')?.startsWith('application/json');
      // A download is sent as it is read.
      if (first.status !== 200 || !isJson) {
        assert.equal(tag, null, path);
        continue;
      }
      tagged += 1;
      assert.match(String(tag), /^"[\w-]+"$/, path);
      assert.equal(first.headers.get('cache-control'), 'no-store, no-cache, private, must-revalidate', path);
      const again = await send('GET', path, { 'If-None-Match': `"other", W/${tag}` });
      assert.deepEqual(
        [again.status, await again.text(), again.headers.get('etag'), again.headers.get('content-type')],
        [304, '', tag, null],
        path,
      );
      const head = await send('HEAD', path);
      assert.deepEqual(
        [head.status, head.headers.get('etag'), head.headers.get('content-length')],
        [200, tag, String(Buffer.byteLength(text))],
        path,
      );
      assert.equal((await send('HEAD', path, { 'If-None-Match': tag! })).status, 304, path);
    }
    assert.ok(tagged >= 15, String(tagged));
  });

  test('to a read have another tag after a change', async () => {
    const path = `/service/${world.tenant.id}`;
    const before = (await send('GET', path)).headers.get('etag')!;
    assert.equal(
      (await world.admin('POST', path, { contact_link: 'https://tides.example.com' })).status,
      200,
    );
    const after = await send('GET', path, { 'If-None-Match': before });
    assert.equal(after.status, 200);
    assert.notEqual(after.headers.get('etag'), before);
    assert.match(await after.text(), /tides\.example\.com/);
  });

  test('and what they depend on are described: tags of reads, and the keys of writes', async () => {
    const { body: document } = await world.call('GET', '/spec.json', { key: null });
    const takenBy = { get: 'If-None-Match', post: 'Idempotency-Key', put: 'Idempotency-Key' };
    const operations = Object.values<any>(document.paths)
      .flatMap((path) => Object.entries<any>(path))
      .filter(([method, { security }]) => method in takenBy && security.some((one: any) => 'admin' in one));
    assert.ok(operations.length >= 90, String(operations.length));
    for (const [method, { operationId, parameters, responses }] of operations) {
      const isDownload = responses[200]?.content && !responses[200].content['application/json'];
      if (method === 'get' && isDownload) continue;
      const header = takenBy[method as keyof typeof takenBy];
      assert.ok(
        parameters.some((one: any) => one.in === 'header' && one.name === header),
        operationId,
      );
      for (const status of method === 'get' ? [304] : [400, 409]) assert.ok(responses[status], operationId);
    }
  });

  test('need their credentials even if nothing has changed', async () => {
    const answer = await fetch(`${world.api}/service/${world.tenant.id}`, {
      headers: { 'If-None-Match': '*' },
    });
    assert.deepEqual([answer.status, answer.headers.get('etag')], [401, null]);
  });

  test('to writes and errors, and those of other APIs, have no tag', async () => {
    const id = world.tenant.id;
    const answers = [
      await send('POST', `/service/${id}/resume`),
      await send('GET', `/service/${randomUUID()}`),
      await fetch(`${world.api}/v2/templates`, {
        headers: { Authorization: `Bearer ${makeToken(world.tenant.keys.normal)}` },
      }),
      await fetch(`${world.api}/_status`),
    ];
    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers.get('etag')]),
      [
        [204, null],
        [404, null],
        [200, null],
        [200, null],
      ],
    );
  });

  test('cannot be read by pages of other sites, whatever they are', async () => {
    for (const { route } of routes) {
      if (route.authentication !== 'admin') continue;
      const path = pathOf(route);
      for (const method of [...[route.method].flat(), 'OPTIONS', 'PATCH']) {
        assert.deepEqual(cors(await send(method, path)), [], `${method} ${path}`);
        const stranger = await send(method, path, { Authorization: 'Bearer a.b.c' });
        assert.deepEqual(cors(stranger), [], `${method} ${path} ${stranger.status}`);
      }
    }
    for (const path of ['/service/', '/service/x/users', '/user/%zz', '/provider-details/1/2/3'])
      assert.deepEqual(cors(await send('GET', path)), [], path);
  });

  test('are the only ones, with few exceptions: services may be called from any page', async () => {
    const headers = [
      'access-control-allow-headers',
      'access-control-allow-methods',
      'access-control-allow-origin',
    ];
    for (const [method, path] of [
      ['GET', '/v2/templates'],
      ['OPTIONS', '/v2/templates'],
      ['PATCH', '/v2/templates'],
      ['GET', '/notifications'],
      ['GET', '/v2/nothing'],
      ['GET', '/v2/%zz'],
      ['GET', '/nothing'],
      ['GET', '/'],
      ['GET', '/spec'],
    ] as const)
      assert.deepEqual(cors(await send(method, path)).sort(), headers, `${method} ${path}`);
  });
});
