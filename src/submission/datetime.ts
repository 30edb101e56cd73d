import type { Clock } from '../clock.ts';
import type { Format } from '../http/schema.ts';

const iso8601 =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;
const day = 86_400_000;

/**
 * `scheduled_for`: an ISO 8601 date and time within the next 24 hours. A zone offset is dropped before the
 * comparison with UTC (spec 01, section 3.2).
 */
export function datetimeFormat(clock: Clock): Format {
  return (text) => {
    const match = iso8601.exec(text);
    const [year, month, date, hour = 0, minute = 0, second = 0] = (match ?? [])
      .slice(1, 7)
      .map((part) => (part === undefined ? undefined : Number(part)));
    const milliseconds = Math.trunc(Number(`0.${match?.[7] ?? 0}`) * 1000);
    const time = match && new Date(Date.UTC(year!, month! - 1, date, hour, minute, second, milliseconds));
    const exists =
      time &&
      time.getUTCMonth() === month! - 1 &&
      time.getUTCDate() === date &&
      hour! < 24 &&
      minute! < 60 &&
      second! < 60;
    if (!exists)
      return 'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
    if (time.getTime() < clock.now()) return 'datetime can not be in the past';
    if (time.getTime() > clock.now() + day) return 'datetime can only be 24 hours in the future';
    return null;
  };
}
