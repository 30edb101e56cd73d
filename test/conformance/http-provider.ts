import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Provider } from '../../src/provider/contract.ts';
import type { Arrived, Behaviour, ProviderServer } from './provider.ts';

/** A request as received by a provider's server. */
export type Got = Readonly<{ method: string; path: string; headers: IncomingHttpHeaders; body: string }>;

type Reply = Readonly<{ status: number; headers?: Record<string, string>; body: string }>;

export type ProviderServerOptions = Readonly<{
  /** Its answers; the other behaviours are the same for every HTTP server. */
  replies: Readonly<Record<'accept' | 'fail' | 'reject' | 'malformed', (got: Got) => Reply>> &
    /** Those that are left out are like `reject`. */
    Readonly<Partial<Record<'unknown recipient' | 'full mailbox', (got: Got) => Reply>>>;
  read: (got: Got) => Arrived;
  connect: (url: string, options: Readonly<{ timeoutSeconds: number }>) => Provider;
}>;

const slowMilliseconds = 300;

export type HttpProviderServer = ProviderServer & Readonly<{ url: string; requests: () => readonly Got[] }>;

/** A provider's HTTP server on a free port of this machine. */
export async function startProviderServer(options: ProviderServerOptions): Promise<HttpProviderServer> {
  let behaviour: Behaviour = 'accept';
  const requests: Got[] = [];
  const server = createServer(async (request, response) => {
    request.setEncoding('utf8');
    let body = '';
    for await (const chunk of request) body += chunk;
    const got = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
    requests.push(got);
    if (behaviour === 'silent') return;
    if (behaviour === 'reset') return response.socket?.resetAndDestroy();
    const reply = options.replies[behaviour === 'slow' ? 'accept' : behaviour] ?? options.replies.reject;
    const { status, headers, body: text } = reply(got);
    const answer = () =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    if (behaviour === 'slow') setTimeout(answer, slowMilliseconds);
    else answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests: () => requests,
    connect: (limits) => options.connect(url, limits),
    behave: (next) => {
      behaviour = next;
    },
    arrived: () => requests.map(options.read),
    async stop() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
