import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clockText,
  dayIn,
  dayText,
  delayText,
  durationText,
  instantOf,
  shortDay,
  shortTime,
  timeInWords,
} from './times.ts';

test('times are told in the zone of the reader, which is named', () => {
  const at = '2026-07-01T22:30:05.123Z';
  assert.equal(timeInWords(at, 'Europe/London'), '1 July 2026 at 23:30 BST');
  assert.equal(timeInWords(Date.parse(at), 'UTC'), '1 July 2026 at 22:30 UTC');
  assert.equal(clockText(at, 'Europe/London'), '23:30:05 BST');
  assert.equal(dayIn(at, 'Asia/Tokyo'), '2026-07-02');
  assert.equal(dayText('2026-11-30'), 'Monday 30 November 2026');
  assert.equal(shortDay('2026-11-30'), '30 Nov');
});

test('today needs no date, in the zone of the reader', () => {
  const now = Date.parse('2026-11-30T23:30:00Z');
  assert.equal(shortTime('2026-11-30T10:02:59Z', { zone: 'Europe/London', now }), '10:02 GMT');
  assert.equal(
    shortTime('2026-11-30T10:02:59Z', { zone: 'Asia/Tokyo', now }),
    '30 November 2026 at 19:02 GMT+9',
  );
});

test('lengths of time are told in their largest unit, delays in seconds', () => {
  assert.deepEqual([0, 0.4, 1, 45, 60, 119, 120, 10_800, 200_000].map(durationText), [
    ...['0 seconds', 'less than a second', '1 second', '45 seconds', '1 minute', '119 seconds'],
    ...['2 minutes', '3 hours', '2 days'],
  ]);
  assert.deepEqual([null, 0, 0.001, 0.0468, 0.44, 12.3, 119.6, 180].map(delayText), [
    ...['–', '0 s', '0.001 s', '0.05 s', '0.4 s', '12 s', '120 s', '3 minutes'],
  ]);
});

test('what a clock shows in a zone is one time, also when clocks change', () => {
  const london = (day: string, time: string) => {
    const at = instantOf(day, time, 'Europe/London');
    return at === null ? null : new Date(at).toISOString().slice(0, 16);
  };
  for (const [day, time, expected] of [
    ['2026-01-05', '13:00', '2026-01-05T13:00'],
    ['2026-07-05', '13.00', '2026-07-05T12:00'],
    ['2026-07-05', '24:00', '2026-07-05T23:00'],
    // Twice on the day on which summer time ends: the first.
    ['2026-10-25', '01:30', '2026-10-25T00:30'],
    // Never on the day on which it begins: as if clocks had not changed yet.
    ['2026-03-29', '01:30', '2026-03-29T01:30'],
    ['2026-07-05', '25:00', null],
    ['2026-07-05', '13:60', null],
    ['2026-07-05', 'noon', null],
    ['yesterday', '13:00', null],
    ['2026-13-41', '13:00', null],
  ] as const)
    assert.equal(london(day, time), expected, `${day} ${time}`);
});
