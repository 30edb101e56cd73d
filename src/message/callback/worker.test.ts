import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallbackResponse } from './post.ts';
import { type CallbackTries, readRetryAfter, resultOf } from './worker.ts';

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
