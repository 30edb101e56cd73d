import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createMeasuredClock,
  dayAfter,
  dayOf,
  dayStart,
  isoTime,
  londonTime,
  parseLondonTime,
  scheduleFault,
  stopwatch,
} from './clock.ts';

const invalid =
  'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
const past = 'datetime can not be in the past';
const future = 'datetime can only be 24 hours in the future';

test('a measured clock goes by the other one and runs on without it, whatever happens to its own machine’s', async () => {
  let own = 5_000_000;
  let other = 1_000_000;
  let isAway = false;
  const clock = createMeasuredClock({ now: () => own }, async () => {
    if (isAway) throw new Error('It is away.');
    return other;
  });
  const near = (expected: number, elapsed: () => number) => {
    const off = clock.now() - expected;
    assert.ok(off >= 0 && off <= elapsed() + 1, `${off}`);
  };
  near(5_000_000, stopwatch());
  let elapsed = stopwatch();
  await clock.measure();
  near(1_000_000, elapsed);
  assert.ok(Math.abs(clock.skew - 4_000_000) < 100);
  own -= 3_600_000;
  near(1_000_000, elapsed);
  isAway = true;
  await assert.rejects(clock.measure());
  near(1_000_000, elapsed);
  isAway = false;
  other = 900_000;
  elapsed = stopwatch();
  await clock.measure();
  near(900_000, elapsed);
  assert.ok(Math.abs(clock.skew - 500_000) < 100);
  assert.ok(Number.isInteger(clock.now()));
});

test('scheduled_for takes an ISO 8601 date and time within the next 24 hours, ignoring its zone offset', () => {
  const clock = { now: () => Date.UTC(2026, 10, 21, 12, 0, 0, 500) };
  const table: [string, string | null][] = [
    ['2026-11-21T12:00:00.500Z', null],
    ['2026-11-21T12:00:00.499Z', past],
    ['2026-11-21T12:00:00', past],
    ['2026-11-22T12:00:00.5', null],
    ['2026-11-22T12:00:00,501', future],
    ['2026-11-22T12:00:01', future],
    ['2026-11-21T13:00', null],
    ['2026-11-21 13:00:00', null],
    ['2026-11-21T13', null],
    ['20261121T130000Z', null],
    ['2026-11-21t13:00:00z', null],
    ['2026-11-21T11:00:00-05:00', past],
    ['2026-11-21T13:00:00+05:00', null],
    ['2026-11-21T13:00:00+0530', null],
    ['2026-11-21T13:00:00-05', null],
    ['2026-11-22', null],
    ['2026-11-21', past],
    ['2026-11-23', future],
    ['0001-01-01T00:00:00Z', past],
    ['9999-12-31T23:59:59Z', future],
  ];
  for (const [text, expected] of table) assert.equal(scheduleFault(text, clock, false), expected, text);
});

test('a date and time that does not exist, or is in another format, is invalid', () => {
  const clock = { now: () => Date.UTC(2026, 1, 28, 12) };
  const texts = [
    ...['', 'tomorrow', '21/11/2026', '2026-02-29T12:00', '2026-13-01T12:00', '2026-00-10', '2026-03-00'],
    ...['2026-02-28T24:00', '2026-02-28T23:60', '2026-02-28T23:59:60', '2026-02-28T', '2026-02-28T1:00'],
    ...[
      ' 2026-02-28T13:00',
      '2026-02-28T13:00\n',
      '2026-02-28T13:00:00.',
      '2026-02-28T13:00:00+5',
      '1772280000',
    ],
  ];
  for (const text of texts) assert.equal(scheduleFault(text, clock, false), invalid, text);
});

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

test('the day of a time does not depend on what was asked before', () => {
  const written = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' });
  for (const start of ['2026-03-28T22:00Z', '2026-03-29T22:00Z', '2026-10-24T22:00Z', '2026-10-25T22:00Z']) {
    const times = Array.from({ length: 4 * 60 }, (_, minute) => Date.parse(start) + minute * 60_000 - 1);
    for (const time of [...times, ...times.toReversed()]) assert.equal(dayOf(time), written.format(time));
  }
});

test('every business day of a century contains its first moment, and the moment before falls on the day before', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36_500 }), (days) => {
      const day = dayAfter('2000-01-01', days);
      assert.equal(dayOf(dayStart(day)), day);
      assert.equal(dayOf(dayStart(day) - 1), dayAfter(day, -1));
      assert.equal(dayOf(dayStart(dayAfter(day, 1)) - 1), day);
    }),
  );
});

test('a time in London without an offset is read as it was written, in summer and in winter; anything else is none', () => {
  const table: [string, string | null][] = [
    ['2017-05-02 14:03:07', '2017-05-02T13:03:07.000Z'],
    ['2017-12-02 14:03:07', '2017-12-02T14:03:07.000Z'],
    // The last second of winter and the first of summer, and the other way round.
    ['2026-03-29 00:59:59', '2026-03-29T00:59:59.000Z'],
    ['2026-03-29 02:00:00', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25 00:59:59', '2026-10-24T23:59:59.000Z'],
    ['2026-10-25 02:00:00', '2026-10-25T02:00:00.000Z'],
    ...[
      '',
      'yesterday',
      '2017-05-02',
      '2017-05-02T14:03:07',
      '2017-02-30 14:03:07',
      '2017-05-02 24:03:07',
    ].map((text): [string, null] => [text, null]),
  ];
  for (const [text, expected] of table) {
    const read = parseLondonTime(text);
    assert.equal(read === null ? null : new Date(read).toISOString(), expected, text);
    if (read !== null) assert.equal(londonTime(read), text);
  }
});

test('times are written as toISOString writes them, in any order', () => {
  const around = fc.integer({ min: -3000, max: 3000 }).map((offset) => 1_790_000_000_000 + offset);
  const any = fc.date({ noInvalidDate: true }).map((date) => date.getTime());
  fc.assert(
    fc.property(fc.array(fc.oneof(around, any), { minLength: 1 }), (times) => {
      for (const time of times) assert.equal(isoTime(time), new Date(time).toISOString());
    }),
  );
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY, 9e15])
    assert.throws(() => isoTime(none), RangeError);
});
