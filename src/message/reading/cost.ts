import type { StoredNotification } from '../status/notification.ts';

/** Pounds per billable unit, from the start of a day in the business zone (spec 06, section 3.5). Oldest first. */
const rates: readonly (readonly [from: string, pounds: number])[] = [
  ['2016-05-18', 0.0165],
  ['2017-04-01', 0.0158],
  ['2021-04-01', 0.016],
  ['2022-04-01', 0.0161],
  ['2022-05-01', 0.0172],
  ['2023-04-01', 0.0197],
  ['2024-04-01', 0.0227],
  ['2025-04-01', 0.0233],
  ['2026-04-01', 0.024],
];

const londonDay = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' });

/** The rate, in pounds per billable unit, when a message was created; the first rate before 2016-05-18. */
export function smsRate(createdAt: Date): number {
  const day = londonDay.format(createdAt);
  return rates.findLast(([from]) => from <= day)?.[1] ?? rates[0]![1];
}

/** A message's three cost fields in the v2 API (spec 01, section 3.7). */
export function costOf(
  notification: Pick<
    StoredNotification,
    'type' | 'status' | 'billableUnits' | 'rateMultiplier' | 'createdAt'
  >,
) {
  if (notification.type === 'email') return { is_cost_data_ready: true, cost_in_pounds: 0, cost_details: {} };
  const { billableUnits, status, createdAt } = notification;
  if (status === 'created' && billableUnits === 0)
    return { is_cost_data_ready: false, cost_in_pounds: null, cost_details: {} };
  const multiplier = notification.rateMultiplier ?? 1;
  const rate = smsRate(createdAt);
  return {
    is_cost_data_ready: true,
    cost_in_pounds: billableUnits * multiplier * rate,
    cost_details: {
      billable_sms_fragments: billableUnits,
      international_rate_multiplier: multiplier,
      sms_rate: rate,
    },
  };
}
