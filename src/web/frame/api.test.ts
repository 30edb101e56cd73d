import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../ground/clock.ts';
import { ApiAway, createApiLine } from './api.ts';

async function apiOf(t: TestContext, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const line = createApiLine({ url, issuer: 'pages', secret: 'a secret of this test', clock: systemClock });
  t.after(async () => {
    await line.close();
    server.closeAllConnections();
    server.close();
  });
  return { api: line.for(null, { address: '127.0.0.1', browser: 'a test' }), server };
}

const megabyte = Buffer.alloc(1024 * 1024, 'x');
const file = (megabytes: number) => Readable.from(Array.from({ length: megabytes }, () => megabyte));

test('a file is sent as it comes, and arrives whole', async (t) => {
  let bytes = 0;
  const { api } = await apiOf(t, async (request, reply) => {
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    reply.end('{"data":1}');
  });
  const outcome = await api.upload('/upload', file(9));
  assert.deepEqual([outcome.ok, bytes], [true, 9 * megabyte.length]);
});

test('a file that the API refuses before it has come is answered with why, and the rest of it can be read', async (t) => {
  const { api } = await apiOf(t, (_request, reply) => {
    reply.writeHead(413).end('{"message":"Too large"}');
  });
  const body = file(20);
  const outcome = await api.upload('/upload', body);
  assert.equal(outcome.ok, false);
  assert.deepEqual([outcome.status, !outcome.ok && outcome.fields], [413, { '': ['Too large'] }]);
  body.resume();
  await once(body, 'end');
});

test('a file that breaks off is not taken for a whole one', async (t) => {
  let isWhole = false;
  const { api } = await apiOf(t, (request, reply) => {
    request.resume().on('end', () => {
      isWhole = true;
      reply.end('{}');
    });
    request.on('error', () => {});
  });
  async function* broken() {
    yield megabyte;
    throw new Error('The browser has gone');
  }
  await assert.rejects(api.upload('/upload', Readable.from(broken())), ApiAway);
  assert.equal(isWhole, false);
});

test('a connection that the API closed meanwhile does not fail a read', async (t) => {
  const { api, server } = await apiOf(t, (_request, reply) => reply.end('{"data":"here"}'));
  assert.deepEqual(await api.get('/one'), { data: 'here' });
  server.closeIdleConnections();
  assert.deepEqual(await api.get('/two'), { data: 'here' });
});

test('an API that is not there, answers nonsense or breaks off is away', async (t) => {
  const { api, server } = await apiOf(t, (request, reply) => {
    if (request.url === '/nonsense') reply.end('<html>');
    else reply.writeHead(200, { 'Content-Length': '100' }).end('{"data":', () => request.socket.destroy());
  });
  await assert.rejects(api.get('/nonsense'), ApiAway);
  await assert.rejects(api.get('/broken'), ApiAway);
  server.closeAllConnections();
  server.close();
  await assert.rejects(api.get('/gone'), ApiAway);
  assert.equal(await api.getSoon('/gone'), null);
});
