import { dayOf } from '../ground/clock.ts';

/** From `from`, included, to `until`, excluded; Unix milliseconds. */
export type Span = Readonly<{ from: number; until: number }>;

const hour = 3_600_000;
const day = 24 * hour;

/** The span in pieces of at most `milliseconds`, in order. */
export function* piecesOf({ from, until }: Span, milliseconds: number): Generator<Span> {
  for (let start = from; start < until; start += milliseconds)
    yield { from: start, until: Math.min(until, start + milliseconds) };
}

/**
 * Which messages a replay at `now` looks at, by creation time: 7 days to 1 hour ago (spec 05, section 9.2). No message
 * ever becomes `created` again, so a run need not repeat what an earlier one has seen: after the first run of a day, a
 * run looks only at messages that have become an hour old since the last one.
 */
export function replaySpan(now: number, lastRun: number | null): Span {
  const whole = { from: now - 7 * day, until: now - hour };
  if (lastRun === null || lastRun > now || dayOf(lastRun) !== dayOf(now)) return whole;
  return { from: lastRun - hour, until: whole.until };
}

/**
 * The longest time from the creation of a message's id until its time-out starts to count: messages are scheduled up to
 * 7 days ahead, and workers may have been down.
 */
const longestWait = 8 * day;

/**
 * The creation times of the ids of messages that have timed out between the last run and `now`. `from` null: no lower
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
