import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryPolicy } from './retry-policy.ts';

const standard = { retries: 48, seconds: 300, delays: null, smsFirstImmediate: false } as const;
const allOf = (course: ReturnType<typeof retryPolicy>, type: 'sms' | 'email' = 'sms', isDefinite = true) =>
  Array.from({ length: course.limit }, (_, attempt) => course.seconds(attempt, type, isDefinite));

test('by default 48 tries, 5 minutes apart: 4 hours in all', () => {
  const delays = allOf(retryPolicy(standard));
  assert.deepEqual(delays, Array(48).fill(300));
  assert.equal(
    delays.reduce((sum, delay) => sum + delay, 0),
    4 * 3600,
  );
});

test('the course of 2016 takes 5 h 6 min 10 s', () => {
  const delays = allOf(retryPolicy({ ...standard, delays: [10, 60, 300, 3600, 14_400] }), 'email');
  assert.deepEqual(delays, [10, 60, 300, 3600, 14_400]);
  assert.equal(
    delays.reduce((sum, delay) => sum + delay, 0),
    5 * 3600 + 6 * 60 + 10,
  );
});

test('only a text that was certainly not taken goes again at once, and only the first time', () => {
  const course = retryPolicy({ ...standard, retries: 2, smsFirstImmediate: true });
  assert.deepEqual(allOf(course), [0, 300]);
  assert.deepEqual(allOf(course, 'sms', false), [300, 300], 'the provider may have it');
  assert.deepEqual(allOf(course, 'email'), [300, 300]);
});
