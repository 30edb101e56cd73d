import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendResult } from '../../provider/contract.ts';
import { describeResult, nextStep, retryPolicy } from './retry-policy.ts';

const standard = { retries: 48, seconds: 300, delays: null, smsFirstImmediate: false } as const;
const allOf = (policy: ReturnType<typeof retryPolicy>, type: 'sms' | 'email' = 'sms', isDefinite = true) =>
  Array.from({ length: policy.limit }, (_, attempt) => policy.seconds(attempt, type, isDefinite));

test('the default is 48 retries, 5 minutes apart, 4 hours in all', () => {
  const delays = allOf(retryPolicy(standard));
  assert.deepEqual(delays, Array(48).fill(300));
  assert.equal(
    delays.reduce((sum, delay) => sum + delay, 0),
    4 * 3600,
  );
});

test('the retry delays of 2016 add up to 5 h 6 min 10 s', () => {
  const delays = allOf(retryPolicy({ ...standard, delays: [10, 60, 300, 3600, 14_400] }), 'email');
  assert.deepEqual(delays, [10, 60, 300, 3600, 14_400]);
  assert.equal(
    delays.reduce((sum, delay) => sum + delay, 0),
    5 * 3600 + 6 * 60 + 10,
  );
});

test('only a text that was certainly not taken is retried at once, and only the first time', () => {
  const policy = retryPolicy({ ...standard, retries: 2, smsFirstImmediate: true });
  assert.deepEqual(allOf(policy), [0, 300]);
  assert.deepEqual(allOf(policy, 'sms', false), [300, 300], 'the provider may have it');
  assert.deepEqual(allOf(policy, 'email'), [300, 300]);
});

const result = (outcome: SendResult['outcome']): SendResult =>
  outcome === 'accepted' ? { outcome, reference: 'r' } : { outcome, code: '500', detail: 'd' };

test('only a definite refusal goes to the next provider; an unknown result waits for a retry; retries run out', () => {
  // Other providers left and tries left: both, others only, tries only, none.
  const table = {
    accepted: ['handed over', 'handed over', 'handed over', 'handed over'],
    rejected: ['give up', 'give up', 'give up', 'give up'],
    failed: ['next provider', 'next provider', 'retry', 'give up'],
    unknown: ['retry', 'give up', 'retry', 'give up'],
  } as const;
  for (const [outcome, expected] of Object.entries(table) as [SendResult['outcome'], readonly string[]][]) {
    const sent = result(outcome);
    const actual = [nextStep(sent, 2, 3), nextStep(sent, 1, 0), nextStep(sent, 0, 1), nextStep(sent, 0, 0)];
    assert.deepEqual(actual, expected, outcome);
  }
  assert.equal(nextStep(result('failed'), 0, -1), 'give up');
  assert.equal(nextStep(result('unknown'), 1, -1), 'give up');
});

test('the error of a provider is kept as one line of limited length', () => {
  assert.deepEqual(describeResult(result('accepted')), { outcome: 'accepted', code: null, detail: null });
  assert.deepEqual(
    describeResult({
      outcome: 'failed',
      code: 'c'.repeat(61),
      detail: `a\r\nb\u0000\u200bc${'d'.repeat(400)}`,
    }),
    { outcome: 'failed', code: 'c'.repeat(60), detail: `a  b  c${'d'.repeat(293)}` },
  );
});
