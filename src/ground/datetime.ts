import type { Clock } from './clock.ts';

const iso8601 =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?(?:(Z)|([+-])(\d{2})(?::?(\d{2}))?)?)?$/i;
const day = 86_400_000;

/** The written time as if it were UTC, and its zone offset, both in milliseconds; null if it is not ISO 8601. */
function readDatetime(text: string): { written: number; offset: number } | null {
  const match = iso8601.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const milliseconds = Math.trunc(Number(`0.${match[7] ?? 0}`) * 1000);
  const time = new Date(Date.UTC(year, month - 1, date, hour, minute, second, milliseconds));
  const exists =
    time.getUTCMonth() === month - 1 && time.getUTCDate() === date && hour < 24 && minute < 60 && second < 60;
  if (!exists) return null;
  const sign = match[9] === '-' ? -1 : 1;
  return {
    written: time.getTime(),
    offset: sign * (Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0)) * 60_000,
  };
}

/** Parses an ISO 8601 date and time, UTC if it names no zone; null if it is not one. */
export function parseDatetime(text: string): Date | null {
  const read = readDatetime(text);
  return read && new Date(read.written - read.offset);
}

/**
 * The check of `scheduled_for`, an ISO 8601 date and time in the future; returns what is wrong, or null. For a service
 * that may not schedule, the value is checked and then ignored: at most 24 hours ahead, with the zone offset dropped
 * before the comparison with UTC (spec 01, section 3.2). For one that may (`maySchedule`): at most 7 days, and the
 * offset counts.
 */
export function datetimeFormat(clock: Clock, maySchedule: boolean): (text: string) => string | null {
  const days = maySchedule ? 7 : 1;
  return (text) => {
    const read = readDatetime(text);
    if (read === null)
      return 'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
    const time = maySchedule ? read.written - read.offset : read.written;
    if (time < clock.now()) return 'datetime can not be in the past';
    if (time > clock.now() + days * day)
      return `datetime can only be ${maySchedule ? '7 days' : '24 hours'} in the future`;
    return null;
  };
}
