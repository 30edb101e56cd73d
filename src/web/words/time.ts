import { type Html, html } from '../../ground/html.ts';

/** Times as people read them: in their zone, which is named (spec 07, section 3). */

/** "30 November 2026 at 10:02 GMT". `at`: ISO 8601 or Unix milliseconds. */
export function timeText(at: string | number, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, hourCycle: 'h23', timeZoneName: 'short' },
    ...{ day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' },
  }).formatToParts(new Date(at));
  const { day, month, year, hour, minute, timeZoneName } = Object.fromEntries(
    parts.map(({ type, value }) => [type, value]),
  );
  return `${day} ${month} ${year} at ${hour}:${minute} ${timeZoneName}`;
}

/** The same, for programs too. */
export function timeOf(at: string | number, zone: string): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${timeText(at, zone)}</time>`;
}
