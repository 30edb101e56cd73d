/**
 * What one service does to disturb the others, over public HTTP only. It runs in a thread of its own (this file is also
 * the thread), so that megabytes sent and read here do not delay the requests that are measured.
 */

import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { makeToken } from '../src/cli/client.ts';

/** `texts`: how many it has sent. */
type Service = Readonly<{ url: string; key: string; testKey: string; emailTemplate: string; texts: number }>;

/** A kind of noise: requests that are repeated as soon as they are answered, or bodies that never end. */
type Kind = Readonly<{
  summary: string;
  connections: number;
  key?: 'key' | 'testKey';
  /** In turn. */
  requests: (
    service: Service,
  ) => readonly Readonly<{ method: 'GET' | 'POST'; path: string; body?: Buffer }>[];
  /** The last byte of the body never comes. */
  held?: true;
}>;

const megabyte = 1_000_000;
/** Of a page of version 1, unless the caller says otherwise. */
const pageSize = 250;
/** What a body may have that costs most: the largest that the product takes. */
const heldBytes = 16 * 1024 * 1024;

function personalisation(bytes: number): { name: string; title: string; date: string } {
  const paragraph =
    'The tide turns at noon, and the boats go out until it turns again; see https://tides.example/today before you leave the harbour.\n\n* bring a map, a lamp, and something to eat\n\n';
  return {
    name: paragraph.repeat(Math.ceil(bytes / paragraph.length)).slice(0, bytes),
    title: 'Sea Charts',
    date: '4 May',
  };
}

const json = (value: object) => Buffer.from(JSON.stringify(value));
const gets = (...paths: string[]) => paths.map((path) => ({ method: 'GET', path }) as const);
const posts = (body: Buffer, ...paths: string[]) =>
  paths.map((path) => ({ method: 'POST', path, body }) as const);

export const noises = {
  none: { summary: 'nothing', connections: 0, requests: () => [] },
  large_emails: {
    summary: 'emails with 1.6 MB of personalisation, with a test key',
    connections: 4,
    key: 'testKey',
    requests: ({ emailTemplate }) =>
      posts(
        json({
          template_id: emailTemplate,
          email_address: 'reader@example.com',
          personalisation: personalisation(1.6 * megabyte),
        }),
        '/v2/notifications/email',
      ),
  },
  large_previews: {
    summary: 'previews with 8 MB of personalisation',
    connections: 4,
    key: 'key',
    requests: ({ emailTemplate }) =>
      posts(
        json({ personalisation: personalisation(8 * megabyte) }),
        `/v2/template/${emailTemplate}/preview`,
      ),
  },
  statistics: {
    summary: 'GET /notifications/statistics',
    connections: 8,
    key: 'key',
    requests: () => gets(`/notifications/statistics?day=${new Date().toISOString().slice(0, 10)}`),
  },
  rare_statuses: {
    summary: 'lists by a status that no message has',
    connections: 8,
    key: 'key',
    requests: () =>
      gets(
        '/v2/notifications?status=permanent-failure&template_type=sms',
        '/notifications?status=permanent-failure&template_type=sms',
      ),
  },
  far_pages: {
    summary: 'pages of version 1 far from the first',
    connections: 8,
    key: 'key',
    requests: ({ texts }) =>
      gets(
        ...[0.9, 0.7, 0.8, 0.6].map(
          (part) => `/notifications?template_type=sms&page=${Math.ceil((texts * part) / pageSize)}`,
        ),
      ),
  },
  large_pages: {
    summary: 'lists of 240 emails with 500 KB of personalisation each',
    connections: 4,
    key: 'key',
    requests: () =>
      gets('/v2/notifications?template_type=email', '/notifications?template_type=email&page_size=240'),
  },
  held_bodies: {
    summary: 'bodies of 16 MB without their last byte, with credentials',
    connections: 60,
    key: 'key',
    held: true,
    requests: () => posts(Buffer.alloc(heldBytes, 'x'), '/v2/notifications/email'),
  },
  held_bodies_of_anybody: {
    summary: 'bodies of 16 MB without their last byte, without credentials',
    connections: 60,
    held: true,
    requests: () =>
      posts(
        Buffer.alloc(heldBytes, 'x'),
        '/notifications/sms/mmg',
        '/notifications/sms/receive/firetext',
        '/notifications/email/ses',
        '/v2/notifications/email',
      ),
  },
} as const satisfies Record<string, Kind>;

export type NoiseName = keyof typeof noises;

/** The emails that `large_pages` lists. */
export const largeEmails = { count: 240, personalisation: () => personalisation(500_000) } as const;

/**
 * A client that is refused, or loses its connection, does not give up, but does not spin either. Whoever holds bodies
 * back wants them held: sending 16 MB again and again would measure the network.
 */
const patienceMilliseconds = { answered: 100, held: 1000 };

/** How often each status was answered; `broken` is for lost connections, `held` for bodies still held at the end. */
export type NoiseTally = Readonly<Record<string, number>>;

/** Starts the noise in a thread of its own; `stop` ends it at once and returns what it was answered. */
export async function startNoise(
  name: NoiseName,
  service: Service,
): Promise<{ stop: () => Promise<NoiseTally> }> {
  const thread = new Worker(new URL(import.meta.url), { workerData: { name, service } });
  const failed = new Promise<never>((_, reject) => thread.once('error', reject));
  failed.catch(() => {});
  const next = () => new Promise<NoiseTally>((resolve) => thread.once('message', resolve));
  await Promise.race([next(), failed]);
  return {
    async stop() {
      const tally = next();
      thread.postMessage('stop');
      try {
        return await Promise.race([tally, failed]);
      } finally {
        await thread.terminate();
      }
    },
  };
}

async function makeNoise(name: NoiseName, service: Service): Promise<void> {
  const kind: Kind = noises[name];
  const requests = kind.requests(service);
  const tally: Record<string, number> = {};
  const count = (what: string) => {
    tally[what] = (tally[what] ?? 0) + 1;
  };
  const held = new Set<net.Socket>();
  let isOver = false;
  parentPort!.once('message', () => {
    isOver = true;
    if (held.size > 0) tally['held'] = held.size;
    parentPort!.postMessage(tally);
  });
  parentPort!.postMessage({});
  const agent = new http.Agent({ keepAlive: true });
  await Promise.all(
    Array.from({ length: kind.connections }, async (_, number) => {
      for (let turn = number; !isOver; turn++) {
        const request = requests[turn % requests.length]!;
        const head = kind.key && { Authorization: `Bearer ${makeToken(service[kind.key])}` };
        const what = kind.held
          ? await hold(service.url, request, head ?? {}, held)
          : await ask(agent, service.url, request, head ?? {});
        if (isOver) return;
        count(what);
        if (!what.startsWith('2')) await sleep(patienceMilliseconds[kind.held ? 'held' : 'answered']);
      }
    }),
  );
}

type Headers = Readonly<Record<string, string>>;
type Asked = ReturnType<Kind['requests']>[number];

/** Sends a request and throws its answer away; returns the status. */
function ask(agent: http.Agent, url: string, { method, path, body }: Asked, head: Headers): Promise<string> {
  return new Promise((resolve) => {
    const headers = { ...head, ...(body && { 'Content-Length': body.length }) };
    const outgoing = http.request(url + path, { agent, method, headers }, (incoming) => {
      incoming.on('end', () => resolve(String(incoming.statusCode))).on('error', () => resolve('broken'));
      incoming.resume();
    });
    outgoing.on('error', () => resolve('broken'));
    outgoing.end(body);
  });
}

/** Sends all of a request but its last byte; returns the status once the server has closed the connection. */
function hold(
  url: string,
  { method, path, body }: Asked,
  head: Headers,
  held: Set<net.Socket>,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = net.connect(Number(port), hostname);
  let answer = '';
  held.add(socket);
  socket.on('data', (data) => {
    answer += data.toString('latin1', 0, 40);
    // It has been refused: whoever goes on takes a new connection.
    socket.destroy();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    held.delete(socket);
    resolve(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'broken');
  });
  const lines = Object.entries({ Host: hostname, 'Content-Length': body!.length, ...head });
  socket.write(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  );
  socket.write(body!.subarray(0, -1));
  return promise;
}

if (!isMainThread) await makeNoise(workerData.name, workerData.service);
