import { dayAfter, dayOf, dayStart } from '../../ground/time-zone.ts';

/** The types that have a retention of their own. That of `sms` also applies to received texts. */
export const retentionTypes = ['sms', 'email', 'letter'] as const;
export type RetentionType = (typeof retentionTypes)[number];

/** How long personal data is kept unless a service sets something else, and what it may set (spec 06, section 8). */
export const defaultRetentionDays = 7;
export const leastRetentionDays = 3;
export const mostRetentionDays = 90;

/** Anything created before this moment has been kept for `days` whole days. */
export type Cutoff = Readonly<{ days: number; before: Date }>;

/**
 * The moment before which everything that is kept for `days` days is deleted: midnight in the business zone that many
 * days before today, so that today and `days` whole days stay (spec 06, section 1.2). `now` in Unix milliseconds.
 */
export function retentionCutoff(now: number, days: number): Cutoff {
  return { days, before: new Date(dayStart(dayAfter(dayOf(now), -days))) };
}

/** The cutoffs of every number of days that a service may set. */
export function allCutoffs(now: number): readonly Cutoff[] {
  return Array.from({ length: mostRetentionDays - leastRetentionDays + 1 }, (_, index) =>
    retentionCutoff(now, leastRetentionDays + index),
  );
}
