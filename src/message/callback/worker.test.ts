import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { pino } from 'pino';
import { secretKey } from '../../../test/support/tenant.ts';
import { createCipher } from '../../ground/cipher.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { type CallbackResponse, createPoster } from './post.ts';
import { attemptCallback, type CallbackTries, readRetryAfter, resultOf } from './worker.ts';

const now = Date.parse('2026-05-02T13:05:00Z');
const fresh: CallbackTries = { tries: 0, isProbe: false, retries: 5, retrySeconds: 300 };
const answered = (status: number, retryAfter: string | null = null): CallbackResponse => ({
  kind: 'answered',
  status,
  retryAfter,
});
const silence: CallbackResponse = { kind: 'no answer', code: 'timeout', detail: '' };

test('a callback with no response, 408, 425, 429 or 5xx is retried; any other status is final', () => {
  const outcome = (response: CallbackResponse) => resultOf(response, fresh, now).outcome;
  for (const status of [200, 201, 202, 204, 299]) assert.equal(outcome(answered(status)), 'delivered');
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599])
    assert.equal(outcome(answered(status)), 'retry');
  for (const status of [300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 410, 421, 423, 424, 426, 422, 451])
    assert.equal(outcome(answered(status)), 'failed');
  assert.equal(outcome(silence), 'retry');
  assert.equal(outcome({ kind: 'forbidden', code: 'private address', detail: '' }), 'failed');
  assert.equal(outcome({ kind: 'given up' }), 'again');
});

test('a callback that is redirected fails and says that redirects are not followed', () => {
  assert.match(resultOf(answered(302), fresh, now).detail ?? '', /Redirects are not followed/);
});

test('a callback is retried five times, five minutes apart; a probe uses up no retry', () => {
  const at = (tries: number, isProbe = false) => {
    const { outcome, seconds, isExhausted } = resultOf(silence, { ...fresh, tries, isProbe }, now);
    return [outcome, seconds, isExhausted];
  };
  assert.deepEqual(at(0), ['retry', 300, false]);
  assert.deepEqual(at(4), ['retry', 300, false]);
  assert.deepEqual(
    at(5).filter((part) => part !== 300),
    ['failed', true],
  );
  assert.deepEqual(at(5, true), ['retry', 300, false]);
});

test('Retry-After in a response that is retried replaces the usual delay', () => {
  const asked = (response: CallbackResponse) => {
    const { seconds, isAsked } = resultOf(response, fresh, now);
    return [seconds, isAsked];
  };
  assert.deepEqual(asked(answered(429, '7')), [7, true]);
  assert.deepEqual(asked(answered(503, 'Sat, 02 May 2026 13:06:30 GMT')), [90, true]);
  assert.deepEqual(asked(answered(503, 'soon')), [300, false]);
  assert.deepEqual(asked(answered(400, '7')), [0, false]);
});

test('Retry-After is read as seconds or an HTTP date, at most a day', () => {
  const table: [string, number | null][] = [
    ['0', 1],
    ['120', 120],
    [' 120 ', 120],
    ['86400', 86_400],
    ['999999999999', 86_400],
    ['Sat, 02 May 2026 13:05:30 GMT', 30],
    ['Saturday, 02-May-26 13:05:30 GMT', 30],
    ['Sat May  2 13:05:30 2026 GMT', 30],
    ['Sat, 02 May 2026 12:00:00 GMT', 1],
    ['Sat, 02 May 2036 12:00:00 GMT', 86_400],
    ['-5', null],
    ['1.5', null],
    ['', null],
    ['tomorrow', null],
    ['2026-05-02', null],
  ];
  for (const [text, seconds] of table) assert.equal(readRetryAfter(text, now), seconds, text);
});

test('the log lines of a callback name the host of its address, and no path or query', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'debug', messageKey: 'message' }, { write: (line) => void lines.push(line) });
  const cipher = createCipher([secretKey], 'tests');
  const clock = { now: () => now };
  const poster = createPoster({ clock, timeoutSeconds: 5, allowPrivate: true });
  const statuses = [200, 503, 404, 302];
  const server = createServer((request, response) => {
    request.resume();
    const status = statuses.shift();
    if (status === undefined) request.socket.destroy();
    else response.writeHead(status, { Location: '/secret-place' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await poster.close();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metrics = createMetrics(null, createLog('silent'));
  const deps = { clock, log, metrics, cipher, poster, retries: 5, retrySeconds: 300, traces: null };
  const addresses = [...Array(6).fill(`http://${host}/secret-path?key=secret-query`), 'secret-nonsense'];
  for (const [index, url] of addresses.entries())
    await attemptCallback(
      deps,
      {
        ...{
          id: 'callback',
          apiId: 'api',
          type: 'delivery_status',
          notificationId: 'message',
          subjectId: null,
        },
        ...{ payload: cipher.seal('{}', 'callback'), bearerToken: cipher.seal('token', 'api') },
        ...{ url, attempt: 1, tries: index === 5 ? 5 : 0, isProbe: false, requestId: null },
      },
      new AbortController().signal,
    );
  const messages = lines.map((line) => JSON.parse(line).message as string);
  assert.doesNotMatch(lines.join(''), /secret/);
  assert.equal(messages[0], `send-delivery-status sending message to ${host}, response 200`);
  assert.ok(
    messages.includes(
      `send-delivery-status callback is not being retried for id: message and url: ${host}. exception: HTTP 404`,
    ),
  );
  assert.ok(
    messages.includes(
      `Retry: send-delivery-status has retried the max num of times for callback url ${host} and id: message`,
    ),
  );
});
