import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openSandbox, startReceiver } from '../test/support/sandbox.ts';
import { startSandbox } from './server.ts';

test('the sandbox does not start on a port in use, and says why', async (t) => {
  const { port } = await startReceiver(t);
  await assert.rejects(openSandbox(t, { port }), {
    message: `The sandbox cannot listen on 127.0.0.1, port ${port}: another program uses it. Stop that one, or set SANDBOX_PORT.`,
  });
});

test('stopping the sandbox ends open requests, frees the port and takes less than two seconds', async (t) => {
  const { sandbox, sms, behave, get, lines } = await openSandbox(t);
  await behave({ timeout_rate: 1, receipt_delay_ms: { min: 3_600_000, max: 3_600_000 } });
  const open = assert.rejects(sms());
  const kept = async () => (await get<{ messages: unknown[] }>('/messages')).messages.length;
  while ((await kept()) === 0);
  const started = performance.now();
  await sandbox.stop();
  assert.ok(performance.now() - started < 2_000);
  await open;
  assert.match(lines.at(-1) ?? '', /Sandbox stopped/);
  const log = { info() {}, warn() {}, error() {} };
  const next = await startSandbox({ port: sandbox.port, log });
  await next.stop();
});

/** A receiver that accepts connections and never answers. */
async function startHanging(t: TestContext) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test('stopping the sandbox does not wait for a receiver that hangs', async (t) => {
  const world = await openSandbox(t);
  const { server, url } = await startHanging(t);
  const connected = once(server, 'connection');
  await world.sms({ receipt_url: url });
  await connected;
  const started = performance.now();
  await world.sandbox.stop();
  assert.ok(performance.now() - started < 2_000);
  assert.match(world.lines.at(-1) ?? '', /\{"dropped":1\}Sandbox stopped/);
});

test('a receiver that hangs does not hold up receipts to others', async (t) => {
  const world = await openSandbox(t);
  const { url } = await startHanging(t);
  for (let number = 0; number < 100; number += 1) await world.sms({ receipt_url: url });
  await world.sms({ reference: 'lively' });
  assert.equal((await world.receiver.first(1))[0]?.reference, 'lively');
});

test('unknown paths are 404, and wrong methods 405 with the allowed ones', async (t) => {
  const { call, page, sandbox } = await openSandbox(t);
  assert.equal((await call('GET', '/nosuch')).status, 404);
  assert.equal((await call('GET', '/messages/a-b-c')).status, 404);
  assert.equal((await call('GET', '/messages/%ff%00/html')).status, 404);
  assert.equal((await page('/?q=%ff%fe&%=%')).status, 200);
  const wrong = await fetch(`${sandbox.url}/behaviour`, { method: 'POST', body: '{}' });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'GET, PUT, DELETE');
  assert.equal((await fetch(`${sandbox.url}/messages`, { method: 'HEAD' })).status, 200);
});

test('the sandbox answers no request under a foreign host name', async (t) => {
  const { sandbox } = await openSandbox(t);
  const statusFor = async (host: string) => {
    const asked = request(`${sandbox.url}/messages`, { headers: { host } }).end();
    const [answer] = await once(asked, 'response');
    answer.resume();
    return answer.statusCode;
  };
  assert.equal(await statusFor('evil.example:6012'), 403);
  assert.equal(await statusFor('127.0.0.1.evil.example'), 403);
  assert.equal(await statusFor(`localhost:${sandbox.port}`), 200);
  assert.equal(await statusFor('[::1]:80'), 200);
});

test('the sandbox survives garbage instead of HTTP and a client that disconnects halfway', async (t) => {
  const { sandbox, sms, lines } = await openSandbox(t);
  const garbage = ['\0\0\0\0\r\n\r\n', 'GET // HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'];
  for (const text of garbage) {
    const socket = connect(sandbox.port, '127.0.0.1').resume();
    socket.write(text);
    await once(socket, 'close');
  }
  const half = connect(sandbox.port, '127.0.0.1');
  half.write(
    'POST /send/sms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  );
  half.end();
  half.resume();
  await once(half, 'close');
  assert.equal((await sms()).status, 200);
  assert.ok(!lines.some((line) => line.includes('failed')));
});
