import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bytesText, counted, inPounds, messagesOf, percent } from './counts.ts';

suite('numbers in words', () => {
  test('one is singular, thousands have commas', () => {
    assert.deepEqual(
      [counted(1, 'row'), counted(12_345, 'row'), messagesOf('sms', 2), messagesOf('email', 1)],
      ['1 row', '12,345 rows', '2 text messages', '1 email'],
    );
  });

  test('a share that is not nothing is not 0%, and one that is not all is not 100%', () => {
    for (const [part, whole, expected] of [
      [0, 0, '–'],
      [0, 9, '0%'],
      [1, 1000, 'under 1%'],
      [999, 1000, 'over 99%'],
      [1, 3, '33%'],
      [3, 3, '100%'],
    ] as const)
      assert.equal(percent(part, whole), expected, `${part} of ${whole}`);
  });

  test('bytes are told in the unit that suits them', () => {
    assert.deepEqual([0, 1023, 1536, 300 * 1024, 5 * 1024 ** 3].map(bytesText), [
      ...['0 bytes', '1023 bytes', '1.5 KB', '300 KB', '5.0 GB'],
    ]);
  });

  test('money has pence, and parts of a penny only below a pound', () => {
    assert.deepEqual([0, 0.024, 0.5, 28.4436, 1200].map(inPounds), [
      ...['£0.00', '£0.024', '£0.50', '£28.44', '£1,200.00'],
    ]);
  });
});
