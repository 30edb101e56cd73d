import { dayAfter } from '../../ground/clock.ts';

/**
 * Periods of days in the business zone, as texts YYYY-MM-DD, which compare as they follow each other (spec 06, section
 * 3.2). Instants become days once, where messages are counted; from there on no clock change matters. Pure.
 */
export type Period = Readonly<{ from: string; to: string }>;

/** Earlier days hold no messages; PostgreSQL does not know all of them. */
const firstDay = '1970-01-01';

/** Both days included. */
export function periodOf(from: string, to: string): Period {
  return { from: from < firstDay ? firstDay : from, to: to < firstDay ? dayAfter(firstDay, -1) : to };
}

/** A day that exists, as it is written. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

const monthOf = (day: string) => `${day.slice(0, 7)}-01`;

/** A period as whole months (`months`: the first day of the first and of the last; null: none) and the days around them. */
export function inMonths(period: Period): Readonly<{ months: Period | null; days: readonly Period[] }> {
  const { from, to } = period;
  const first = from === monthOf(from) ? from : monthOf(dayAfter(monthOf(from), 31));
  const end = monthOf(dayAfter(to, 1));
  if (first >= end) return { months: null, days: [period] };
  const around = [
    { from, to: dayAfter(first, -1) },
    { from: end, to },
  ];
  return {
    months: { from: first, to: monthOf(dayAfter(end, -1)) },
    days: around.filter((days) => days.from <= days.to),
  };
}

/** How many days a period has. */
export function daysIn({ from, to }: Period): number {
  return Math.max(0, (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000 + 1);
}

/** Each day of a period. */
export function daysOf(period: Period): readonly string[] {
  return Array.from({ length: daysIn(period) }, (_, index) => dayAfter(period.from, index));
}

/** The financial year that begins on 1 April of `year`, and its months YYYY-MM in order. */
export function financialYear(year: number): Period & Readonly<{ months: readonly string[] }> {
  const written = (year: number) => String(year).padStart(4, '0');
  const months = Array.from({ length: 12 }, (_, index) => {
    const month = (index + 3) % 12;
    return `${written(month < 3 ? year + 1 : year)}-${String(month + 1).padStart(2, '0')}`;
  });
  return { ...periodOf(`${written(year)}-04-01`, `${written(year + 1)}-03-31`), months };
}

/** The financial year that a day belongs to. */
export function financialYearOf(day: string): number {
  return Number(day.slice(0, 4)) - (day.slice(5) < '04-01' ? 1 : 0);
}

/** The Monday of a day's week. */
export function mondayOf(day: string): string {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  return dayAfter(day, -((weekday + 6) % 7));
}

/** The Mondays of all weeks from that of `from` to that of `to`. */
export function mondays({ from, to }: Period): readonly string[] {
  const last = mondayOf(to);
  const found: string[] = [];
  for (let monday = mondayOf(from); monday <= last; monday = dayAfter(monday, 7)) found.push(monday);
  return found;
}
