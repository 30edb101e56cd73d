import type { SendResult } from '../contract.ts';

/** When a circuit opens, and for how long. */
export type CircuitRules = Readonly<{
  windowSeconds: number;
  leastFailures: number;
  failurePercent: number;
  openSeconds: number;
  /** How long a message that tries a provider may take. */
  probeSeconds: number;
}>;

/** What came of calls: taken (accepted, or refused for good: the provider works), failed, unknown (time-outs). */
export type Calls = Readonly<{ taken: number; failed: number; unknown: number }>;

/** Messages in a row that a half-open provider has to take before it gets all. */
export const passesToClose = 3;

/** However often in a row it was opened, a provider is tried again after this time. */
const mostOpenSeconds = 300;

/** Which of the three a result counts as. */
export function countsAs(outcome: SendResult['outcome']): keyof Calls {
  return outcome === 'accepted' || outcome === 'rejected' ? 'taken' : outcome;
}

export function failuresOf({ failed, unknown }: Calls): number {
  return failed + unknown;
}

/** Whether these calls of one window open a circuit: enough failures, and a large enough share of all. */
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

/** Seconds until the next try, when the circuit was opened `openings` times in a row (1: just opened): doubling. */
export function openSecondsAfter(openings: number, { openSeconds }: CircuitRules): number {
  return Math.min(openSeconds * 2 ** Math.min(openings - 1, 20), Math.max(mostOpenSeconds, openSeconds));
}

/** Seconds of one slot of the window: about a twelfth of it. */
export function slotSeconds(windowSeconds: number): number {
  return Math.max(1, Math.floor(windowSeconds / 12));
}
