import type { AttemptOutcome, NotificationType } from '../../database/tables.ts';
import type { SendResult } from '../../provider/contract.ts';

/** What a send task does after one hand-over, and when it tries again. Pure. */
export type NextStep =
  /** The provider has it. */
  | 'handed over'
  /** No provider will ever take it. */
  | 'give up'
  /** Another provider may take it, at once. */
  | 'next provider'
  | 'retry';

/**
 * The next step after a provider's answer (docs/architecture.md, "Claim, attempt, outcome"). A definite refusal goes to
 * the next active provider at once; an unknown result never does, since the first provider may have the message.
 * `othersLeft`: providers that can still be tried; `triesLeft`: retries left.
 */
export function nextStep(result: SendResult, othersLeft: number, triesLeft: number): NextStep {
  switch (result.outcome) {
    case 'accepted':
      return 'handed over';
    case 'rejected':
      return 'give up';
    case 'failed':
      if (othersLeft > 0) return 'next provider';
      return triesLeft > 0 ? 'retry' : 'give up';
    case 'unknown':
      return triesLeft > 0 ? 'retry' : 'give up';
  }
}

/** How often, and after how many seconds, a message that no provider took is retried. */
export type RetryPolicy = Readonly<{
  /** Tries after the first one. */
  limit: number;
  /**
   * Seconds until the next try, after `attempt` earlier ones. `isDefinite`: the provider certainly does not have it.
   */
  seconds(attempt: number, type: NotificationType, isDefinite: boolean): number;
}>;

/**
 * The same delay each time (users' description: 48 times 5 minutes), or one delay for each retry (as in 2016: 10
 * seconds to 4 hours). With `smsFirstImmediate`, the first retry of a text that was certainly not taken is immediate,
 * when another provider is likely to be chosen (spec 05, section 2.3); a text whose result is unknown always waits.
 */
export function retryPolicy(
  settings: Readonly<{
    retries: number;
    seconds: number;
    delays: readonly number[] | null;
    smsFirstImmediate: boolean;
  }>,
): RetryPolicy {
  const { retries, seconds, delays, smsFirstImmediate } = settings;
  return Object.freeze({
    limit: delays?.length ?? retries,
    seconds(attempt: number, type: NotificationType, isDefinite: boolean) {
      if (smsFirstImmediate && attempt === 0 && type === 'sms' && isDefinite) return 0;
      return delays?.[attempt] ?? seconds;
    },
  });
}

/** An attempt's outcome columns; the provider's code and detail are made one line and cut to 60 and 300 characters. */
export function describeResult(result: SendResult): {
  outcome: AttemptOutcome;
  code: string | null;
  detail: string | null;
} {
  if (result.outcome === 'accepted') return { outcome: 'accepted', code: null, detail: null };
  return { outcome: result.outcome, code: printable(result.code, 60), detail: printable(result.detail, 300) };
}

function printable(text: string, length: number): string {
  return text.replace(/\p{C}/gu, ' ').slice(0, length);
}
