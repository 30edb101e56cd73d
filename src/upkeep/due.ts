import { CronExpressionParser } from 'cron-parser';

/**
 * When a periodic task is to run: every so many seconds, or at times of the clock, as a cron expression of five fields
 * in a time zone (`0 3 * * *` in Europe/London).
 */
export type Beat = Readonly<{ everySeconds: number } | { at: string; zone: string }>;

/** Clocks of two machines differ by less; a last run that lies further ahead is the mistake of some clock. */
const mostSkewMilliseconds = 3_600_000;

/**
 * Whether a task is to run at `now`, all in Unix milliseconds. `lastRun`: when it last began, null when it never did. So
 * whatever was missed while no scheduler ran is done once, at the next look.
 */
export function isDue(beat: Beat, lastRun: number | null, now: number): boolean {
  if (lastRun === null || lastRun > now + mostSkewMilliseconds) return true;
  return 'at' in beat ? lastRun < latestBeat(beat, now) : now - lastRun >= beat.everySeconds * 1000;
}

/** The last time at or before `now` at which the clock showed one of the times; both in Unix milliseconds. */
function latestBeat({ at, zone }: Extract<Beat, { at: string }>, now: number): number {
  // `prev` looks before its date, and a beat counts from its very moment on.
  return CronExpressionParser.parse(at, { currentDate: now + 1, tz: zone })
    .prev()
    .getTime();
}
