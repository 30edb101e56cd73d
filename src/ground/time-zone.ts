/** The business zone: figures, limits and retention go by its days (spec 06, section 1.2). */
const zone = 'Europe/London';
const asDate = new Intl.DateTimeFormat('en-CA', { timeZone: zone });
const asTime = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });

/** The day of the business zone, as YYYY-MM-DD, that contains a moment (Unix milliseconds). */
export function dayOf(time: number): string {
  return asDate.format(time);
}

/** The start of a day of the business zone, in Unix milliseconds. Takes an existing day as YYYY-MM-DD. */
export function dayStart(day: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Clocks change after midnight, so the offset at midnight UTC is also that at the start of the day.
  return midnight - (Date.parse(`${asTime.format(midnight).replace(' ', 'T')}Z`) - midnight);
}

/** The day `days` after another one, or before it if `days` is negative. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** `2017-05-02 14:03:07`: local time in London without offset, as SMS providers write it (spec 05, section 6). */
export function londonTime(unixMilliseconds: number): string {
  return asTime.format(unixMilliseconds);
}
