import { counted } from '../words/counts.ts';
import { durationText } from '../words/times.ts';
import type { Task } from './facts.ts';

/** When a periodic task runs, in words; what has no words is told as it is set. Pure. */
export function scheduleText(schedule: Task['schedule']): string {
  if (!('at' in schedule)) {
    const length = durationText(schedule.every_seconds);
    return `Every ${length.replace(/^1 /, '')}`;
  }
  const { at, zone } = schedule;
  const every = /^\*\/(\d+) \* \* \* \*$/.exec(at);
  if (every) return `Every ${counted(Number(every[1]), 'minute')}`;
  const hourly = /^(\d+) \* \* \* \*$/.exec(at);
  if (hourly) return `Every hour, at ${counted(Number(hourly[1]), 'minute')} past`;
  const [, minute, hour, day, month] = /^(\d+) (\d+) (\*|\d+) (\*|\d+) \*$/.exec(at) ?? [];
  const isDaily = day === '*' && month === '*';
  if (minute === undefined || hour === undefined || !(isDaily || (day !== '*' && month !== '*')))
    return `${at} (${zone})`;
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')} ${zoneWords(zone)}`;
  return isDaily ? `Every day at ${time}` : `Every ${dateWords(Number(day), Number(month))} at ${time}`;
}

const zoneWords = (zone: string) => {
  const place = zone.split('/').at(-1)!.replaceAll('_', ' ');
  return zone.includes('/') ? `in ${place}` : place;
};

function dateWords(day: number, month: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'long' });
  // A leap year has every date.
  return format.format(Date.UTC(2024, month - 1, day));
}
