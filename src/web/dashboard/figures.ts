import type { PlotRow, Series } from '../plots/plot.ts';
import { rangeSentence } from '../plots/plot.ts';
import { counted, inFigures, messagesOf, percent } from '../words/counts.ts';
import { groupOf } from '../words/statuses.ts';
import { dayText, shortDay } from '../words/times.ts';

export type Type = 'sms' | 'email';
export const types: readonly Type[] = ['sms', 'email'];

/** Figures of one business day and type, as the API has them (spec 04, section 7.4). */
export type DayFigures = Readonly<{
  day: string;
  notification_type: Type;
  statuses: Readonly<Record<string, number>>;
}>;

type Sums = Readonly<{ delivered: number; underWay: number; failed: number }>;

/** What became of the messages of some days; cancelled ones count as nothing. */
export function sumsOf(figures: readonly DayFigures[]): Sums {
  const sums = { delivered: 0, underWay: 0, failed: 0 };
  for (const { statuses } of figures)
    for (const [status, count] of Object.entries(statuses)) {
      const group = groupOf(status);
      if (group === 'delivered') sums.delivered += count;
      else if (group === 'under way') sums.underWay += count;
      else if (group === 'failed') sums.failed += count;
    }
  return sums;
}

export const totalOfSums = ({ delivered, underWay, failed }: Sums): number => delivered + underWay + failed;

/** The days (YYYY-MM-DD) that end with `today`, oldest first. */
export function daysUntil(today: string, count: number): readonly string[] {
  const end = Date.parse(`${today}T00:00:00Z`);
  return Array.from({ length: count }, (_, index) =>
    new Date(end - (count - 1 - index) * 86_400_000).toISOString().slice(0, 10),
  );
}

export const daySeries: readonly Series[] = [
  { name: 'Delivered' },
  { name: 'Under way' },
  { name: 'Failed' },
];

/** Rows of the plot, one for each day, and its sentence (spec 07, section 9). `figures`: of any types. */
export function dayPlot(
  figures: readonly DayFigures[],
  today: string,
  count: number,
): Readonly<{ rows: readonly PlotRow[]; sentence: string; total: number }> {
  const days = daysUntil(today, count);
  const byDay = days.map((day) => ({ day, sums: sumsOf(figures.filter((one) => one.day === day)) }));
  const rows = byDay.map(({ day, sums: { delivered, underWay, failed } }) => ({
    label: dayText(day),
    short: day === today ? 'Today' : shortDay(day),
    values: [delivered, underWay, failed],
    unfinished: day === today,
  }));
  const totals = byDay.map(({ sums }) => totalOfSums(sums));
  const total = totals.reduce((sum, each) => sum + each, 0);
  const failed = byDay.reduce((sum, { sums }) => sum + sums.failed, 0);
  // Today is not over, and would often be the least.
  const range = rangeSentence(totals.length > 1 ? totals.slice(0, -1) : totals, 'a day');
  const sentence =
    total === 0
      ? `No messages in ${count} days.`
      : `${range} before today, ${inFigures(totals.at(-1)!)} today so far; ${percent(failed, total)} failed.`;
  return { rows, sentence, total };
}

export type JobEntry = Readonly<{
  id: string;
  original_file_name: string | null;
  job_status: string;
  notification_count: number;
  rows_done?: number;
  created_at: string;
  scheduled_for: string | null;
  final_at: string | null;
}>;

/** Something that is wrong, in a sentence. `path`: the page of the service that says more. */
export type Trouble = Readonly<{ text: string; path: string | null; link: string | null }>;

/**
 * What is wrong with a service, worst first (spec 07, section 3): what stops it, what will stop it, and what did not
 * arrive within 7 days. `used`: messages of today by type, as the daily limits count them; null: not known.
 */
export function troubles({
  isActive,
  limits,
  used,
  week,
  jobs,
  now,
}: Readonly<{
  isActive: boolean;
  limits: Readonly<Record<Type, number>>;
  used: Readonly<Record<Type, number>> | null;
  week: readonly DayFigures[];
  jobs: readonly JobEntry[];
  now: number;
}>): readonly Trouble[] {
  const found: Trouble[] = [];
  if (!isActive)
    found.push({
      text: 'This service is suspended: it sends nothing. Ask the people who run this installation.',
      ...{ path: null, link: null },
    });
  for (const type of types) {
    if (used === null || limits[type] <= 0) continue;
    const left = Math.max(0, limits[type] - used[type]);
    if (left === 0)
      found.push({
        text: `Today’s ${messagesOf(type, limits[type])} ${limits[type] === 1 ? 'has' : 'have'} been sent. More are refused until midnight in London.`,
        ...{ path: '/settings', link: 'Settings' },
      });
    else if (left * 10 <= limits[type])
      found.push({
        text: `Only ${inFigures(left)} of today’s ${messagesOf(type, limits[type])} ${left === 1 ? 'is' : 'are'} left.`,
        ...{ path: '/settings', link: 'Settings' },
      });
  }
  for (const job of jobs)
    if (job.job_status === 'sending limits exceeded' && now - Date.parse(job.created_at) < 86_400_000)
      found.push({
        text: `The file “${job.original_file_name ?? 'without a name'}” was not sent: it has more rows than could still be sent that day.`,
        ...{ path: `/files/${job.id}`, link: 'The file' },
      });
  const failures = failureSentence(week);
  if (failures !== null)
    found.push({ text: failures, path: '/messages?status=failed', link: 'Failed messages' });
  return found;
}

/** "12 of 4,000 did not arrive in the last 7 days. 9 phone numbers do not exist." null: all arrived. */
function failureSentence(week: readonly DayFigures[]): string | null {
  const sums = sumsOf(week);
  if (sums.failed === 0) return null;
  const of = (type: Type, status: string) =>
    week
      .filter((one) => one.notification_type === type)
      .reduce((sum, { statuses }) => sum + (statuses[status] ?? 0), 0);
  const both = (status: string) => of('sms', status) + of('email', status);
  const numbers = of('sms', 'permanent-failure');
  const addresses = of('email', 'permanent-failure');
  const reasons = [
    numbers === 0 ? null : `${counted(numbers, 'phone number')} ${numbers === 1 ? 'does' : 'do'} not exist`,
    addresses === 0
      ? null
      : `${counted(addresses, 'email address', 'email addresses')} ${addresses === 1 ? 'does' : 'do'} not exist`,
    both('temporary-failure') === 0
      ? null
      : `${inFigures(both('temporary-failure'))} could not be reached, or nobody confirmed in time`,
    both('technical-failure') === 0
      ? null
      : `${inFigures(both('technical-failure'))} failed for a technical reason`,
    both('validation-failed') === 0
      ? null
      : `${inFigures(both('validation-failed'))} could not be sent as they were`,
  ].filter((reason) => reason !== null);
  return `${inFigures(sums.failed)} of ${counted(totalOfSums(sums), 'message')} of the last 7 days did not arrive. ${reasons.join('; ')}.`;
}

/** Files that are not done: scheduled ones first, then those under way. */
export function openJobs(jobs: readonly JobEntry[]): readonly JobEntry[] {
  const isOpen = ({ job_status: status, final_at: final }: JobEntry) =>
    ['scheduled', 'pending', 'in progress', 'paused'].includes(status) ||
    (status.startsWith('finished') && final === null);
  return jobs
    .filter(isOpen)
    .toSorted((a, b) => Number(b.job_status === 'scheduled') - Number(a.job_status === 'scheduled'));
}
