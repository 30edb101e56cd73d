import { type Html, html } from '../../ground/html.ts';
import { link } from '../components/navigation.ts';
import { dateFormat } from '../words/times.ts';

/** Words and figures as operators read them (spec 07, section 7). */

export function countText(count: number): string {
  return count.toLocaleString('en-GB');
}

/** `1 task`, `1,200 tasks`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `5%`; what is not nothing is at least `under 1%`, and what is not all at most `over 99%`. */
export function shareText(part: number, whole: number): string {
  if (whole === 0) return '–';
  const percent = Math.round((part / whole) * 100);
  if (percent === 0 && part > 0) return 'under 1%';
  if (percent === 100 && part < whole) return 'over 99%';
  return `${percent}%`;
}

const steps = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
] as const;

/** A length of time in its largest unit: `45 seconds`, `3 hours`, `2 days`. */
export function durationText(seconds: number): string {
  for (const [size, name] of steps)
    if (seconds >= 2 * size || seconds === size) return plural(Math.round(seconds / size), name);
  return seconds > 0 && seconds < 1 ? 'less than a second' : plural(Math.round(seconds), 'second');
}

/** Seconds of a delay: `0.4 s`, `12 s`, `3 minutes`; null is `–`. */
export function delayText(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds >= 120) return durationText(seconds);
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];

export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

type Reader = Readonly<{ zone: string; now: number }>;

/** `10:02 GMT` today, else `2 March 2026, 10:02 GMT`: the reader's zone, with its name. `at`: as the API writes it. */
export function timeText(at: string | number, { zone, now }: Reader): string {
  const time = new Date(at);
  const day = dateFormat(zone, { dateStyle: 'long' });
  const clock = dateFormat(zone, { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
  const date = day.format(time);
  return date === day.format(now) ? clock.format(time) : `${date}, ${clock.format(time)}`;
}

/** The same as an element that holds the exact time; null is `otherwise`. */
export function timeOf(at: string | null, reader: Reader, otherwise = 'Never'): Html {
  if (at === null) return html`${otherwise}`;
  return html`<time datetime="${at}">${timeText(at, reader)}</time>`;
}

/** `2 March 2026`. `day`: YYYY-MM-DD. */
export function dayText(day: string): string {
  return dateFormat('UTC', { dateStyle: 'long' }).format(new Date(`${day}T00:00:00Z`));
}

export const typeNames: Readonly<Record<string, string>> = {
  sms: 'Text messages',
  email: 'Emails',
  letter: 'Letters',
};

/** What a single message of a type is. */
export const typeName: Readonly<Record<string, string>> = { sms: 'Text message', email: 'Email' };

/** Statuses before the words of spec 04, section 7.3: what operators look for is what is not final. */
export const statusNames: Readonly<Record<string, string>> = {
  created: 'Accepted',
  sending: 'Sending',
  pending: 'Sending',
  delivered: 'Delivered',
  sent: 'Sent internationally',
  failed: 'Failed',
  'technical-failure': 'Technical failure',
  'temporary-failure': 'Not accepting messages right now',
  'permanent-failure': 'Recipient doesn’t exist',
  'validation-failed': 'Validation failed',
  cancelled: 'Cancelled',
};

/** What each queue holds (docs/operations.md, "Roles and queues"). */
export const queueMeanings: Readonly<Record<string, string>> = {
  'process-job': 'files whose rows become messages',
  'process-report-request': 'downloads to make',
  'bulk-sms': 'text messages of files to accept',
  'bulk-email': 'emails of files to accept',
  'db-sms': 'accepted text messages to store',
  'db-email': 'accepted emails to store',
  'send-sms': 'text messages to hand over',
  'send-email': 'emails to hand over',
  'notify-internal': 'our own messages, such as sign-in codes',
  'research-mode': 'messages of test keys to simulate',
  'research-receipts': 'their simulated receipts',
  receipts: 'receipts of providers to process',
  'service-callbacks': 'callbacks to services',
};

/** What a message that hangs waits for (spec 04, section 8.5). */
export const waitMeanings: Readonly<Record<string, string>> = {
  storing: 'A worker has yet to store it',
  queue: 'No worker has taken it: is its queue served?',
  worker: 'A worker has it',
  retry: 'Its last try failed; the next is at the time shown',
  provider: 'No provider can be called: their circuits are open, or none is on',
  operator: 'It is parked: release or drop it',
  replay: 'It is in no queue; the next replay queues it',
  receipt: 'Its provider has sent no receipt',
  callback: 'Its service has not taken the callback',
};

/** Short enough for a table; the whole id is in the address that it leads to. */
export function idText(id: string): Html {
  return html`<code class="app-id">${id}</code>`;
}

/** The name of a service, leading to what operators see of it. */
export function serviceLink(id: string | null, name?: string | null): Html | string {
  if (id === null) return '–';
  return link(`/platform/services/${id}`, name ? html`<span dir="auto">${name}</span>` : idText(id));
}

export function userLink(id: string | null, name?: string | null): Html | string {
  if (id === null) return '–';
  return link(`/platform/users/${id}`, name ? html`<span dir="auto">${name}</span>` : idText(id));
}
