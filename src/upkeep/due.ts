import { CronExpressionParser } from 'cron-parser';

/**
 * When a periodic task is to run: every so many seconds, or at times of the clock, as a cron expression of five fields
 * in a time zone (`0 3 * * *` in Europe/London).
 */
export type Timing = Readonly<{ everySeconds: number } | { at: string; zone: string }>;

/** Clocks of two machines differ by less than this; a last run further in the future was written by a wrong clock. */
const mostSkewMilliseconds = 3_600_000;

/**
 * Whether a task is to run at `now`, all in Unix milliseconds. `lastRun`: when it last began, null when it never did. So
 * what was missed while no scheduler ran is made up for once, at the next check.
 */
export function isDue(timing: Timing, lastRun: number | null, now: number): boolean {
  if (lastRun === null || lastRun > now + mostSkewMilliseconds) return true;
  return 'at' in timing ? lastRun < latestTime(timing, now) : now - lastRun >= timing.everySeconds * 1000;
}

/** The latest scheduled time at or before `now`; both in Unix milliseconds. */
function latestTime({ at, zone }: Extract<Timing, { at: string }>, now: number): number {
  // `prev` looks strictly before its date, but a task is due from its very time on.
  return CronExpressionParser.parse(at, { currentDate: now + 1, tz: zone })
    .prev()
    .getTime();
}
