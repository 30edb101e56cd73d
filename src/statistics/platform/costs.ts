import type { DbOrTrx } from '../../database/connection.ts';
import { dayAfter } from '../../ground/clock.ts';
import { ratedPeriods, type UnitRate } from '../../message/rate/rate.ts';
import { groupBy } from '../totals/figures.ts';
import { financialYear, financialYearOf, type Period, periodOf } from '../totals/periods.ts';
import { type Sum, sumByService } from '../totals/store-read.ts';
import { findAllowances } from '../usage/store.ts';
import { addCharges, billable, type Charge, charge, type Priced } from '../usage/usage.ts';

/** Totals of one rate. `rate`: millionths of a pound for a unit; null if none is known. */
export type RatedSum = Sum<'service_id' | 'notification_type' | 'status'> & Pick<Priced, 'rate'>;

/** What every service sent, divided where the rate changes. Services in the order of their ids in each part. */
export async function sumByServiceAndRate(
  db: DbOrTrx,
  period: Period,
  rates: readonly UnitRate[],
): Promise<readonly RatedSum[]> {
  const rows: RatedSum[] = [];
  for (const { micros, ...part } of ratedPeriods(rates, period))
    for (const row of await sumByService(db, { period: part })) rows.push({ ...row, rate: micros });
  return rows;
}

type Counted = Readonly<{ status: string; cost_units: number }>;

/** What messages cost if nothing is free; those that were not handed over cost nothing. */
export function chargeAll(rows: readonly (Counted & Pick<Priced, 'rate'>)[]): Charge {
  const paid = rows.filter(({ status }) => billable.includes(status));
  return addCharges(
    charge(
      paid.map(({ cost_units: units, rate }) => ({ units, rate })),
      0,
    ),
  );
}

/** `usual`: units that a service has free for which nothing is set. */
export type Charging = Readonly<{ rates: readonly UnitRate[]; usual: number }>;

/** What each service has to pay for a part of a financial year, less what was free and not used up before. */
export async function chargeServices(
  db: DbOrTrx,
  period: Period,
  { rates, usual }: Charging,
): Promise<ReadonlyMap<string, Charge>> {
  const year = financialYearOf(period.from);
  const allowances = await findAllowances(db, null, year);
  const earlier = periodOf(financialYear(year).from, dayAfter(period.from, -1));
  const used = new Map<string, number>();
  for (const row of await sumByService(db, { period: earlier, statuses: billable }))
    used.set(row.service_id, (used.get(row.service_id) ?? 0) + row.cost_units);
  const rows = (await sumByServiceAndRate(db, period, rates)).filter(({ status }) =>
    billable.includes(status),
  );
  return new Map(
    [...groupBy(rows, ({ service_id: id }) => id)].map(([id, all]) => {
      const free = Math.max(0, (allowances.get(id) ?? usual) - (used.get(id) ?? 0));
      const parts = all.map(({ cost_units: units, rate }) => ({ units, rate }));
      return [id, addCharges(charge(parts, free))];
    }),
  );
}
