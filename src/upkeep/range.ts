import { dayOf } from '../ground/clock.ts';

/** From `from` on and before `until`; Unix milliseconds. */
export type Span = Readonly<{ from: number; until: number }>;

const hour = 3_600_000;
const day = 24 * hour;

/** The span in pieces of at most `milliseconds`, in order. */
export function* piecesOf({ from, until }: Span, milliseconds: number): Generator<Span> {
  for (let start = from; start < until; start += milliseconds)
    yield { from: start, until: Math.min(until, start + milliseconds) };
}

/**
 * Which messages a replay at `now` looks at, by their creation: 7 days to 1 hour ago (spec 05, section 9.2). No message
 * ever becomes `created` again, so what an earlier run has seen need not be seen every quarter of an hour: after the first
 * run of a day, a run looks only at messages that have become an hour old since the last one.
 */
export function replaySpan(now: number, lastRun: number | null): Span {
  const whole = { from: now - 7 * day, until: now - hour };
  if (lastRun === null || lastRun > now || dayOf(lastRun) !== dayOf(now)) return whole;
  return { from: lastRun - hour, until: whole.until };
}

/**
 * How long after its id was made a message may begin to age: messages are scheduled up to 7 days ahead, and workers may
 * have been away.
 */
const longestWait = 8 * day;

/**
 * When the ids were made of messages that have timed out at `now` and had not at the last run. `from` null: no lower
 * bound. `timeout` in milliseconds.
 */
export function timeOutSpan(
  now: number,
  lastRun: number | null,
  timeout: number,
): { from: number | null; until: number } {
  const until = now - timeout;
  return { from: lastRun === null ? null : Math.min(until, lastRun - timeout) - longestWait, until };
}
