/** When a circuit opens, and for how long. Failed and unknown calls count as failures. */
export type CircuitRules = Readonly<{
  windowSeconds: number;
  leastFailures: number;
  failurePercent: number;
  openSeconds: number;
  /** How long a probe may take. */
  probeSeconds: number;
}>;

/** Calls by outcome: taken (accepted, or rejected: the provider works), failed, unknown (time-outs). */
export type Calls = Readonly<{ taken: number; failed: number; unknown: number }>;

/** Consecutive probes that must succeed before the circuit closes. */
export const passesToClose = 3;

/** The longest a circuit stays open, however often it reopens. */
const mostOpenSeconds = 300;

export function failuresOf({ failed, unknown }: Calls): number {
  return failed + unknown;
}

/** Whether the calls of one window open a circuit: enough failures, and a large enough share of all calls. */
export function breaks(calls: Calls, rules: CircuitRules): boolean {
  const failures = failuresOf(calls);
  const all = failures + calls.taken;
  return failures >= rules.leastFailures && failures * 100 >= rules.failurePercent * all;
}

export function reasonToOpen(calls: Calls, { windowSeconds }: CircuitRules): string {
  const failures = failuresOf(calls);
  return `Circuit opened: ${failures} of ${failures + calls.taken} calls failed within ${windowSeconds} seconds`;
}

export const reasonToClose = `Circuit closed: ${passesToClose} messages in a row were taken`;

/** Seconds until the next probe of a circuit that opened `openings` times in a row (1: for the first time); doubles. */
export function openSecondsAfter(openings: number, { openSeconds }: CircuitRules): number {
  return Math.min(openSeconds * 2 ** Math.min(openings - 1, 20), Math.max(mostOpenSeconds, openSeconds));
}

/** The length of a slot, about a twelfth of the window. */
export function slotSeconds(windowSeconds: number): number {
  return Math.max(1, Math.floor(windowSeconds / 12));
}
