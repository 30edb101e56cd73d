import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as dial, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { defineRoute } from './define-route.ts';
import { plainErrors, v2Errors } from './error-format.ts';
import { createAgentNames } from './request.ts';
import { createServer, type ServerLimits } from './server.ts';

const megabyte = 1024 * 1024;

/** A listening server with a route of the usual limit, one of 4 KB and one that takes no body. */
async function listening(context: TestContext, limits: Partial<ServerLimits> = {}) {
  const log = createLog('silent');
  const refuse = () => assert.fail('no route here needs credentials');
  const guards = { 'service key': refuse, admin: refuse };
  const server = createServer({ log, metrics: createMetrics(null, log), guards }, limits);
  const route = (path: string, bodyLimit?: number) =>
    defineRoute({
      ...{ method: 'POST', path, authentication: 'none', handlerName: 'test.route', summary: null },
      ...(bodyLimit !== undefined && { bodyLimit }),
      handler: (_deps: null, { body }) => ({ length: Buffer.isBuffer(body) ? body.length : 0 }),
    });
  server.scope(v2Errors, (mount) => mount([route('/large'), route('/small', 4096)], null));
  server.scope(plainErrors, (mount) => mount([route('/none', 0)], null));
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.app.server.address() as AddressInfo;
  const open: Socket[] = [];
  context.after(async () => {
    for (const socket of open) socket.destroy();
    await server.app.close();
  });
  /** Sends a POST of which `sent` bytes of `length` arrive; its text once the server has closed the connection. */
  const begin = async (path: string, length: number, sent: number) => {
    const socket = dial(port, '127.0.0.1');
    open.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    await new Promise<unknown>((resolve) => socket.write(Buffer.alloc(sent, 'x'), resolve));
    return text(socket).catch(() => 'reset');
  };
  const post = async (path: string, body: string | Buffer | ReadableStream, method = 'POST') => {
    const request = { method, body, duplex: 'half' } as RequestInit;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, request);
    const body_ = await answer.text();
    return [answer.status, body_ && JSON.parse(body_)];
  };
  return { ...server, begin, post };
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

test('bytes of bodies are free again once their requests are answered or broken off', async (context) => {
  const { begin, post } = await listening(context, { heldBytes: megabyte });
  for (let n = 0; n < 10; n++) assert.equal((await post('/large', Buffer.alloc(megabyte)))[0], 200);
  assert.match(await begin('/large', 2 * megabyte, 2 * megabyte - 1), /^HTTP\/1.1 503 |^reset$/);
  assert.equal((await post('/large', Buffer.alloc(megabyte)))[0], 200);
});

test('connections beyond the limit are closed', async (context) => {
  const { begin } = await listening(context, { connections: 2 });
  void begin('/large', 10, 1);
  void begin('/large', 10, 1);
  assert.ok(['', 'reset'].includes(await begin('/large', 10, 1)));
});

test('a client is named by its user agent, whatever that holds', () => {
  const table: [string | undefined, string][] = [
    ['NOTIFY-API-NODE-CLIENT/8.4.0', 'notify-api-node-client.8-4-0'],
    ['NOTIFY-API-JAVA-CLIENT/6.2.0-RELEASE', 'notify-api-java-client.6-2-0-RELEASE'],
    ['notify-api-net-client/8.1.0.0/more', 'notify-api-net-client.8-1-0-0'],
    ['NOTIFY-API-PYTHON-CLIENT', 'notify-api-python-client.unknown'],
    ['Notify-x/', 'notify-x.unknown'],
    ['notify é:|@#\n/1|c', 'notify-------.1-c'],
    [`notify${'x'.repeat(500)}/${'1'.repeat(500)}`, `notify${'x'.repeat(54)}.${'1'.repeat(60)}`],
    ['Mozilla/5.0', 'non-notify-user-agent'],
    ['my-notify/1', 'non-notify-user-agent'],
    ['', 'unknown'],
    [undefined, 'unknown'],
  ];
  const nameOf = createAgentNames();
  for (const [userAgent, name] of table) assert.equal(nameOf(userAgent), `user-agent.${name}`);
});

test('a stranger who makes up clients cannot make more than 100 metrics, and known ones keep theirs', () => {
  const nameOf = createAgentNames();
  const names = new Set(Array.from({ length: 5000 }, (_, index) => nameOf(`notify-${index}/1`)));
  assert.equal(names.size, 101);
  assert.equal(nameOf('notify-4999/1'), 'user-agent.other');
  assert.equal(nameOf('notify-7/1'), 'user-agent.notify-7.1');
});
