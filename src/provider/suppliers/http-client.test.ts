import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectProvider } from './http-client.ts';

const never = new AbortController().signal;
const timedOut = { outcome: 'unknown', code: '504', detail: 'Gateway Time-out' };

/** A provider's server on a free port, and a client for it. */
async function provider(t: TestContext, listener: RequestListener, { path = '', seconds = 30 } = {}) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const http = connectProvider(`http://127.0.0.1:${port}${path}`, {
    timeoutSeconds: seconds,
    connections: 4,
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

test('a caller who aborts a request to a provider gets an unknown outcome at once', async (t) => {
  const stop = new AbortController();
  const { http } = await provider(
    t,
    afterRequest(() => stop.abort()),
  );
  const exchange = await http.post('/', {}, 'body', stop.signal);
  assert.ok('outcome' in exchange && exchange.outcome === 'unknown');
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
