import { CronExpressionParser } from 'cron-parser';

/**
 * When a periodic task runs: at an interval in seconds, or at clock times given as a five-field cron expression in a
 * time zone (`0 3 * * *` in Europe/London). `restSeconds`: the interval while it has nothing to do.
 */
export type Timing = Readonly<
  { everySeconds: number; restSeconds?: number } | { at: string; zone: string; restSeconds?: undefined }
>;

/** Clocks of two machines differ by less than this; a last run further in the future was written by a wrong clock. */
const mostSkewMilliseconds = 3_600_000;

/**
 * Whether a task must run at `now`, all in Unix milliseconds. `lastRun`: when it last began, null if it never did. Runs
 * missed while no scheduler was running are made up for by one run, at the next check.
 */
export function isDue(timing: Timing, lastRun: number | null, now: number): boolean {
  if (lastRun === null || lastRun > now + mostSkewMilliseconds) return true;
  return 'at' in timing ? lastRun < latestTime(timing, now) : now - lastRun >= timing.everySeconds * 1000;
}

/** When a task is due next, in Unix milliseconds: `now` if it is due. `lastRun`: as above. */
export function nextDue(timing: Timing, lastRun: number | null, now: number): number {
  if (lastRun === null || isDue(timing, lastRun, now)) return now;
  if ('everySeconds' in timing) return lastRun + timing.everySeconds * 1000;
  return CronExpressionParser.parse(timing.at, { currentDate: now, tz: timing.zone }).next().getTime();
}

/**
 * For how long a task has been due at `now`, in milliseconds; 0 if it is not, never ran, or may be resting. `lastRun`: as
 * above.
 */
export function overdueMilliseconds(timing: Timing, lastRun: number | null, now: number): number {
  if (lastRun === null || !isDue(timing, lastRun, now)) return 0;
  const due =
    'everySeconds' in timing
      ? lastRun + (timing.restSeconds ?? timing.everySeconds) * 1000
      : CronExpressionParser.parse(timing.at, { currentDate: lastRun, tz: timing.zone }).next().getTime();
  return Math.max(0, now - due);
}

type Scheduled = Extract<Timing, { at: string }>;

const minute = 60_000;
/** The last answer of `latestTime` for each timing: a scheduler asks every second, and times are whole minutes. */
const latest = new WeakMap<Scheduled, { minute: number; time: number }>();

/** The latest scheduled time at or before `now`; both in Unix milliseconds. */
function latestTime(timing: Scheduled, now: number): number {
  const start = now - (now % minute);
  const known = latest.get(timing);
  if (known?.minute === start) return known.time;
  // `prev` returns a time strictly before its date, but a task is due at exactly its time.
  const time = CronExpressionParser.parse(timing.at, { currentDate: start + 1, tz: timing.zone })
    .prev()
    .getTime();
  latest.set(timing, { minute: start, time });
  return time;
}
