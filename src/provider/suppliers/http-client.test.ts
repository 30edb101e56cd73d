import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectProvider } from './http-client.ts';

const never = new AbortController().signal;
const timedOut = { outcome: 'unknown', code: '504', detail: 'Gateway Time-out' };

/** A provider's server on a free port, and a client for it. */
async function provider(
  t: TestContext,
  listener: RequestListener,
  { path = '', seconds = 30, connections = 4 } = {},
) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const http = connectProvider(`http://127.0.0.1:${port}${path}`, {
    timeoutSeconds: seconds,
    connections,
  });
  t.after(async () => {
    await http.close();
    server.closeAllConnections();
    server.close();
  });
  return { http, server, port };
}

async function textOf(request: IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

test('a request to a provider arrives as given, below the path of its URL, and its response is returned unchanged', async (t) => {
  const answers: [number, string][] = [
    [200, '{"reference":"é"}'],
    [204, ''],
    [302, 'elsewhere'],
    [400, 'no'],
    [503, '<html>down</html>'],
  ];
  for (const path of ['/api/v1', '/api/v1/']) {
    const seen: unknown[] = [];
    let [status, text] = answers[0]!;
    const { http } = await provider(
      t,
      async (request, response) => {
        seen.push([request.method, request.url, request.headers['authorization'], await textOf(request)]);
        response.writeHead(status, { location: '/other' }).end(text);
      },
      { path },
    );
    for ([status, text] of answers)
      assert.deepEqual(await http.post('/send', { authorization: 'Basic x' }, 'body é', never), {
        status,
        text,
      });
    assert.equal(seen.length, answers.length, 'no redirect is followed');
    assert.deepEqual(seen[0], ['POST', '/api/v1/send', 'Basic x', 'body é']);
  }
});

test('a connection that is refused, or lost before TLS is established, means that the provider did not take the message', async (t) => {
  const detail = 'The provider could not be reached';
  const { http, server, port } = await provider(t, (_, response) => response.end());
  const plain = connectProvider(`https://127.0.0.1:${port}`, { timeoutSeconds: 30, connections: 4 });
  t.after(() => plain.close());
  const code = 'ERR_SSL_WRONG_VERSION_NUMBER';
  assert.deepEqual(await plain.post('/', {}, 'body', never), { outcome: 'failed', code, detail });
  server.removeAllListeners('connection').on('connection', (socket) => socket.destroy());
  const lost = await plain.post('/', {}, 'body', never);
  assert.deepEqual(lost, { outcome: 'failed', code: 'ECONNRESET', detail });
  await new Promise((resolve) => server.close(resolve));
  const refused = await http.post('/', {}, 'body', never);
  assert.deepEqual(refused, { outcome: 'failed', code: 'ECONNREFUSED', detail });
});

test('a provider that does not finish connecting in time did not take the message', async (t) => {
  const { server, port } = await provider(t, () => {});
  server.removeAllListeners('connection');
  const http = connectProvider(`https://127.0.0.1:${port}`, { timeoutSeconds: 0.5, connections: 4 });
  t.after(() => http.close());
  const exchange = await http.post('/', {}, 'body', never);
  assert.ok('outcome' in exchange && exchange.outcome === 'failed', JSON.stringify(exchange));
});

const afterRequest = (act: (response: ServerResponse) => void): RequestListener => {
  return async (request, response) => {
    await textOf(request);
    act(response);
  };
};

test('a response that does not arrive whole in time leaves the outcome unknown', async (t) => {
  const listeners = [
    afterRequest(() => {}),
    afterRequest((response) => response.writeHead(200).write('{"ref')),
  ];
  for (const listener of listeners) {
    const { http } = await provider(t, listener, { seconds: 0.2 });
    assert.deepEqual(await http.post('/', {}, 'body', never), timedOut);
  }
});

test('a connection that is lost after the request leaves the outcome unknown', async (t) => {
  const listeners = [
    afterRequest((response) => response.socket?.destroy()),
    afterRequest((response) => response.socket?.resetAndDestroy()),
    afterRequest((response) => {
      response.writeHead(200, { 'content-length': 99 }).write('{"ref', () => response.socket?.destroy());
    }),
    afterRequest((response) => response.socket?.end('not HTTP at all\r\n\r\n')),
  ];
  for (const [i, listener] of listeners.entries()) {
    const { http } = await provider(t, listener);
    const exchange = await http.post('/', {}, 'body', never);
    assert.ok('outcome' in exchange && exchange.outcome === 'unknown', `${i}: ${JSON.stringify(exchange)}`);
    assert.equal(exchange.detail, 'The connection ended before the provider answered');
    assert.match(exchange.code, /^\w+$/);
  }
});

test('a response that is too long ends the connection and leaves the outcome unknown', async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const { http } = await provider(
    t,
    afterRequest((response) => {
      response.socket?.once('close', resolve);
      response.writeHead(200).write('x'.repeat(1_000_001));
    }),
  );
  const { outcome, code } = (await http.post('/', {}, 'body', never)) as { outcome: string; code: string };
  assert.deepEqual([outcome, code], ['unknown', 'UND_ERR_RES_EXCEEDED_MAX_SIZE']);
  await closed;
});

test('a response of the longest length arrives whole, without a byte order mark', async (t) => {
  const { http } = await provider(
    t,
    afterRequest((response) => response.end(`\ufeff${'x'.repeat(999_997)}`)),
  );
  const response = await http.post('/', {}, 'body', never);
  assert.ok('text' in response && response.text === 'x'.repeat(999_997));
});

test('a character whose bytes arrive apart is read as one', async (t) => {
  const { promise: begun, resolve } = Promise.withResolvers<ServerResponse>();
  const { http } = await provider(
    t,
    afterRequest((response) => response.write(Buffer.from([0x7b, 0xe2, 0x82]), () => resolve(response))),
  );
  const posted = http.post('/', {}, 'body', never);
  const response = await begun;
  response.write(Buffer.from([0xac]), () => response.end('}'));
  assert.deepEqual(await posted, { status: 200, text: '{€}' });
});

test('a caller who aborts a request to a provider gets an unknown outcome at once', async (t) => {
  let stop = new AbortController();
  const listeners = [
    afterRequest(() => stop.abort()),
    afterRequest((response) => response.writeHead(200).write('{"ref', () => stop.abort())),
  ];
  for (const listener of listeners) {
    stop = new AbortController();
    const { http } = await provider(t, listener);
    const exchange = await http.post('/', {}, 'body', stop.signal);
    assert.ok('outcome' in exchange && exchange.outcome === 'unknown');
    assert.equal(exchange.code, 'AbortError');
  }
});

test('a request that is aborted before it begins, or while it waits for a connection, is never sent', async (t) => {
  const seen: string[] = [];
  const { promise: busy, resolve: isBusy } = Promise.withResolvers<ServerResponse>();
  const { http } = await provider(
    t,
    async (request, response) => {
      seen.push(await textOf(request));
      if (seen.length === 1) isBusy(response);
      else response.end('ok');
    },
    { connections: 1 },
  );
  const aborted = { outcome: 'unknown', code: 'AbortError' };
  const outcomeOf = async (posted: ReturnType<typeof http.post>) => {
    const { outcome, code } = (await posted) as { outcome: string; code: string };
    return { outcome, code };
  };
  assert.deepEqual(await outcomeOf(http.post('/', {}, 'dead', AbortSignal.abort())), aborted);
  const first = http.post('/', {}, 'first', never);
  const response = await busy;
  const stop = new AbortController();
  const waiting = http.post('/', {}, 'waiting', stop.signal);
  stop.abort();
  assert.deepEqual(await outcomeOf(waiting), aborted);
  response.end('ok');
  assert.deepEqual(await first, { status: 200, text: 'ok' });
  assert.deepEqual(await http.post('/', {}, 'last', never), { status: 200, text: 'ok' });
  assert.deepEqual(seen, ['first', 'last']);
});

test('a provider did not take a message that waited for a connection until its time was over', async (t) => {
  const seen = new Set<string>();
  const { http } = await provider(
    t,
    async (request, response) => {
      const body = await textOf(request);
      seen.add(body);
      if (body === 'last') response.end('ok');
    },
    { connections: 1, seconds: 0.3 },
  );
  const bodies = Array.from({ length: 20 }, (_, index) => `body ${index}`);
  const results = await Promise.all(bodies.map((body) => http.post('/', {}, body, never)));
  const failed = bodies.filter(
    (_, index) => 'outcome' in results[index]! && results[index].outcome === 'failed',
  );
  assert.deepEqual(results[0], timedOut);
  assert.ok(failed.length > 0);
  assert.deepEqual(await http.post('/', {}, 'last', never), { status: 200, text: 'ok' });
  assert.ok(
    failed.every((body) => !seen.has(body)),
    'what failed is never sent later',
  );
});

test('a request that cannot be made is no rejection', async (t) => {
  const { http } = await provider(t, (_, response) => response.end());
  const exchange = await http.post('/', { 'not a name': 'x' }, 'body', never);
  assert.ok('outcome' in exchange && exchange.outcome === 'failed', JSON.stringify(exchange));
  await http.close();
  const closed = await http.post('/', {}, 'body', never);
  assert.ok('outcome' in closed && closed.outcome === 'failed', JSON.stringify(closed));
});

test('requests leave nothing behind on the signal of their caller', async (t) => {
  const { http } = await provider(
    t,
    afterRequest((response) => response.end('ok')),
  );
  const { signal } = new AbortController();
  const posted = Array.from({ length: 20 }, () => http.post('/', {}, 'body', signal));
  assert.equal(getEventListeners(signal, 'abort').length, 20);
  await Promise.all(posted);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a lost connection does not affect the next request', async (t) => {
  let count = 0;
  const { http } = await provider(
    t,
    afterRequest((response) => (++count === 1 ? response.socket?.destroy() : response.end('ok'))),
  );
  await http.post('/', {}, 'body', never);
  assert.deepEqual(await http.post('/', {}, 'body', never), { status: 200, text: 'ok' });
  assert.equal(count, 2, 'nothing is resent automatically');
});
