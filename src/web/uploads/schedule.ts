import type { Form } from '../frame/form.ts';
import { dayIn, dayText, instantOf } from '../words/times.ts';

/** When a file is sent: at once, or on a day and hour of the reader's zone. */

/** Days that are offered; which of them are too late, the API says. */
const days = 8;
const day = 86_400_000;

export const hours: readonly string[] = Array.from({ length: 24 }, (_, hour) =>
  String(hour).padStart(2, '0'),
);

/** `at`: Unix milliseconds; null: at once. */
export type Time = Readonly<{ at: number | null } | { fault: string; field: string }>;

/** The days from today on, as a select offers them. */
export function daysFrom(zone: string, now: number): readonly Readonly<{ value: string; text: string }>[] {
  const found = new Map<string, string>();
  // By half days, so that none is left out where clocks change.
  for (let half = 0; half < 2 * days; half += 1) {
    const value = dayIn(now + (half * day) / 2, zone);
    found.set(value, dayText(value));
  }
  return [...found].slice(0, days).map(([value, text], index) => ({
    value,
    text: index === 0 ? `Today, ${text}` : text,
  }));
}

/** When a form says. Pure. */
export function timeIn(form: Pick<Form, 'text'>, zone: string, now: number): Time {
  const when = form.text('when');
  if (when === 'now') return { at: null };
  if (when !== 'later') return { fault: 'Choose when it is sent.', field: 'when' };
  if (!hours.includes(form.text('hour'))) return { fault: 'Choose an hour.', field: 'hour' };
  const at = instantOf(form.text('day'), `${form.text('hour')}:00`, zone);
  if (at === null) return { fault: 'Choose a day.', field: 'day' };
  return at <= now ? { fault: 'This time is over: choose a later one.', field: 'day' } : { at };
}
