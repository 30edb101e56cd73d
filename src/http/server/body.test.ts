import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as dial, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { defineRoute } from './define-route.ts';
import { plainErrors, v2Errors } from './error-format.ts';
import { createServer, type ServerLimits } from './server.ts';

const megabyte = 1024 * 1024;

/** The key of a service is its id. */
const keysAreIds = {
  'service key': (
    request: { serviceId?: string; headers: Record<string, unknown> },
    _: unknown,
    done: () => void,
  ) => {
    request.serviceId = String(request.headers['authorization']);
    done();
  },
  admin: () => assert.fail('no route here is for admins'),
} as never;

/**
 * A listening server with a route of the usual limit, one of 4 KB, one that takes no body, and one of services, whose
 * key is their id.
 */
async function listening(context: TestContext, limits: Partial<ServerLimits> = {}) {
  const log = createLog('silent');
  const server = createServer({ log, metrics: createMetrics(null, log), guards: keysAreIds }, limits);
  const route = (path: string, bodyLimit?: number, authentication: 'none' | 'service key' = 'none') =>
    defineRoute({
      ...{ method: 'POST', path, authentication, handlerName: 'test.route', summary: null },
      ...(bodyLimit !== undefined && { bodyLimit }),
      handler: (_deps: null, { body }) => ({ length: Buffer.isBuffer(body) ? body.length : 0 }),
    });
  server.scope(v2Errors, (mount) =>
    mount([route('/large'), route('/small', 4096), route('/service', undefined, 'service key')], null),
  );
  server.scope(plainErrors, (mount) => mount([route('/none', 0)], null));
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.app.server.address() as AddressInfo;
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.app.close();
  });
  /** Sends a POST of which `sent` bytes of `length` arrive. `answer`: its text once the server has closed the connection. */
  const hold = async (path: string, length: number | 'chunked', sent: number, service = '') => {
    const socket = dial(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const isChunked = length === 'chunked';
    const size = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: ${service}\r\n${size}\r\n\r\n`,
    );
    if (isChunked) socket.write(`${sent.toString(16)}\r\n`);
    await new Promise<unknown>((resolve) => socket.write(Buffer.alloc(sent, 'x'), resolve));
    return { answer: text(socket).catch(() => 'reset') };
  };
  const begin = async (...request: Parameters<typeof hold>) => (await hold(...request)).answer;
  const post = async (
    path: string,
    body: string | Buffer | ReadableStream,
    method = 'POST',
    authorization = '',
  ) => {
    const request = { method, body, duplex: 'half', headers: { authorization } } as RequestInit;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, request);
    const body_ = await answer.text();
    return [answer.status, body_ && JSON.parse(body_)];
  };
  return { ...server, hold, begin, post };
}

const tooLarge = (limit: number) => `The request is too large: the limit is ${limit} bytes.`;

test('a body may have as many bytes as its route allows; one more is a 413 that names that limit', async (context) => {
  const { post } = await listening(context);
  const chunked = (length: number) => new Blob([Buffer.alloc(length)]).stream();
  for (const bodyOf of [(length: number) => Buffer.alloc(length), chunked]) {
    assert.deepEqual(await post('/small', bodyOf(4096)), [200, { length: 4096 }]);
    assert.deepEqual(await post('/small', bodyOf(4097)), [
      413,
      { status_code: 413, errors: [{ error: 'BadRequestError', message: tooLarge(4096) }] },
    ]);
    assert.deepEqual(await post('/none', bodyOf(1)), [413, { result: 'error', message: tooLarge(0) }]);
    assert.deepEqual(await post('/large', bodyOf(16 * megabyte)), [200, { length: 16 * megabyte }]);
  }
});

test('whoever goes on sending a body that is refused gets the answer all the same, whether the connection stays open or is to close', async (context) => {
  const { app, begin } = await listening(context, { heldBytes: 4 * megabyte });
  const { port } = app.server.address() as AddressInfo;
  const requestOf = (length: number) => [
    `POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`,
    Buffer.alloc(length, 'x'),
  ];
  for (const [length, refusal] of [
    [17 * megabyte, 413],
    [16 * megabyte, 503],
  ] as const) {
    const socket = dial(port, '127.0.0.1');
    for (let n = 0; n < 10; n++)
      for (const part of [...requestOf(length), ...requestOf(1)]) socket.write(part);
    socket.end();
    const statuses = [...(await text(socket)).matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) =>
      Number(status),
    );
    assert.deepEqual(statuses, Array(10).fill([refusal, 200]).flat());
  }
  // As proxies ask for it: the connection closes, but not before the answer can be read.
  for (const [path, length, status] of [
    ['/large', 17, 413],
    ['/large', 16, 503],
    ['/nothing/here', 16, 404],
  ] as const)
    for (let n = 0; n < 5; n++)
      assert.match(
        await begin(path, length * megabyte, length * megabyte),
        new RegExp(`^HTTP/1.1 ${status} [^]*\\}$`),
        `${status}`,
      );
});

test('a connection on which thousands of requests were refused closes like any other', async (context) => {
  const { begin, app } = await listening(context);
  const { port } = app.server.address() as AddressInfo;
  const socket = dial(port, '127.0.0.1');
  const count = 20_000;
  const refused = `POST /nothing/here HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`;
  socket.write(refused.repeat(count));
  socket.write(refused.replace('Host: a', 'Host: a\r\nConnection: close'));
  assert.equal([...(await text(socket)).matchAll(/HTTP\/1.1 404/g)].length, count + 1);
  assert.match(await begin('/nothing/here', 1, 1), /^HTTP\/1.1 404 /);
});

test('a body that its route does not read is not held: nothing there, another method, OPTIONS', async (context) => {
  const { post } = await listening(context, { heldBytes: megabyte });
  const body = Buffer.alloc(4 * megabyte);
  for (const [path, method, status] of [
    ['/nothing/here', 'POST', 404],
    ['/large', 'PUT', 405],
    ['/large', 'OPTIONS', 200],
  ] as const)
    assert.equal((await post(path, body, method))[0], status, `${method} ${path}`);
});

test('a body that is withheld holds its connection only until the time for a request is over', async (context) => {
  const { begin } = await listening(context, { requestMilliseconds: 100 });
  const answers = await Promise.all([
    begin('/large', 100, 0),
    begin('/large', 100, 99),
    begin('/nothing/here', 100, 99),
  ]);
  assert.match(answers[0]!, /^HTTP\/1.1 408 [\s\S]*\r\n\r\n\{"result":"error","message":"[^"]+"\}$/);
  assert.match(answers[1]!, /^HTTP\/1.1 408 /);
  assert.match(answers[2]!, /^HTTP\/1.1 404 /);
});

test('withheld bodies give way to others: the largest is answered 503, and no other request is refused', async (context) => {
  const { begin, post } = await listening(context, { heldBytes: 4 * megabyte });
  const withheld = Array.from({ length: 12 }, () => begin('/large', megabyte, megabyte - 1));
  const first = await Promise.race(withheld.map((answer) => answer));
  assert.match(first, /^HTTP\/1.1 503 [\s\S]*retry-after: 5[\s\S]*"ServiceUnavailable"/i);
  for (let n = 0; n < 20; n++) assert.equal((await post('/large', 'x'.repeat(1000)))[0], 200);
  assert.equal((await post('/large', Buffer.alloc(100_000)))[0], 200);
});

test('bodies that a service withholds take a quarter of the memory: of more none is read, and other services lose nothing', async (context) => {
  const { hold, begin, post } = await listening(context, { heldBytes: 4 * megabyte });
  const part = 300_000;
  const ended: string[] = [];
  for (const length of [part + 1, 'chunked', part + 1] as const) {
    const { answer } = await hold('/service', length, length === 'chunked' ? 200_000 : part, 'busy');
    void answer.then((text) => ended.push(text));
  }
  // What was sent before these has arrived when they have.
  for (let n = 0; n < 20; n++) await post('/small', 'x');
  // Nothing of these has to arrive for them to be refused.
  for (const length of [part, 4 * megabyte]) {
    const answer = await begin('/service', length, 0, 'busy');
    assert.match(answer, /^HTTP\/1.1 429 [\s\S]*retry-after: 1[\s\S]*Too many large requests/i);
  }
  assert.match(await begin('/service', 'chunked', part, 'busy'), /^HTTP\/1.1 429 /);
  assert.equal((await post('/service', Buffer.alloc(60_000), 'POST', 'busy'))[0], 200);
  const whole = Buffer.alloc(3 * megabyte);
  for (let n = 0; n < 3; n++) assert.equal((await post('/service', whole, 'POST', 'other'))[0], 200);
  assert.deepEqual(ended, []);
});

test('bytes of bodies are free again once their requests are answered or broken off', async (context) => {
  const { begin, post } = await listening(context, { heldBytes: megabyte });
  for (let n = 0; n < 10; n++) assert.equal((await post('/large', Buffer.alloc(megabyte)))[0], 200);
  assert.match(await begin('/large', 2 * megabyte, 2 * megabyte - 1), /^HTTP\/1.1 503 |^reset$/);
  assert.equal((await post('/large', Buffer.alloc(megabyte)))[0], 200);
  // Also those that count for their service.
  const share = Buffer.alloc(megabyte / 4);
  for (let n = 0; n < 10; n++) assert.equal((await post('/service', share, 'POST', 'one'))[0], 200);
  const limited = await listening(context, { heldBytes: megabyte, requestMilliseconds: 100 });
  assert.match(await limited.begin('/service', share.length, 0, 'one'), /^HTTP\/1.1 408 /);
  assert.equal((await limited.post('/service', share, 'POST', 'one'))[0], 200);
});

test('connections beyond the limit are closed', async (context) => {
  const { begin } = await listening(context, { connections: 2 });
  void begin('/large', 10, 1);
  void begin('/large', 10, 1);
  assert.ok(['', 'reset'].includes(await begin('/large', 10, 1)));
});

test('of the large requests of a service two are handled at a time, some wait in order, more are refused, and nobody else waits', async (t) => {
  const log = createLog('silent');
  // A service's waiting bodies may have a quarter of this.
  const server = createServer(
    { log, metrics: createMetrics(null, log), guards: keysAreIds },
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
