import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDue, nextDue, overdueMilliseconds, type Timing } from './due.ts';

const london = (at: string): Timing => ({ at, zone: 'Europe/London' });
const check = (table: readonly (readonly [Timing, string | null, string, boolean])[]) => {
  for (const [timing, lastRun, now, expected] of table)
    assert.equal(
      isDue(timing, lastRun === null ? null : Date.parse(lastRun), Date.parse(now)),
      expected,
      `${JSON.stringify(timing)} after ${lastRun} at ${now}`,
    );
};

test('an interval is due when it has passed since the last run began', () => {
  const timing = { everySeconds: 600 };
  check([
    [timing, null, '2026-11-21T12:00:00.000Z', true],
    [timing, '2026-11-21T12:00:00.000Z', '2026-11-21T12:09:59.999Z', false],
    [timing, '2026-11-21T12:00:00.000Z', '2026-11-21T12:10:00.000Z', true],
    [timing, '2026-11-21T12:00:00.000Z', '2026-11-25T12:00:00.000Z', true],
  ]);
});

test('a clock time is due from exactly that time on, once', () => {
  const timing = london('0 3 * * *');
  check([
    [timing, null, '2026-11-21T12:00:00.000Z', true],
    [timing, '2026-11-20T03:00:00.000Z', '2026-11-21T02:59:59.999Z', false],
    [timing, '2026-11-20T03:00:00.000Z', '2026-11-21T03:00:00.000Z', true],
    [timing, '2026-11-21T03:00:00.000Z', '2026-11-21T03:00:00.000Z', false],
    [timing, '2026-11-21T03:00:00.400Z', '2026-11-21T23:59:59.999Z', false],
  ]);
});

test('a task missed while no scheduler ran is due once at the next check, however often it was missed', () => {
  const timing = london('0 3 * * *');
  check([
    [timing, '2026-11-20T02:59:59.999Z', '2026-11-20T17:20:00.000Z', true],
    [timing, '2026-11-10T03:00:00.000Z', '2026-11-20T02:00:00.000Z', true],
    [timing, '2026-11-20T02:00:00.000Z', '2026-11-20T02:00:01.000Z', false],
    [london('*/15 * * * *'), '2026-11-20T02:00:00.000Z', '2026-11-20T09:07:00.000Z', true],
  ]);
});

test('a quarter-hourly task is due at 0, 15, 30 and 45 minutes past', () => {
  const timing = london('*/15 * * * *');
  check([
    [timing, '2026-07-01T12:00:00.000Z', '2026-07-01T12:14:59.999Z', false],
    [timing, '2026-07-01T12:00:00.000Z', '2026-07-01T12:15:00.000Z', true],
    [timing, '2026-07-01T12:15:30.000Z', '2026-07-01T12:29:59.000Z', false],
    [timing, '2026-07-01T12:15:30.000Z', '2026-07-01T12:30:00.000Z', true],
    [timing, '2026-07-01T12:44:59.999Z', '2026-07-01T12:45:00.000Z', true],
    [timing, '2026-07-01T12:45:00.000Z', '2026-07-01T13:00:00.000Z', true],
  ]);
});

test('scheduled times follow the clock changes of their zone, in March and in October', () => {
  const three = london('0 3 * * *');
  const utc: Timing = { at: '40 1 * * *', zone: 'UTC' };
  const quarters = london('*/15 * * * *');
  check([
    // 29 March 2026: 01:00 GMT is 02:00 BST.
    [three, '2026-03-28T03:00:00.000Z', '2026-03-29T01:59:59.999Z', false],
    [three, '2026-03-28T03:00:00.000Z', '2026-03-29T02:00:00.000Z', true],
    [three, '2026-03-29T02:00:00.000Z', '2026-03-29T03:00:00.000Z', false],
    [three, '2026-03-29T02:00:00.000Z', '2026-03-30T01:59:59.999Z', false],
    [three, '2026-03-29T02:00:00.000Z', '2026-03-30T02:00:00.000Z', true],
    // 25 October 2026: 02:00 BST is 01:00 GMT.
    [three, '2026-10-24T02:00:00.000Z', '2026-10-25T02:59:59.999Z', false],
    [three, '2026-10-24T02:00:00.000Z', '2026-10-25T03:00:00.000Z', true],
    [three, '2026-10-25T03:00:00.000Z', '2026-10-26T02:59:59.999Z', false],
    [three, '2026-10-25T03:00:00.000Z', '2026-10-26T03:00:00.000Z', true],
    // An hour that London skips in spring and repeats in autumn.
    [utc, '2026-03-28T01:40:00.000Z', '2026-03-29T01:40:00.000Z', true],
    [utc, '2026-03-29T01:40:00.000Z', '2026-03-29T02:40:00.000Z', false],
    [utc, '2026-10-24T01:40:00.000Z', '2026-10-25T00:40:00.000Z', false],
    [utc, '2026-10-25T01:40:00.000Z', '2026-10-25T02:40:00.000Z', false],
    [quarters, '2026-10-25T00:45:00.000Z', '2026-10-25T00:59:59.999Z', false],
    [quarters, '2026-10-25T00:45:00.000Z', '2026-10-25T01:00:00.000Z', true],
    [quarters, '2026-03-29T00:45:00.000Z', '2026-03-29T01:00:00.000Z', true],
  ]);
});

test('a clock slightly behind runs no task twice, and one that was far ahead blocks no task for ever', () => {
  for (const timing of [london('0 3 * * *'), { everySeconds: 60 }])
    check([
      [timing, '2026-11-21T03:00:00.300Z', '2026-11-21T02:59:59.900Z', false],
      [timing, '2040-01-01T00:00:00.000Z', '2026-11-21T12:00:00.000Z', true],
    ]);
});

test('checked every hour for a year, a daily task runs 365 times', () => {
  const timing = london('0 3 * * *');
  let runs = 0;
  let lastRun = Date.parse('2026-01-01T00:00:00Z');
  for (let now = lastRun; now < Date.parse('2027-01-01T00:00:00Z'); now += 3_600_000)
    if (isDue(timing, lastRun, now)) {
      runs += 1;
      lastRun = now;
    }
  assert.equal(runs, 365);
});

test('a task is next due when its interval or time comes after its last run, and now if it is due', () => {
  for (const [timing, lastRun, now, expected] of [
    [{ everySeconds: 600 }, null, '2026-11-21T12:00:00.000Z', '2026-11-21T12:00:00.000Z'],
    [
      { everySeconds: 600 },
      '2026-11-21T12:00:00.000Z',
      '2026-11-21T12:01:00.000Z',
      '2026-11-21T12:10:00.000Z',
    ],
    [
      { everySeconds: 600 },
      '2026-11-21T12:00:00.000Z',
      '2026-11-21T13:00:00.000Z',
      '2026-11-21T13:00:00.000Z',
    ],
    // The clocks go forward that night.
    [london('0 3 * * *'), '2026-03-28T03:00:00.000Z', '2026-03-28T12:00:00.000Z', '2026-03-29T02:00:00.000Z'],
    [london('0 3 * * *'), '2026-11-21T03:00:00.000Z', '2026-11-21T03:00:00.000Z', '2026-11-22T03:00:00.000Z'],
    [london('0 3 * * *'), '2026-11-20T03:00:00.000Z', '2026-11-21T09:00:00.000Z', '2026-11-21T09:00:00.000Z'],
  ] as const) {
    const last = lastRun === null ? null : Date.parse(lastRun);
    const next = new Date(nextDue(timing, last, Date.parse(now))).toISOString();
    assert.equal(next, expected, `${JSON.stringify(timing)} after ${lastRun} at ${now}`);
  }
});

test('a task is overdue from the moment it was due until it runs', () => {
  const table: [Timing, string | null, string, number][] = [
    [{ everySeconds: 600 }, null, '2026-11-21T12:00:00.000Z', 0],
    [{ everySeconds: 600 }, '2026-11-21T12:00:00.000Z', '2026-11-21T12:09:59.999Z', 0],
    [{ everySeconds: 600 }, '2026-11-21T12:00:00.000Z', '2026-11-21T12:15:00.000Z', 300],
    [{ everySeconds: 1, restSeconds: 60 }, '2026-11-21T12:00:00.000Z', '2026-11-21T12:01:00.000Z', 0],
    [{ everySeconds: 1, restSeconds: 60 }, '2026-11-21T12:00:00.000Z', '2026-11-21T12:01:05.000Z', 5],
    [london('0 3 * * *'), '2026-11-20T03:00:00.000Z', '2026-11-21T02:59:59.999Z', 0],
    [london('0 3 * * *'), '2026-11-20T03:00:00.000Z', '2026-11-21T03:00:30.000Z', 30],
    // Missed twice: late since the first time. In summer 03:00 in London is 02:00 UTC.
    [london('0 3 * * *'), '2026-07-18T02:00:00.400Z', '2026-07-20T03:00:00.000Z', 25 * 3600],
    // A wrong clock wrote the last run.
    [{ everySeconds: 600 }, '2027-11-21T12:00:00.000Z', '2026-11-21T12:15:00.000Z', 0],
  ];
  for (const [timing, lastRun, now, seconds] of table) {
    const last = lastRun === null ? null : Date.parse(lastRun);
    assert.equal(overdueMilliseconds(timing, last, Date.parse(now)) / 1000, seconds, `${lastRun} ${now}`);
  }
});
