import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeInWords } from './times.ts';

test('a time is that of the reader’s zone and names it, in summer and winter', () => {
  assert.equal(timeInWords('2026-05-04T09:05:00.000000Z', 'Europe/London'), '4 May 2026 at 10:05 BST');
  assert.equal(timeInWords('2026-01-04T09:05:00.000000Z', 'Europe/London'), '4 January 2026 at 09:05 GMT');
  assert.equal(timeInWords('2026-01-04T23:05:00.000000Z', 'Asia/Tokyo'), '5 January 2026 at 08:05 GMT+9');
});
