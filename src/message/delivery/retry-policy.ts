import type { NotificationType } from '../../database/tables.ts';

/** How often, and after how many seconds, a message that nobody took is tried again. */
export type RetryPolicy = Readonly<{
  /** Tries after the first one. */
  limit: number;
  /** Until try `attempt + 1`, where `attempt` tries came before. `isDefinite`: the provider certainly has not got it. */
  seconds(attempt: number, type: NotificationType, isDefinite: boolean): number;
}>;

/**
 * The same delay each time (seed: 48 times 5 minutes), or one delay for each try (the course of 2016). Where
 * `smsFirstImmediate` is set, a text that was certainly not taken is tried again at once the first time, by when
 * another provider is likely to be chosen (spec 05, section 2.3); one whose fate is unknown never is.
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
