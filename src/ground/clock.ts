/** The only reader of the time. Everything that depends on the time takes a Clock, so that tests can move it. */
export type Clock = {
  /** Now, in whole milliseconds of Unix time (UTC). */
  now(): number;
};

export const systemClock: Clock = { now: () => Date.now() };

/** Milliseconds since the call, by a monotonic clock. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => performance.now() - started;
}

/** UTC with six digits of fraction, as in v2 timestamps: `2026-11-21T18:30:00.123000Z` (spec 01, section 3.7). */
export function isoMicroseconds(time: Date): string {
  return `${time.toISOString().slice(0, -1)}000Z`;
}
