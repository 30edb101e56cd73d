/** The zone whose days figures, limits and retention go by (spec 06, section 1.2). */
const zone = 'Europe/London';
const asDate = new Intl.DateTimeFormat('en-CA', { timeZone: zone });
const asTime = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });

/** The day of the business zone that a moment (Unix milliseconds) lies in: YYYY-MM-DD. */
export function dayOf(time: number): string {
  return asDate.format(time);
}

/** The first moment of a day of the business zone, in Unix milliseconds. Takes YYYY-MM-DD of a day that exists. */
export function dayStart(day: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Clocks change after midnight, so what they are off by at midnight UTC they are off by at the start of the day.
  return midnight - (Date.parse(`${asTime.format(midnight).replace(' ', 'T')}Z`) - midnight);
}

/** The day `days` after another one; before it where `days` is negative. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
