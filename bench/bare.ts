/**
 * What an HTTP exchange costs by itself, for `cost`: a server of node:http that answers every POST; or, with CALL (the URL
 * of one), a client that calls it as a worker calls a provider, CALLS times, and prints the processor time of a call.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectProvider } from '../src/provider/suppliers/http-client.ts';

const body = 'x'.repeat(400);
const atOnce = 64;
const url = process.env['CALL'];

if (url === undefined) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(201, {
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        'X-Length': Buffer.concat(chunks).length,
      });
      response.end(body);
    });
  });
  server.listen(0, '127.0.0.1', () =>
    console.log(`Bare: http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  );
} else {
  const client = connectProvider(url, { timeoutSeconds: 30, connections: atOnce });
  const { signal } = new AbortController();
  const call = async (times: number) => {
    let left = times;
    const next = async () => {
      while (left-- > 0) {
        const result = await client.post('/', { 'content-type': 'application/json' }, body, signal);
        if (!('status' in result)) throw new Error(`A call failed: ${result.detail}`);
      }
    };
    const before = process.cpuUsage();
    await Promise.all(Array.from({ length: atOnce }, next));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / times;
  };
  const times = Number(process.env['CALLS']);
  // What runs often is compiled by then.
  await call(times);
  console.log(`Call: ${await call(times)} µs`);
  await client.close();
}
