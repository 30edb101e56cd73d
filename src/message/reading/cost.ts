import { costInPounds, inPounds, rateAt, type UnitRate } from '../rate/rate.ts';
import type { StoredNotification } from '../status/notification.ts';

/** A message's three cost fields in the v2 API (spec 01, section 3.7). Without a rate for its day, its cost is not known. */
export function costOf(
  notification: Pick<
    StoredNotification,
    'type' | 'status' | 'billableUnits' | 'rateMultiplier' | 'createdAt'
  >,
  rates: readonly UnitRate[],
) {
  if (notification.type === 'email') return { is_cost_data_ready: true, cost_in_pounds: 0, cost_details: {} };
  const { billableUnits, status, createdAt } = notification;
  const micros = rateAt(rates, createdAt);
  if (micros === null || (status === 'created' && billableUnits === 0))
    return { is_cost_data_ready: false, cost_in_pounds: null, cost_details: {} };
  const multiplier = notification.rateMultiplier ?? 1;
  return {
    is_cost_data_ready: true,
    cost_in_pounds: costInPounds(billableUnits * multiplier, micros),
    cost_details: {
      billable_sms_fragments: billableUnits,
      international_rate_multiplier: multiplier,
      sms_rate: inPounds(micros),
    },
  };
}
