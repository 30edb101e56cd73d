import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../config/config.ts';
import { isDue } from '../upkeep/due.ts';
import { periodicTimings } from './periodic.ts';

const tasks = periodicTimings(readConfig({}));
const hour = 3_600_000;

/** The UTC hours at which a task starts, checked every five minutes for four days. */
function hoursOf(task: (typeof tasks)[number], from: string): Set<number> {
  const hours = new Set<number>();
  let lastRun = Date.parse(from);
  for (let now = lastRun; now < Date.parse(from) + 96 * hour; now += hour / 12)
    if (isDue(task, lastRun, now)) {
      hours.add(new Date(now).getUTCHours());
      lastRun = now;
    }
  return hours;
}

test('every task runs within four days, a yearly one of the days around 1 April, and none only between 23:00 and 24:00 UTC, in winter and in summer', () => {
  for (const task of tasks) {
    const isYearly = 'at' in task && !task.at.endsWith('* *');
    const starts = isYearly ? ['2026-03-30T00:00:00Z'] : ['2026-01-10T00:00:00Z', '2026-07-10T00:00:00Z'];
    for (const from of starts) {
      const hours = hoursOf(task, from);
      assert.ok(hours.size > 0, `${task.name} never runs`);
      hours.delete(23);
      assert.ok(hours.size > 0, `${task.name} runs only between 23:00 and 24:00 UTC`);
    }
  }
});

test('every task has a unique name, which is also the name of its lock', () => {
  const names = tasks.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test('the nightly tasks run at their scheduled hours', () => {
  const named = (name: string) => tasks.find((task) => task.name === name)!;
  const table: [string, string, number][] = [
    ['timeout-sending-notifications', '2026-01-10T00:00:00Z', 3],
    ['timeout-sending-notifications', '2026-07-10T00:00:00Z', 2],
    ['delete-inbound-sms', '2026-01-10T00:00:00Z', 1],
    ['delete-inbound-sms', '2026-07-10T00:00:00Z', 1],
  ];
  for (const [name, from, hour] of table) assert.deepEqual([...hoursOf(named(name), from)], [hour], name);
});
