import { dayAfter, dayOf, dayStart } from '../../ground/clock.ts';

/** The types with their own retention setting. The one for `sms` also applies to received texts. */
export const retentionTypes = ['sms', 'email', 'letter'] as const;
export type RetentionType = (typeof retentionTypes)[number];

/** How long personal data is kept by default, and the range that a service may set (spec 06, section 8). */
export const defaultRetentionDays = 7;
export const leastRetentionDays = 3;
export const mostRetentionDays = 90;

/** Anything created before this moment has been kept for `days` whole days. */
export type Cutoff = Readonly<{ days: number; before: Date }>;

/**
 * Data that is kept for `days` days is deleted if it is older than this cutoff: midnight in the business zone that many
 * days before today, so that today and `days` whole days are kept (spec 06, section 1.2). `now` in Unix milliseconds.
 */
export function retentionCutoff(now: number, days: number): Cutoff {
  return { days, before: new Date(dayStart(dayAfter(dayOf(now), -days))) };
}

/** The cutoffs for all numbers of days that a service may set, shortest first. */
export function allCutoffs(now: number): readonly Cutoff[] {
  return Array.from({ length: mostRetentionDays - leastRetentionDays + 1 }, (_, index) =>
    retentionCutoff(now, leastRetentionDays + index),
  );
}
