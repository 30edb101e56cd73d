import type { DbOrTrx } from '../../database/connection.ts';
import type { UnitRate } from '../../message/rate/rate.ts';
import { financialYear, financialYearOf, type Period, periodOf } from '../totals/periods.ts';
import { sumOfServices } from '../totals/store-read.ts';
import { findAllowancesOf } from './store.ts';
import { type Allowances, billable, type ChargedDay, chargeDays } from './usage.ts';

/** What a service used in a period, by days, and what it is charged for. */
export type Usage = Readonly<{
  allowances: Allowances;
  /** Of the financial years of the period from their beginning, to its last day. */
  sms: readonly (ChargedDay & Readonly<{ messages: number; fragments: number }>)[];
  /** Of the same days. */
  emails: readonly Readonly<{ day: string; messages: number }>[];
}>;

/** `usual`: units that a service has free for which nothing is set. */
export async function readUsage(
  db: DbOrTrx,
  serviceId: string,
  { from, to }: Period,
  { rates, usual }: Readonly<{ rates: readonly UnitRate[]; usual: number }>,
): Promise<Usage> {
  const years = yearsOf({ from, to });
  const allowances = await findAllowancesOf(db, serviceId, years, usual);
  const period = periodOf(financialYear(years[0]!).from, to);
  const rows = await sumOfServices(db, [serviceId], ['day', 'notification_type'], {
    ...{ period, statuses: billable },
  });
  const texts = rows
    .filter(({ notification_type: type }) => type === 'sms')
    .map(({ day, count, units, cost_units }) => ({
      day,
      messages: count,
      fragments: units,
      units: cost_units,
    }));
  return {
    allowances,
    sms: chargeDays(texts, rates, allowances),
    emails: rows
      .filter(({ notification_type: type }) => type === 'email')
      .map(({ day, count }) => ({ day, messages: count })),
  };
}

/** The financial years of a period, in order. */
export function yearsOf({ from, to }: Period): readonly number[] {
  const [first, last] = [financialYearOf(from), financialYearOf(to)];
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, index) => first + index);
}
