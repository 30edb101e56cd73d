import { dateFormat } from '../words/times.ts';

/** Days of figures, which are those of London (spec 06, section 1.2). */

const asDay = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' });

/** The day of a time (YYYY-MM-DD). */
export function dayNow(now: number): string {
  return asDay.format(now);
}

/** The day so many days earlier. */
export function dayBefore(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
}

export type Period = Readonly<{ value: string; text: string; from: string; to: string }>;

const lengths = [
  [1, 'Today'],
  [7, 'The last 7 days'],
  [30, 'The last 30 days'],
  [90, 'The last 90 days'],
  [365, 'The last 365 days'],
] as const;

/** What figures can be shown of: up to now, and whole months. */
export function periodsAt(now: number): readonly Period[] {
  const today = dayNow(now);
  const spans = lengths.map(([days, text]) => ({
    ...{ value: String(days), text, from: dayBefore(today, days - 1), to: today },
  }));
  const months = Array.from({ length: 12 }, (_, index) => {
    const first = new Date(Date.UTC(Number(today.slice(0, 4)), Number(today.slice(5, 7)) - 1 - index, 1));
    const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0));
    const text = dateFormat('UTC', { month: 'long', year: 'numeric' });
    return {
      ...{ value: first.toISOString().slice(0, 7), text: text.format(first) },
      ...{ from: first.toISOString().slice(0, 10), to: last.toISOString().slice(0, 10) },
    };
  });
  return [...spans, ...months];
}

/** How many days a period has. */
export function lengthOf({ from, to }: Pick<Period, 'from' | 'to'>): number {
  return (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000 + 1;
}
