/**
 * The only reader of the time. Everything that decides by time takes a Clock, so that a test can move it.
 */
export type Clock = {
  /** Now, in whole milliseconds of Unix time (UTC). */
  now(): number;
};

export const systemClock: Clock = { now: () => Date.now() };

/** Milliseconds of a clock that only runs forward, for measuring how long something took. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => performance.now() - started;
}

/** UTC with six digits of fraction, as every v2 timestamp is written: `2026-11-21T18:30:00.123000Z` (spec 01, 3.7). */
export function isoMicroseconds(time: Date): string {
  return `${time.toISOString().slice(0, -1)}000Z`;
}
