/**
 * When a callback address is paused. Pure; the numbers are ours (docs/decisions/0011).
 */

/** How an address has been doing; times in Unix milliseconds. */
export type Health = Readonly<{
  /** Failed callbacks since the last success. */
  failures: number;
  /** Pauses since the last success. */
  pauses: number;
  /** Nothing is sent before this, and then a single callback, the probe. null: it is not paused. */
  pausedUntil: number | null;
}>;

/** How one callback to the address ended. */
export type Effect = Readonly<{
  isDelivered: boolean;
  /** It tested whether a paused address works again. */
  isProbe: boolean;
  at: number;
  /** When the address asked to be called again; null: it did not. */
  notBefore: number | null;
}>;

export const healthy: Health = { failures: 0, pauses: 0, pausedUntil: null };

const mostFailures = 10;
const firstPause = 30_000;
const longestPause = 600_000;

/**
 * After 10 failures in a row an address is paused, for 30 seconds at first. A probe that fails doubles that, up to 10
 * minutes; any success ends it. An address that asks for a delay gets it.
 */
export function healthAfter(health: Health, { isDelivered, isProbe, at, notBefore }: Effect): Health {
  if (isDelivered) return healthy;
  const failures = health.failures + 1;
  // Callbacks that were under way when the pause began say nothing new.
  const isNews = health.pausedUntil === null || isProbe;
  const pauses = failures >= mostFailures && isNews ? health.pauses + 1 : health.pauses;
  let pausedUntil = health.pausedUntil;
  if (pauses > health.pauses) pausedUntil = at + Math.min(longestPause, firstPause * 2 ** (pauses - 1));
  else if (isProbe) pausedUntil = null;
  if (notBefore !== null) pausedUntil = Math.max(pausedUntil ?? 0, notBefore);
  return { failures, pauses, pausedUntil };
}
