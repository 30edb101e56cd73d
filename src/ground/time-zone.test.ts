import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dayAfter, dayOf, dayStart } from './time-zone.ts';

test('a business day begins at midnight in London, in summer an hour before midnight UTC', () => {
  const table: [day: string, start: string][] = [
    ['2026-01-15', '2026-01-15T00:00:00Z'],
    ['2026-06-15', '2026-06-14T23:00:00Z'],
    // The days the clocks change on, and those after them.
    ['2026-03-29', '2026-03-29T00:00:00Z'],
    ['2026-03-30', '2026-03-29T23:00:00Z'],
    ['2026-10-25', '2026-10-24T23:00:00Z'],
    ['2026-10-26', '2026-10-26T00:00:00Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
  ];
  for (const [day, start] of table) assert.equal(new Date(dayStart(day)).getTime(), Date.parse(start), day);
});

test('every business day of a century contains its first moment, and the moment before is in the day before', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36_500 }), (days) => {
      const day = dayAfter('2000-01-01', days);
      assert.equal(dayOf(dayStart(day)), day);
      assert.equal(dayOf(dayStart(day) - 1), dayAfter(day, -1));
      assert.equal(dayOf(dayStart(dayAfter(day, 1)) - 1), day);
    }),
  );
});
