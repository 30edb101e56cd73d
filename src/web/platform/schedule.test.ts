import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleText } from './schedule.ts';

const london = (at: string) => ({ at, zone: 'Europe/London' });
for (const [schedule, expected] of [
  [{ every_seconds: 3600 }, 'Every hour'],
  [{ every_seconds: 1 }, 'Every second'],
  [{ every_seconds: 3780 }, 'Every 63 minutes'],
  [{ at: '4 3 * * *', zone: 'UTC' }, 'Every day at 03:04 UTC'],
  [london('0 2 * * *'), 'Every day at 02:00 in London'],
  [london('*/15 * * * *'), 'Every 15 minutes'],
  [london('1 * * * *'), 'Every hour, at 1 minute past'],
  [london('30 * * * *'), 'Every hour, at 30 minutes past'],
  [london('1 2 1 4 *'), 'Every 1 April at 02:01 in London'],
  [london('0 0 * * 1'), '0 0 * * 1 (Europe/London)'],
] as const)
  test(`the schedule ${JSON.stringify(schedule)} is told as “${expected}”`, () => {
    assert.equal(scheduleText(schedule), expected);
  });
