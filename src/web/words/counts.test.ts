import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { counted, inPounds, messagesOf } from './counts.ts';

suite('numbers in words', () => {
  test('one is singular, thousands have commas', () => {
    assert.deepEqual(
      [counted(1, 'row'), counted(12_345, 'row'), messagesOf('sms', 2), messagesOf('email', 1)],
      ['1 row', '12,345 rows', '2 text messages', '1 email'],
    );
  });

  test('money has pence, and parts of a penny only below a pound', () => {
    assert.deepEqual([0, 0.024, 0.5, 28.4436, 1200].map(inPounds), [
      ...['£0.00', '£0.024', '£0.50', '£28.44', '£1,200.00'],
    ]);
  });
});
