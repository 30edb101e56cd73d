import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { defineRoute } from './define-route.ts';
import { v2Errors } from './error-format.ts';
import { createServer } from './server.ts';

test('of the large requests of a service two are handled at a time, some wait in order, more are refused, and nobody else waits', async (t) => {
  const log = createLog('silent');
  const guards = {
    'service key': (
      request: { serviceId?: string; headers: Record<string, unknown> },
      _: unknown,
      done: () => void,
    ) => {
      request.serviceId = String(request.headers['authorization']);
      done();
    },
    admin: () => assert.fail('no route here is for admins'),
  };
  // A service's waiting bodies may have a quarter of this.
  const server = createServer(
    { log, metrics: createMetrics(null, log), guards: guards as never },
    { heldBytes: 4_000_000 },
  );
  const handled: { name: string; finish: () => void }[] = [];
  const route = defineRoute({
    ...{
      method: 'POST',
      path: '/work',
      authentication: 'service key',
      handlerName: 'test.work',
      summary: null,
    },
    handler: async (_deps: null, { headers }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      handled.push({ name: String(headers['x-name']), finish: resolve });
      await promise;
      return {};
    },
  });
  server.scope(v2Errors, (mount) => mount([route], null));
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => server.app.close());
  const { port } = server.app.server.address() as AddressInfo;
  const post = async (service: string, name: string, length: number) => {
    const headers = { authorization: service, 'x-name': name };
    const answer = await fetch(`http://127.0.0.1:${port}/work`, {
      method: 'POST',
      headers,
      body: 'x'.repeat(length),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const names = () => handled.map(({ name }) => name);
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  };

  const answers = [];
  // In order: each has arrived before the next is sent.
  for (const name of ['a', 'b']) {
    answers.push(post('busy', name, 300_000));
    await until(() => names().includes(name));
  }
  answers.push(post('busy', 'c', 300_000));
  const small = post('busy', 'small', 60_000);
  const other = post('other', 'large', 900_000);
  await until(() => handled.length === 4);
  assert.deepEqual(names().slice(2).sort(), ['large', 'small']);

  const refused = await post('busy', 'd', 500_000);
  assert.equal(refused.status, 429);
  assert.deepEqual(refused.body, {
    status_code: 429,
    errors: [
      {
        error: 'TooManyRequestsError',
        message:
          'Too many large requests: a service can have 2 of more than 65536 bytes under way, and some more waiting. Wait for answers before sending more',
      },
    ],
  });
  assert.ok(!names().includes('c'));
  handled[0]!.finish();
  await until(() => names().includes('c'));
  for (const { finish } of handled) finish();
  const statuses = (await Promise.all([...answers, small, other])).map(({ status }) => status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
  // Nothing is left over from them.
  const last = post('busy', 'last', 999_000);
  await until(() => names().includes('last'));
  handled.at(-1)!.finish();
  assert.equal((await last).status, 200);
});
