import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, connect as dial } from 'node:net';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import type { FastifyInstance, FastifyRequest, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { connect } from '../../database/connection.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { badRequest, Problem } from '../../ground/problem.ts';
import { type Authentication, defineRoute, type Method, type Route } from './define-route.ts';
import { plainErrors, v2Errors } from './error-format.ts';
import { baseUrl } from './request.ts';
import { createServer } from './server.ts';

const notFound = {
  result: 'error',
  message:
    'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
};
const notAllowed = { result: 'error', message: 'The method is not allowed for the requested URL.' };
const fixedHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'Content-Type,Authorization',
  'access-control-allow-methods': 'GET,PUT,POST,DELETE',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'cache-control': 'no-store, no-cache, private, must-revalidate',
};

function route(
  method: Method,
  path: string,
  answer: (request: FastifyRequest) => unknown,
  handlerName = 'test.route',
  authentication: Authentication = 'none',
): Route<null> {
  return defineRoute({
    method,
    path,
    authentication,
    handlerName,
    summary: null,
    handler: (_deps: null, request) => answer(request),
  });
}

/** A server with a few routes; its log lines are kept. */
function world() {
  const lines: { level: number; msg: string; err?: { message: string } }[] = [];
  const log = pino(
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)));
        done();
      },
    }),
  );
  const metrics = createMetrics(null, log);
  const refuse = () => {
    throw new Problem(401, [{ error: 'AuthError', message: 'Who?', field: 'token' }]);
  };
  const server = createServer({ log, metrics, guards: { 'service key': refuse, admin: refuse } });
  const { app, scope } = server;
  let thrown: unknown;
  const fails = () => Promise.reject(thrown);
  scope(v2Errors, (mount) =>
    mount(
      [
        route('GET', '/v2/notifications/:id', (request) => request.params, 'notifications.read'),
        route('POST', '/v2/notifications/sms', (request) => ({ body: String(request.body) })),
        route('POST', '/v2/throw', fails),
      ],
      null,
    ),
  );
  scope(plainErrors, (mount) =>
    mount(
      [
        route('POST', '/throw', fails),
        route('PUT', '/dots.and+signs/:id/x', () => 'ok'),
        route('GET', '/numbers/:n(^\\d+$)/x', (request) => request.params),
        route('GET', '/base', (request) => ({
          own: baseUrl(request, null),
          given: baseUrl(request, 'https://api'),
        })),
      ],
      null,
    ),
  );
  const call = async (options: InjectOptions) => {
    const answer = await app.inject(options);
    for (const [name, value] of Object.entries(fixedHeaders)) assert.equal(answer.headers[name], value, name);
    assert.match(String(answer.headers['content-type']), /^application\/json/);
    return {
      status: answer.statusCode,
      headers: answer.headers,
      json: answer.body && JSON.parse(answer.body),
    };
  };
  const fail = (error: unknown, url = '/v2/throw') => {
    thrown = error;
    return call({ method: 'POST', url });
  };
  return { ...server, call, fail, lines, metrics };
}

test('a path without a route is a 404 in the old envelope, even if it only has an extra slash', async () => {
  const { call } = world();
  const paths = [
    ...['/', '/v2/notifications', '/v2/notifications/', '/v2/notifications/a/', '/v2/notifications/sms/'],
    ...[
      '/V2/notifications/sms',
      '//v2/notifications/sms',
      '/dotsxandsigns/a/x',
      '/v2/notifications/%zz',
      '/%',
    ],
  ];
  for (const url of paths)
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      const { status, json } = await call({ method, url, payload: method === 'POST' ? 'text' : undefined });
      assert.deepEqual([status, json], [404, notFound], `${method} ${url}`);
    }
});

test('a method that a path does not have is a 405 that lists those it has', async () => {
  const { call } = world();
  const table: [InjectOptions['method'], string, string][] = [
    ['DELETE', '/v2/notifications/sms', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/v2/notifications/email?a=b', 'GET, HEAD, OPTIONS'],
    ['GET', '/v2/throw/', ''],
    ['GET', '/throw', 'POST, OPTIONS'],
    ['GET', '/dots.and+signs/a/x', 'PUT, OPTIONS'],
    ['PUT', '/numbers/12/x', 'GET, HEAD, OPTIONS'],
    ['PUT', '/numbers/1a/x', ''],
    ['GET', '/numbers/1a/x', ''],
  ];
  for (const [method, url, allow] of table) {
    const { status, json, headers } = await call({ method, url });
    const expected = allow ? [405, notAllowed, allow] : [404, notFound, undefined];
    assert.deepEqual([status, json, headers.allow], expected, `${method} ${url}`);
  }
});

test('every route answers OPTIONS to callers who may use the route', async () => {
  const { app, scope } = world();
  const guarded = route('GET', '/v2/guarded', () => 'ok', 'test.guarded', 'service key');
  scope(v2Errors, (mount) => mount([guarded], null));
  const options = (url: string) => app.inject({ method: 'OPTIONS', url });
  const open = await options('/v2/notifications/sms?a=b');
  assert.deepEqual(
    [open.statusCode, open.body, open.headers['allow']],
    [200, '', 'GET, HEAD, POST, OPTIONS'],
  );
  assert.equal((await options('/v2/guarded')).statusCode, 401);
  assert.equal((await options('/nowhere')).statusCode, 404);
});

test('HEAD answers as GET does, and a long path reaches its route like any other', async () => {
  const { app, call } = world();
  const head = await app.inject({ method: 'HEAD', url: '/v2/notifications/a' });
  assert.deepEqual([head.statusCode, head.body], [200, '']);
  const id = 'x'.repeat(10_000);
  assert.deepEqual((await call({ url: `/v2/notifications/${id}` })).json, { id });
});

/** Everything that a server answers to these bytes before it closes the connection. */
async function exchange(app: FastifyInstance, bytes: string): Promise<string> {
  const socket = dial((app.server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data));
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

test('what the parser refuses is answered like any request: a HEAD without a body, a CONNECT at all', async () => {
  const { app } = world();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const long = `Host: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`;
  const cases: readonly (readonly [string, string, string])[] = [
    [`GET / HTTP/1.1\r\n${long}`, '431', 'The headers of the request are too large.'],
    [`HEAD / HTTP/1.1\r\n${long}`, '431', ''],
    [`HEAD /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, '431', ''],
    ['GET / HTTP/1.1\r\nA b: c\r\n\r\n', '400', 'The request could not be read.'],
    ['HEAD / HTTP/1.1\r\nA b: c\r\n\r\n', '400', ''],
    ['\x16\x03\x01', '400', 'The request could not be read.'],
    ['CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n', '405', notAllowed.message],
  ];
  try {
    for (const [bytes, status, message] of cases) {
      const [head = '', body] = (await exchange(app, bytes)).split('\r\n\r\n');
      assert.equal(head.slice(9, 12), status, bytes.slice(0, 40));
      assert.equal(body, message && JSON.stringify({ result: 'error', message }), bytes.slice(0, 40));
    }
  } finally {
    await app.close();
  }
});

test('a request keeps the first trace id it has that is safe in a log, and gets one if it has none', async () => {
  const { call } = world();
  const names = ['x-b3-traceid', 'x-amz-cf-id', 'x-amzn-trace-id'];
  for (let first = 0; first < names.length; first++) {
    const headers = Object.fromEntries(names.map((name, i) => [name, i < first ? '' : name]));
    const answer = await call({ url: '/base', headers });
    assert.equal(answer.headers['x-b3-traceid'], names[first]);
  }
  const made = await Promise.all([call({ url: '/base' }), call({ url: '/nowhere' })]);
  for (const { headers } of made) {
    assert.match(String(headers['x-b3-traceid']), /^[0-9a-f]{32}$/);
    assert.match(String(headers['x-b3-spanid']), /^self-[0-9a-f]{16}$/);
  }
  assert.notEqual(made[0]!.headers['x-b3-traceid'], made[1]!.headers['x-b3-traceid']);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
  const unsafe = ['a b', 'bob@example.com', 'a\u009b2J', '"', 'a\\', '<b>', '%0a', '\u00e9'];
  for (const value of unsafe) {
    const headers = { 'x-b3-traceid': value, 'x-b3-spanid': value, 'x-amz-cf-id': value, traceparent };
    const answer = await call({ url: '/base', headers });
    assert.equal(answer.headers['x-b3-traceid'], trace, value);
    assert.match(String(answer.headers['x-b3-spanid']), /^self-[0-9a-f]{16}$/, value);
  }
  const amazon = 'Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1';
  const fromAmazon = await call({ url: '/base', headers: { 'x-amzn-trace-id': amazon, traceparent } });
  assert.equal(fromAmazon.headers['x-b3-traceid'], amazon);
  const malformed = await call({ url: '/base', headers: { traceparent: '00-zz-1-1' } });
  assert.match(String(malformed.headers['x-b3-traceid']), /^[0-9a-f]{32}$/);
  const own = await call({
    url: '/base',
    headers: { 'x-b3-spanid': 'span', 'x-b3-traceid': 'x'.repeat(999) },
  });
  assert.equal(own.headers['x-b3-spanid'], 'span');
  assert.equal(String(own.headers['x-b3-traceid']).length, 128);
});

test('a body arrives whole with any content type, well-formed or not, or with none', async () => {
  const { call } = world();
  const types = [
    ...['application/json', 'application/json; charset=utf-8', 'application/x-www-form-urlencoded'],
    ...['text/plain', 'multipart/form-data', 'text', ';;;', 'no type at all', '', undefined],
  ];
  const payload = '{"a": "é\u0000"} and no JSON';
  for (const type of types) {
    const headers = type === undefined ? {} : { 'content-type': type };
    const answer = await call({ method: 'POST', url: '/v2/notifications/sms', payload, headers });
    assert.deepEqual([answer.status, answer.json], [200, { body: payload }], type);
  }
});

test('a body of 16 MiB is taken and a larger one is a 413 in the envelope of its scope', async () => {
  const { call } = world();
  const limit = 16 * 1024 * 1024;
  const post = (url: string, length: number) => call({ method: 'POST', url, payload: 'x'.repeat(length) });
  assert.equal((await post('/v2/notifications/sms', limit)).json.body.length, limit);
  const message = `The request is too large: the limit is ${limit} bytes.`;
  const v2 = await post('/v2/notifications/sms', limit + 1);
  assert.deepEqual(
    [v2.status, v2.json],
    [413, { status_code: 413, errors: [{ error: 'BadRequestError', message }] }],
  );
  const v1 = await post('/throw', limit + 1);
  assert.deepEqual([v1.status, v1.json], [413, { result: 'error', message }]);
});

test('a Problem is answered with its status, faults and headers', async () => {
  const { fail, lines } = world();
  const problem = new Problem(429, [{ error: 'RateLimitError', message: 'Slow down' }], {
    'Retry-After': '9',
  });
  const v2 = await fail(problem);
  assert.deepEqual([v2.status, v2.headers['retry-after']], [429, '9']);
  assert.deepEqual(v2.json, {
    status_code: 429,
    errors: [{ error: 'RateLimitError', message: 'Slow down' }],
  });
  assert.deepEqual((await fail(badRequest('No'), '/throw')).json, { result: 'error', message: 'No' });
  assert.ok(lines.every(({ level }) => level <= 30));
});

test('anything unexpected is a 500 that leaks nothing, and its cause is in the log', async () => {
  const { fail, lines } = world();
  const errors = [
    new Error('secret'),
    Object.assign(new Error('secret'), { statusCode: 404 }),
    Object.assign(new Error('secret'), { statusCode: 503, code: 'FST_SECRET' }),
    Object.assign(new Error('secret'), { status: 400, headers: { secret: 'secret' }, code: 23505 }),
    ...['secret', { secret: 'secret' }, null, undefined],
  ];
  for (const error of errors) {
    lines.length = 0;
    const { status, json, headers } = await fail(error);
    const message = 'Internal server error';
    assert.equal(status, 500, String(error));
    assert.deepEqual(json, { status_code: 500, errors: [{ error: 'InternalServerError', message }] });
    assert.ok(!JSON.stringify(headers).includes('secret'));
    const line = lines.find(({ level }) => level === 50);
    assert.equal(line?.msg, 'POST /v2/throw failed');
    if (error instanceof Error) assert.equal(line?.err?.message, 'secret');
    assert.deepEqual((await fail(error, '/throw')).json, { result: 'error', message });
  }
});

test('a database that cannot be reached is a 503 that says what to do, and not that nothing was done', async () => {
  const { fail } = world();
  const unused = createTcpServer().listen(0, '127.0.0.1');
  await once(unused, 'listening');
  const { port } = unused.address() as AddressInfo;
  await new Promise((resolve) => unused.close(resolve));
  const database = connect(`postgres://u:p@127.0.0.1:${port}/d`, 1, createLog('silent'));
  const error = await database.pool.query('select 1').catch((reason: unknown) => reason);
  await database.close();
  const { status, headers, json } = await fail(error);
  assert.deepEqual([status, headers['retry-after'], json.errors[0].error], [503, '5', 'ServiceUnavailable']);
  assert.match(json.errors[0].message, /Send the request again .* takes effect once, even if this one did/);
  assert.ok(!JSON.stringify(json).includes(String(port)));
});

test('a caller who disconnects does not count as a server error', async () => {
  const { app, lines } = world();
  const answered = Promise.withResolvers<number>();
  app.addHook('onSend', async (_request, reply) => answered.resolve(reply.statusCode));
  const read = Promise.withResolvers<void>();
  app.addHook('preParsing', async () => read.resolve());
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = dial((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('POST /v2/notifications/sms HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab');
  await read.promise;
  socket.destroy();
  assert.equal(await answered.promise, 400);
  await app.close();
  assert.ok(lines.every(({ level }) => level <= 30));
});

test('each request leaves one log line, of whose path only words of routes, ids and numbers are shown, and one metric named after its handler', async () => {
  const { call, lines, metrics } = world();
  const id = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';
  await call({ url: `/v2/notifications/${id}?to=07700900123` });
  await call({ url: '/v2/throw/numbers/07700900123?to=07700900123' });
  await call({ url: '/numbers/12/x' });
  await call({ url: '/v2/notifications/bob@example.com' });
  await call({ url: `/numbers/${'9'.repeat(12)}/x` });
  await call({ method: 'POST', url: `/v2/notifications/sms/${id}` });
  await call({ url: '/v2/notifications/a%2Fb' });
  assert.deepEqual(
    lines.map(({ msg }) => msg.replace(/took .*/, 'took')),
    [
      `GET /v2/notifications/${id} 200 took`,
      'GET /v2/throw/numbers/… 404 took',
      'GET /numbers/12/x 200 took',
      'GET /v2/notifications/… 200 took',
      'GET /numbers/…/x 200 took',
      `POST /v2/notifications/sms/${id} 404 took`,
      'GET /v2/notifications/… 200 took',
    ],
  );
  assert.ok(!JSON.stringify(lines).includes('07700900123'));
  const stats = await metrics.registry.metrics();
  for (const [stat, count] of Object.entries({ GET_notifications_read_200: 3, GET_404: 1 }))
    assert.match(stats, new RegExp(`^despatch_${stat}_total ${count}$`, 'm'));
});

test('the base URL is the configured one, or else the one that the caller used', async () => {
  const { call } = world();
  const { json } = await call({ url: '/base', headers: { host: 'api.example:8080' } });
  assert.deepEqual(json, { own: 'http://api.example:8080', given: 'https://api' });
  const proxied = { host: 'inner', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example' };
  assert.equal((await call({ url: '/base', headers: proxied })).json.own, 'https://api.example');
});

test('no log line contains the key of a document, however its path is written and however the request ends', async () => {
  const { app, scope, lines } = world();
  const broken = () => Promise.reject(new Error('broken'));
  scope(plainErrors, (mount) =>
    mount([route('GET', '/d/:id/:key', () => 'page'), route('GET', '/d/:id/:key/download', broken)], null),
  );
  const urls = [
    '/d/i/secret',
    '/d/i/secret/',
    '/d/i/secret?a=b',
    '/d/i/secret/download',
    '/%64/i/secret',
    '/d%2Fi/secret',
  ];
  for (const url of [
    ...urls,
    '//d/i/secret',
    '/D/i/secret',
    '/d/%zz/secret',
    'http://h/d/i/secret',
    '/x/../d/i/secret',
  ])
    for (const method of ['GET', 'HEAD', 'POST'] as const) {
      lines.length = 0;
      await app.inject({ method, url });
      assert.doesNotMatch(JSON.stringify(lines), /secret/, `${method} ${url}`);
    }
  lines.length = 0;
  await app.inject({ url: '/d/i/secret' });
  assert.match(lines[0]!.msg, /^GET \/d\/…\/… 200 took /);
  lines.length = 0;
  await app.inject({ url: '/v2/dogs/d' });
  assert.match(lines[0]!.msg, /^GET \/v2\/…\/d 404 took /);
});

test('a route that was not made by defineRoute, and so has no authentication, stops the server from starting', async () => {
  const { app } = world();
  assert.throws(
    () => app.get('/open', async () => 'ok'),
    /GET \/open was not made by defineRoute, so it has no authentication/,
  );
});
