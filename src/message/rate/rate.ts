import { dayAfter, dayOf } from '../../ground/clock.ts';

/**
 * What a unit of a text costs (spec 06, section 3.5). Money is whole millionths of a pound, of which sums are exact; it
 * becomes pounds where it is shown. Pure.
 */

/** `from`: the day of the business zone, YYYY-MM-DD, from whose start on a unit costs `micros` millionths of a pound. */
export type UnitRate = Readonly<{ from: string; micros: number }>;

/** Days of one rate, both included. `micros` null: no rate is known for them. */
export type RatedPeriod = Readonly<{ from: string; to: string; micros: number | null }>;

export const microsPerPound = 1_000_000;

/** The rate on a day in millionths of a pound; null if none is known. `rates`: oldest first. */
export function rateOn(rates: readonly UnitRate[], day: string): number | null {
  return rates.findLast(({ from }) => from <= day)?.micros ?? null;
}

/** The rate at an instant. */
export function rateAt(rates: readonly UnitRate[], time: Date): number | null {
  return rateOn(rates, dayOf(time.getTime()));
}

/** What units cost, in millionths of a pound. Multipliers are whole numbers, and so are units, unless they are foretold. */
export function priceOf(units: number, micros: number): number {
  return Math.round(units * micros);
}

/** Millionths of a pound as pounds. */
export function inPounds(micros: number): number {
  return Number((micros / microsPerPound).toFixed(6));
}

/** What units cost in pounds; null if the rate is not known. */
export function costInPounds(units: number, micros: number | null): number | null {
  return micros === null ? null : inPounds(priceOf(units, micros));
}

/** Pounds as millionths of a pound; null if they have more decimals. */
export function toMicros(pounds: number): number | null {
  const micros = Math.round(pounds * microsPerPound);
  return inPounds(micros) === pounds ? micros : null;
}

/** A period divided where the rate changes, in order. */
export function ratedPeriods(
  rates: readonly UnitRate[],
  { from, to }: Readonly<{ from: string; to: string }>,
): readonly RatedPeriod[] {
  if (to < from) return [];
  const starts = [from, ...rates.map((rate) => rate.from).filter((day) => day > from && day <= to)];
  return starts.map((start, index) => {
    const next = starts[index + 1];
    return { from: start, to: next === undefined ? to : dayAfter(next, -1), micros: rateOn(rates, start) };
  });
}
