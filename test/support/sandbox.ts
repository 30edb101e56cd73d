import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { BehaviourChange } from '../../sandbox/behaviour.ts';
import { type SandboxOptions, startSandbox } from '../../sandbox/server.ts';

/** A receipt as the receiver got it. */
export type GotReceipt = {
  reference: string;
  id: string;
  status: string;
  detail: string;
  sent_at: string;
};

type Reply = { status: number; body: { id?: string; error?: { code: string; message: string } } };

/** Receipts at once, so that tests need not wait. */
export const promptReceipts: BehaviourChange = { receipt_delay_ms: { min: 0, max: 0 } };

/** A real HTTP server that receives receipts. */
export async function startReceiver(t: TestContext) {
  const received: GotReceipt[] = [];
  const requests: IncomingMessage[] = [];
  const waiting: (() => void)[] = [];
  /** Statuses of the next answers; 200 when empty. 0 breaks the connection. */
  const answers: number[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      requests.push(request);
      received.push(JSON.parse(text) as GotReceipt);
      const status = answers.shift() ?? 200;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end('{}');
      for (const wake of waiting.splice(0)) wake();
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const port = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}/receipts`,
    port,
    received,
    requests,
    answers,
    /** The first `count` receipts, as soon as they have arrived. */
    async first(count: number): Promise<GotReceipt[]> {
      while (received.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return received.slice(0, count);
    },
  };
}

/** A running sandbox with a receiver, and the calls of a client. Receipts come at once by default. */
export async function openSandbox(t: TestContext, options: Partial<SandboxOptions> = {}) {
  const receiver = await startReceiver(t);
  const lines: string[] = [];
  const write = (fields: object, text: string) => void lines.push(JSON.stringify(fields) + text);
  const log = { info: write, warn: write, error: write } as SandboxOptions['log'];
  const sandbox = await startSandbox({
    port: 0,
    log,
    receiptRetryDelays: [1, 1],
    behaviour: promptReceipts,
    ...options,
  });
  t.after(() => sandbox.stop());

  const call = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { 'Content-Type': 'application/json' };
    const init = body === undefined ? { method } : { method, headers, body: text };
    const answer = await fetch(sandbox.url + path, init);
    const content = await answer.text();
    return { status: answer.status, body: content === '' ? {} : JSON.parse(content) };
  };
  const sms = (fields: object = {}) =>
    call('POST', '/send/sms', {
      reference: crypto.randomUUID(),
      to: '+447700900123',
      from: 'GOVUK',
      body: 'Hello',
      receipt_url: receiver.url,
      ...fields,
    });
  const email = (fields: object = {}) =>
    call('POST', '/send/email', {
      reference: crypto.randomUUID(),
      to: 'amala@example.gov.uk',
      from: '"Licensing" <licensing@notify.example>',
      subject: 'Your licence',
      text: 'Dear Amala',
      html: '<p>Dear Amala</p>',
      receipt_url: receiver.url,
      ...fields,
    });
  return {
    sandbox,
    receiver,
    lines,
    call,
    sms,
    email,
    behave: (change: BehaviourChange) => call('PUT', '/behaviour', change),
    get: async <T>(path: string): Promise<T> => (await call('GET', path)).body as T,
    page: async (path: string) => {
      const answer = await fetch(sandbox.url + path, { headers: { Accept: 'text/html' } });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
  };
}

/** The body of `GET /counts`. */
export type Figures = {
  received: number;
  sms: number;
  email: number;
  distinct_references: number;
  duplicate_references: number;
  duplicates: { reference: string; times: number }[];
  uncounted: number;
  requests: Record<string, number>;
  receipts: { sent: number; failed: number; dropped: number; pending: number };
};

/** The counts, as soon as they satisfy the condition. */
export async function figuresWhen(
  { get }: { get: <T>(path: string) => Promise<T> },
  wanted: (figures: Figures) => boolean,
): Promise<Figures> {
  for (;;) {
    const figures = await get<Figures>('/counts');
    if (wanted(figures)) return figures;
  }
}
