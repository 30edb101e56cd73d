import { dayAfter } from '../../ground/clock.ts';
import { inPounds, priceOf, rateOn, type UnitRate } from '../../message/rate/rate.ts';
import { daysOf, financialYear, financialYearOf, type Period, periodOf } from '../totals/periods.ts';

/**
 * What units cost, less what is free in a financial year (spec 06, section 3.5): the allowance is used up in the order of
 * days, and where it runs out a part is charged. Money is millionths of a pound. Pure.
 */

/** Messages with one of these are paid for: the provider took them. */
export const billable = ['sending', 'sent', 'delivered', 'pending', 'temporary-failure', 'permanent-failure'];
/** What the routes of 2017 count besides (spec 04, section 7.4). */
export const billable2017 = [...billable, 'failed', 'technical-failure'];

/** Units of one rate, or of no known one (null). */
export type Priced = Readonly<{ units: number; rate: number | null }>;

/** `unpriced`: charged units of which nobody knows what they cost; they are not in `micros`. */
export type Charge = Readonly<{
  free: number;
  charged: number;
  micros: number;
  unpriced: number;
  /** What the units cost without an allowance; those without a rate left out. */
  fullMicros: number;
  unpricedFull: number;
}>;

export const noCharge: Charge = {
  ...{ free: 0, charged: 0, micros: 0, unpriced: 0 },
  ...{ fullMicros: 0, unpricedFull: 0 },
};

/** Charges each in order, the first of them from `free` units that cost nothing. */
export function charge<One extends Priced>(all: readonly One[], free: number): readonly (One & Charge)[] {
  let left = free;
  return all.map((one) => {
    const taken = Math.min(left, one.units);
    left -= taken;
    const charged = one.units - taken;
    return {
      ...one,
      ...{ free: taken, charged },
      micros: one.rate === null ? 0 : priceOf(charged, one.rate),
      unpriced: one.rate === null ? charged : 0,
      fullMicros: one.rate === null ? 0 : priceOf(one.units, one.rate),
      unpricedFull: one.rate === null ? one.units : 0,
    };
  });
}

export function addCharges(all: readonly Charge[]): Charge {
  return all.reduce(
    (sum, one) => ({
      free: sum.free + one.free,
      charged: sum.charged + one.charged,
      micros: sum.micros + one.micros,
      unpriced: sum.unpriced + one.unpriced,
      fullMicros: sum.fullMicros + one.fullMicros,
      unpricedFull: sum.unpricedFull + one.unpricedFull,
    }),
    noCharge,
  );
}

/** Pounds, less what is free; null if a part of it has no rate. */
export const costOf = ({ micros, unpriced }: Charge) => (unpriced > 0 ? null : inPounds(micros));
export const fullCostOf = ({ fullMicros, unpricedFull }: Charge) =>
  unpricedFull > 0 ? null : inPounds(fullMicros);

export type DayUnits = Readonly<{ day: string; units: number }>;
export type ChargedDay = DayUnits & Priced & Charge;

/** Units that are free in each financial year that is asked for. */
export type Allowances = ReadonlyMap<number, number>;

/** What each day costs. `days`: in order, and all of each financial year from its first day on. */
export function chargeDays<Day extends DayUnits>(
  days: readonly Day[],
  rates: readonly UnitRate[],
  allowances: Allowances,
): readonly (Day & ChargedDay)[] {
  return [...allowances].flatMap(([year, free]) => {
    const ofYear = days.filter(({ day }) => financialYearOf(day) === year);
    return charge(
      ofYear.map((one) => ({ ...one, rate: rateOn(rates, one.day) })),
      free,
    );
  });
}

/** Days of one rate, and what is still free at their start. */
export type Slice = Period & Readonly<{ rate: number | null; left: number }>;

/**
 * A period divided where the rate or the financial year changes, and around each day on which an allowance runs out. So
 * the kinds of messages of a slice can be charged in any order without changing what the slice costs, and those of a day
 * without changing any other. `days`: of the years of the period, charged.
 */
export function slicesOf(
  period: Period,
  days: readonly ChargedDay[],
  rates: readonly UnitRate[],
  allowances: Allowances,
): readonly Slice[] {
  const runsOut = [...allowances.keys()].flatMap((year) => {
    const first = days.find(({ day, charged }) => financialYearOf(day) === year && charged > 0);
    return first ? [first.day, dayAfter(first.day, 1)] : [];
  });
  const years = [...allowances.keys()].map((year) => financialYear(year).from);
  const cuts = [period.from, ...years, ...runsOut, ...rates.map(({ from }) => from)];
  const starts = [...new Set(cuts.filter((day) => day >= period.from && day <= period.to))].sort();
  return starts.map((from, index) => {
    const next = starts[index + 1];
    const year = financialYearOf(from);
    const used = days.reduce(
      (sum, one) => sum + (financialYearOf(one.day) === year && one.day < from ? one.free : 0),
      0,
    );
    const to = next === undefined ? period.to : dayAfter(next, -1);
    return { from, to, rate: rateOn(rates, from), left: (allowances.get(year) ?? 0) - used };
  });
}

/** Days with units of which nobody knows what they cost, as few periods as possible. */
export function daysWithoutRate(days: readonly ChargedDay[]): readonly Period[] {
  const periods: { from: string; to: string }[] = [];
  let previous: ChargedDay | null = null;
  for (const one of days) {
    const last = periods.at(-1);
    if (one.rate === null && one.charged > 0) {
      if (last && previous?.day === last.to) last.to = one.day;
      else periods.push({ from: one.day, to: one.day });
    }
    previous = one;
  }
  return periods;
}

export type Forecast = Charge & Readonly<{ units: number }>;

/**
 * What the month of `today` will have cost: its days so far, today as far as it is known, and each day to come as many
 * units as the average of the last 7 whole days, at its own rate and less what will be free then. `days`: of the
 * financial year and of the last 7 days.
 */
export function forecastMonth(
  today: string,
  days: readonly DayUnits[],
  rates: readonly UnitRate[],
  free: number,
): Forecast {
  const month = monthOf(today);
  const last = periodOf(dayAfter(today, -7), dayAfter(today, -1));
  const usual = days.reduce((sum, { day, units }) => sum + (within(last, day) ? units : 0), 0) / 7;
  const toCome = daysOf(periodOf(dayAfter(today, 1), month.to)).map((day) => ({ day, units: usual }));
  const year = financialYearOf(today);
  const soFar = days.filter(({ day }) => day <= today);
  const charged = chargeDays([...soFar, ...toCome], rates, new Map([[year, free]]));
  const ofMonth = charged.filter(({ day }) => within(month, day));
  return { ...addCharges(ofMonth), units: ofMonth.reduce((sum, { units }) => sum + units, 0) };
}

/** The month that a day belongs to. */
export function monthOf(day: string): Period {
  const [year, month] = [Number(day.slice(0, 4)), Number(day.slice(5, 7))];
  const next =
    month === 12
      ? `${String(year + 1).padStart(4, '0')}-01-01`
      : `${day.slice(0, 5)}${String(month + 1).padStart(2, '0')}-01`;
  return periodOf(`${day.slice(0, 7)}-01`, dayAfter(next, -1));
}

export function within({ from, to }: Period, day: string): boolean {
  return from <= day && day <= to;
}
