import { type Html, html } from '../../ground/html.ts';
import { attributes } from '../components/attributes.ts';
import { counted } from './counts.ts';

/** Times as people read them: in their zone, which is named (spec 07, section 3). */

/** Making one takes sixty times as long as using it, and a page has hundreds of times. By zone and options. */
const formats = new Map<string, Intl.DateTimeFormat>();
const mostFormats = 200;

/** Writes times as clocks and calendars in a zone show them, in British English. */
export function dateFormat(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  const format = formats.get(key) ?? new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
  // The one that was used longest ago comes first.
  formats.delete(key);
  formats.set(key, format);
  if (formats.size > mostFormats) formats.delete(formats.keys().next().value!);
  return format;
}

type Parts = Readonly<Record<string, string>>;

function partsOf(at: number, zone: string, options: Intl.DateTimeFormatOptions): Parts {
  const format = dateFormat(zone, { hourCycle: 'h23', ...options });
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}

/** "30 November 2026 at 10:02 GMT". `at`: ISO 8601 or Unix milliseconds. */
export function timeInWords(at: string | number, zone: string): string {
  const { day, month, year, hour, minute, timeZoneName } = partsOf(new Date(at).getTime(), zone, {
    ...{ day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' },
    timeZoneName: 'short',
  });
  return `${day} ${month} ${year} at ${hour}:${minute} ${timeZoneName}`;
}

/** The same, for programs too. Where there is no room for all of it, only the date and the time come apart. */
export function timeOf(at: string | number, zone: string): Html {
  const parts = timeInWords(at, zone).replaceAll(' ', '\u00a0').replace('\u00a0at', ' at');
  return html`<time datetime="${new Date(at).toISOString()}">${parts}</time>`;
}

/** "10:02:14 GMT", for what happened within the hour. */
export function clockText(at: string | number, zone: string): string {
  const { hour, minute, second, timeZoneName } = partsOf(new Date(at).getTime(), zone, {
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
  });
  return `${hour}:${minute}:${second} ${timeZoneName}`;
}

type Reader = Readonly<{ zone: string; now: number }>;

/** "10:02 GMT" today, otherwise the same as `timeInWords`. */
export function shortTime(at: string | number, { zone, now }: Reader): string {
  if (dayIn(at, zone) !== dayIn(now, zone)) return timeInWords(at, zone);
  const { hour, minute, timeZoneName } = partsOf(new Date(at).getTime(), zone, {
    ...{ hour: '2-digit', minute: '2-digit', timeZoneName: 'short' },
  });
  return `${hour}:${minute} ${timeZoneName}`;
}

/** The same, for programs too; null is `otherwise`. */
export function shortTimeOf(at: string | null, reader: Reader, otherwise = 'Never'): Html {
  if (at === null) return html`${otherwise}`;
  const isToday = dayIn(at, reader.zone) === dayIn(reader.now, reader.zone);
  return html`<time datetime="${new Date(at).toISOString()}"${attributes({ class: isToday ? 'app-together' : null })}>${shortTime(at, reader)}</time>`;
}

const steps = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
] as const;

/** A length of time in its largest unit: "45 seconds", "3 hours", "2 days". */
export function durationText(seconds: number): string {
  for (const [size, name] of steps)
    if (seconds >= 2 * size || seconds === size) return counted(Math.round(seconds / size), name);
  return seconds > 0 && seconds < 1 ? 'less than a second' : counted(Math.round(seconds), 'second');
}

/** Seconds of a delay: "0.05 s", "0.4 s", "12 s", "3 minutes"; null is "–". What is not nothing is never 0. */
export function delayText(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds >= 120) return durationText(seconds);
  if (seconds < 0.1) return `${Number(seconds.toPrecision(1))} s`;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** A day (YYYY-MM-DD) in words: "Monday 30 November 2026". */
export function dayText(day: string): string {
  const {
    weekday,
    day: number,
    month,
    year,
  } = partsOf(Date.parse(`${day}T12:00:00Z`), 'UTC', {
    ...{ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' },
  });
  return `${weekday} ${number} ${month} ${year}`;
}

/** The same where there is little room: "30 Nov". */
export function shortDay(day: string): string {
  const { day: number, month } = partsOf(Date.parse(`${day}T12:00:00Z`), 'UTC', {
    ...{ day: 'numeric', month: 'short' },
  });
  return `${number} ${month}`;
}

/** The day (YYYY-MM-DD) of a time in a zone. */
export function dayIn(at: string | number, zone: string): string {
  const { year, month, day } = partsOf(new Date(at).getTime(), zone, {
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
  });
  return `${year}-${month}-${day}`;
}

/**
 * The time at which clocks in `zone` show `time` (HH:MM) on `day` (YYYY-MM-DD), in Unix milliseconds; null: that is no
 * time. What clocks show twice is the first of the two.
 */
export function instantOf(day: string, time: string, zone: string): number | null {
  const parsed = /^(\d{1,2})[:.](\d{2})$/.exec(time.trim());
  if (!parsed || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return null;
  const [, hours, minutes] = parsed;
  if (Number(hours) > 24 || Number(minutes) > 59 || (hours === '24' && minutes !== '00')) return null;
  const asUtc = Date.parse(`${day}T00:00:00Z`) + (Number(hours) * 60 + Number(minutes)) * 60_000;
  if (Number.isNaN(asUtc)) return null;
  // The offset of a zone is what its clocks show less what they would show in UTC. The larger one gives the earlier time.
  const offsets = [asUtc - 86_400_000, asUtc + 86_400_000].map((at) => offsetOf(at, zone));
  const candidates = offsets.map((offset) => asUtc - offset).sort((a, b) => a - b);
  return candidates.find((at) => at + offsetOf(at, zone) === asUtc) ?? candidates[1]!;
}

function offsetOf(at: number, zone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(at, zone, {
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  const shown = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return shown - Math.floor(at / 1000) * 1000;
}
