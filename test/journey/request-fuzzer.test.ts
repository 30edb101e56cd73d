import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import Schema from 'typebox/schema';
import type { OpenApi } from '../../src/http/openapi/openapi.ts';
import { type FuzzedRequest, fuzzedRequests } from '../support/request-fuzzer.ts';
import { createWorld, type World } from '../support/world.ts';

/** The number of requests; test/slow/request-fuzzer.test.ts sends more. */
const total = Number(process.env['REQUESTS'] ?? 3_000);
/** Sent concurrently. */
const atOnce = 64;
const answerMilliseconds = 20_000;

type Answer = Readonly<{ status: number; headers: http.IncomingHttpHeaders; text: string }>;

let world: World;
let document: OpenApi;
let requests: fc.Arbitrary<FuzzedRequest>;
const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });

before(async () => {
  world = await createWorld();
  document = (await world.call('GET', '/spec', { key: null })).body;
  // One service with many permissions and no real limit, and one with few permissions and a low limit.
  const free = await world.addTenant({
    permissions: ['sms', 'email', 'international_sms', 'sms_to_uk_landlines'],
  });
  const poor = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
  for (const [limit, { id }] of [
    [10_000_000, free],
    [60, poor],
  ] as const)
    await world.connection.pool.query('update services set rate_limit = $1 where id = $2', [limit, id]);
  // It sends nothing, so whatever callback it is given is never called.
  const idle = await world.addTenant();
  const { provider_details } = (await world.admin('GET', '/provider-details')).body;
  const unused = provider_details.find(({ active }: { active: boolean }) => !active).id;
  const send = (key: string, template: string) =>
    world.call('POST', '/v2/notifications/sms', {
      key,
      body: {
        template_id: template,
        phone_number: '07700900123',
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
  const sent = await Promise.all(
    Array.from({ length: 5 }, async () => (await send(free.keys.test, free.templates.sms)).body.id),
  );
  requests = fuzzedRequests(document, {
    // The test key is used most: its messages need no provider.
    keys: [
      ...Array(20).fill(free.keys.test),
      free.keys.normal,
      free.keys.team,
      poor.keys.test,
      poor.keys.normal,
    ],
    admin: world.credentials.admin,
    ids: {
      // Administration changes a service and a provider that nobody sends with.
      service_id: [idle.id],
      provider_details_id: [unused],
      sms_template_id: [free.templates.sms],
      template_id: [free.templates.sms, free.templates.email],
      '/v2/notifications/sms template_id': [free.templates.sms],
      '/v2/notifications/email template_id': [free.templates.email],
      '/notifications/sms template': [free.templates.sms],
      '/notifications/email template': [free.templates.email],
      '/notifications/sms to': ['07700900123'],
      '/notifications/email to': ['rowan@example.com'],
      notification_id: sent,
      older_than: sent,
      sms_sender_id: [free.senders.sms],
      email_reply_to_id: [free.senders.email],
      version: ['1', '2', '0', '99999999999'],
    },
  });
});
after(async () => {
  agent.destroy();
  await world.stop();
});

/** A text that says what became of the connection, if there was no answer. */
function send(request: FuzzedRequest): Promise<Answer | string> {
  const { method, path, body, framing } = request;
  if (framing === 'short' && body !== null) return sendShort(request, body);
  // A length even for a GET: otherwise its body would look like the next request.
  const length: Record<string, string> =
    body === null
      ? {}
      : framing === 'chunked'
        ? { 'Transfer-Encoding': 'chunked' }
        : { 'Content-Length': String(Buffer.byteLength(body)) };
  const headers = { ...request.headers, ...length };
  const { hostname, port } = new URL(world.api);
  return new Promise((resolve) => {
    const outgoing = http.request(
      { agent, hostname, port, method, path, headers, timeout: answerMilliseconds },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on('data', (part: Buffer) => parts.push(part));
        incoming.on('error', (error) => resolve(`answer cut off: ${error.message}`));
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')));
    outgoing.on('error', (error) => resolve(error.message));
    outgoing.end(body ?? undefined);
  });
}

/** Announces one more byte than it sends, then closes its side of the connection and waits for the answer. */
function sendShort(request: FuzzedRequest, body: string | Buffer): Promise<Answer | string> {
  const { hostname, port } = new URL(world.api);
  const lines = Object.entries({
    Host: hostname,
    ...request.headers,
    'Content-Length': String(Buffer.byteLength(body) + 1),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname);
    const parts: Buffer[] = [];
    let failure = 'closed without an answer';
    socket.setTimeout(answerMilliseconds, () => socket.destroy(new Error('timed out')));
    socket.on('data', (part) => parts.push(part));
    socket.on('error', (error) => {
      failure = error.message;
    });
    socket.on('close', () => {
      const text = Buffer.concat(parts)
        .toString('utf8')
        .replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '');
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      // Without headers: what it announced and what it sent differ, so that only the status is checked.
      resolve(status ? { status: Number(status), headers: {}, text } : failure);
    });
    socket.write(
      Buffer.from(`${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'),
    );
    socket.end(body);
  });
}

type Check = { Check(value: unknown): boolean };
const compiled = new Map<string, Check>();
function checkOf(schema: object): Check {
  const name = JSON.stringify(schema);
  const known = compiled.get(name) ?? Schema.Compile({ ...schema, components: document.components });
  compiled.set(name, known);
  return known;
}

/** How an answer differs from the document; null if it does not. */
function differenceOf(request: FuzzedRequest, { status, headers, text }: Answer): string | null {
  // A request that the HTTP parser refuses reaches no route and has no trace id.
  if (headers['x-b3-traceid'] === undefined) return null;
  const isJson = (headers['content-type'] ?? '').startsWith('application/json');
  const value: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
  if (status >= 400 && value !== undefined) {
    const isKnown = ['Errors', 'Error', 'ReceiptAnswer'].some((name) =>
      checkOf({ $ref: `#/components/schemas/${name}` }).Check(value),
    );
    if (!isKnown) return `${request.method} ${status} in neither envelope`;
  }
  // With a malformed parameter the path may match no route.
  if (request.operation === null || (status === 404 && text.includes('was not found on the server')))
    return null;
  const [method = '', path = ''] = request.operation.split(' ');
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[status];
  if (!response) return `${request.operation} ${status} is not documented`;
  const schema = response.content?.['application/json']?.schema;
  const fits = !schema || value === undefined || checkOf(schema).Check(value);
  return fits ? null : `${request.operation} ${status} does not fit its schema`;
}

/** Enough to see of which kind it was. */
function shownOf({ method, path, headers, body, framing }: FuzzedRequest): string {
  const length = body === null ? 'no body' : `${Buffer.byteLength(body)} bytes (${framing})`;
  return `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 300)} ${length}`;
}

test(`none of ${total} random requests is answered 5xx, and every one is answered as the OpenAPI document says`, {
  timeout: 900_000,
}, async (t) => {
  const began = performance.now();
  const used = process.cpuUsage();
  let count = 0;
  const unanswered: string[] = [];
  const differences = new Map<string, string>();
  const statuses = new Map<number, number>();
  const property = fc.asyncProperty(
    fc.array(requests, { minLength: 1, maxLength: atOnce, size: 'max' }),
    async (batch) => {
      const answers = await Promise.all(batch.map(send));
      const faults: string[] = [];
      for (const [index, answer] of answers.entries()) {
        const request = batch[index]!;
        count += 1;
        if (typeof answer === 'string') {
          unanswered.push(`${shownOf(request)}: ${answer}`);
          continue;
        }
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const shown = `${shownOf(request)}: ${answer.status} ${answer.text.slice(0, 300)}`;
        if (answer.status >= 500) faults.push(shown);
        const difference = differenceOf(request, answer);
        if (difference) differences.set(difference, shown);
      }
      if (faults.length === 0) return;
      assert.fail(faults.join('\n'));
    },
  );
  while (count < total)
    await fc.assert(property, {
      // On average, a generated list has half of its maximum length.
      numRuns: Math.ceil((2 * (total - count)) / atOnce),
      ...(process.env['SEED'] && { seed: Number(process.env['SEED']) }),
    });
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(used);
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, number]) => `${status}: ${number}`);
  t.diagnostic(
    `${count} requests in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} per second (${((user + system) / 1e6).toFixed(1)} s of CPU); ${counts.join(', ')}; unanswered: ${unanswered.length}`,
  );
  assert.deepEqual(Object.fromEntries(differences), {}, 'answers are as the document says');
  assert.deepEqual(unanswered, [], 'every request is answered');
  assert.equal((await world.call('GET', '/_status')).status, 200);
});

test('every message accepted from the request fuzzer is sent or accounted for', {
  timeout: 300_000,
}, async () => {
  const { pool } = world.connection;
  await world.until(
    async () => {
      const { rows: open } = await pool.query(
        `select id, notification_type, key_type, international, sent_by, sent_at,
           (select json_agg(outcome) from attempts where notification_id = h.id) as attempts,
           (select json_agg(r) from receipts r where notification_id = h.id) as receipts
         from notification_history h where status = 'sending' limit 5`,
      );
      const { rows: tasks } = await pool.query(
        `select queue, state, due_at from tasks
         where state in ('held', 'ready') or (state = 'waiting' and due_at <= now()) limit 5`,
      );
      // A receipt that could not be posted or applied under the load of the requests waits for its next try, a minute
      // or five later. That is not lost, and this does not wait for it.
      const owed = await pool.query(
        `select queue, id, attempt as tries from tasks
         where queue in ('receipts', 'research-receipts') and state = 'waiting' and due_at > now() limit 5`,
      );
      if (open.length > 0 && tasks.length === 0 && owed.rows.length > 0)
        await pool.query(
          `update tasks set due_at = now()
           where queue in ('receipts', 'research-receipts') and state = 'waiting'`,
        );
      // A receipt that the sandbox gave up on leaves its message in `sending`.
      const { receipts } = await world.sandbox('/counts');
      const posted = await Promise.all(
        open
          .filter(({ key_type }) => key_type !== 'test')
          .map(async ({ id }) => (await world.sandbox(`/messages?reference=${id}`)).messages[0]?.receipts),
      );
      return { open, tasks, owed: owed.rows, receipts, posted };
    },
    ({ open, tasks }) => open.length === 0 && tasks.length === 0,
    120,
  );
});
