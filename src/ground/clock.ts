/** The only source of the time. Everything that depends on the time takes a Clock, so that tests can move it. */
export type Clock = {
  /** Now, in whole milliseconds of Unix time (UTC). */
  now(): number;
};

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that goes by another machine's, as last measured. */
export type MeasuredClock = Clock & {
  /** How many milliseconds this machine's own clock was ahead at the last measurement; negative: behind. */
  readonly skew: number;
  /** Asks for the time. Rejects if that fails; the clock then runs on from the measurement before. */
  measure(): Promise<void>;
};

/** A later measurement that took longer says too little: the time may have been read at any moment of it. */
const longestMeasurement = 1000;

/**
 * A clock that goes by the time that `ask` returns (Unix milliseconds, may have a fraction), and in between by the
 * monotonic clock: changing the time of this machine does not move it (docs/decisions/0018). It goes by this machine's
 * own clock `own` until the first measurement.
 */
export function createMeasuredClock(own: Clock, ask: () => Promise<number>): MeasuredClock {
  let base = own.now();
  let sinceBase = stopwatch();
  let skew: number | null = null;
  return {
    now: () => Math.floor(base + sinceBase()),
    get skew() {
      return skew ?? 0;
    },
    async measure() {
      const took = stopwatch();
      const asked = await ask();
      const milliseconds = took();
      if (skew !== null && milliseconds > longestMeasurement) return;
      base = asked + milliseconds / 2;
      sinceBase = stopwatch();
      skew = own.now() - base;
    },
  };
}

/** Milliseconds since the call, by a monotonic clock. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => performance.now() - started;
}

const fractions = Array.from({ length: 1000 }, (_, millisecond) => String(millisecond).padStart(3, '0'));
let second = Number.NaN;
/** The last second that was written, up to its fraction. */
let writtenSecond = '';

/**
 * A time in whole milliseconds of Unix time as `toISOString` writes it, at a tenth of its cost: most are of the same
 * second as the one before, and every message has several. Throws a RangeError for what is no time.
 */
export function isoTime(time: number): string {
  const own = Math.floor(time / 1000);
  if (own !== second) {
    writtenSecond = new Date(own * 1000).toISOString().slice(0, -'000Z'.length);
    second = own;
  }
  return `${writtenSecond}${fractions[time - own * 1000]}Z`;
}

/** UTC with six digits of fraction, as in v2 timestamps: `2026-11-21T18:30:00.123000Z` (spec 01, section 3.7). */
export function isoMicroseconds(time: Date): string {
  return `${isoTime(time.getTime()).slice(0, -1)}000Z`;
}

/** The business zone: figures, limits and retention go by its days (spec 06, section 1.2). */
const zone = 'Europe/London';
const asDate = new Intl.DateTimeFormat('en-CA', { timeZone: zone });
const asTime = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });

/** The day of the last time that was asked for, and the hour that it was in. */
let known = { hour: Number.NaN, day: '' };

/**
 * The business zone's day (YYYY-MM-DD) at a time in Unix milliseconds, since 1972. Each of its days begins on the hour,
 * and batches ask again and again for that of now.
 */
export function dayOf(time: number): string {
  const hour = Math.floor(time / 3_600_000);
  if (hour !== known.hour) known = { hour, day: asDate.format(time) };
  return known.day;
}

/** The start of a day in the business zone, in Unix milliseconds. `day` is YYYY-MM-DD and must exist. */
export function dayStart(day: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Clocks change after midnight, so the offset at midnight UTC is also that at the start of the day.
  return midnight - (Date.parse(`${asTime.format(midnight).replace(' ', 'T')}Z`) - midnight);
}

/** The day `days` later, or earlier if `days` is negative. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** `2017-05-02 14:03:07`: local time in London without offset, as SMS providers write it (spec 05, section 6). */
export function londonTime(unixMilliseconds: number): string {
  return asTime.format(unixMilliseconds);
}

/** Reads what `londonTime` writes, as Unix milliseconds; null if it is nothing like it. */
export function parseLondonTime(text: string): number | null {
  const read = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) ? readDatetime(text) : null;
  if (!read) return null;
  // London is at most an hour ahead, so the offset an hour earlier decides where the clocks change.
  const offset = Date.parse(`${londonTime(read.written - hour).replace(' ', 'T')}Z`) - (read.written - hour);
  return read.written - offset;
}

const hour = 3_600_000;

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
 * What is wrong with `scheduled_for`, an ISO 8601 date and time in the future; null when nothing is. For a service that
 * may not schedule, the value is checked and then ignored: at most 24 hours ahead, with the zone offset dropped before
 * the comparison with UTC (spec 01, section 3.2). For one that may (`maySchedule`): at most 7 days, and the offset
 * counts.
 */
export function scheduleFault(text: string, clock: Clock, maySchedule: boolean): string | null {
  const read = readDatetime(text);
  if (read === null)
    return 'datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601';
  const time = maySchedule ? read.written - read.offset : read.written;
  if (time < clock.now()) return 'datetime can not be in the past';
  if (time > clock.now() + (maySchedule ? 7 : 1) * day)
    return `datetime can only be ${maySchedule ? '7 days' : '24 hours'} in the future`;
  return null;
}
