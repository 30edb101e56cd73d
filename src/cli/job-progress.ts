import { setTimeout as sleep } from 'node:timers/promises';
import { stopwatch } from '../ground/clock.ts';
import type { AdminCall } from './admin-call.ts';
import { ask } from './ask.ts';

/** A job, as the API shows it. */
export type Job = Readonly<{
  id: string;
  original_file_name: string;
  job_status: string;
  scheduled_for: string | null;
  final_at: string | null;
  rows_total: number;
  rows_done: number;
  statistics: readonly Readonly<{ status: string; count: number }>[];
}>;

const pollMilliseconds = 500;
/** Where lines stay, one is written as rarely as this. */
const lineMilliseconds = 5000;
/** Jobs in these go no further, whether or not they have messages. */
const ended: readonly string[] = ['cancelled', 'sending limits exceeded', 'error'];
const open: readonly string[] = ['created', 'sending', 'pending'];
const succeeded: readonly string[] = ['delivered', 'sent'];

const count = (job: Job, statuses: readonly string[]) =>
  job.statistics.filter(({ status }) => statuses.includes(status)).reduce((sum, one) => sum + one.count, 0);

/** What became of a job, for people; `failed`: messages that ended in another way than they should, and unsent ones. */
export function summaryOf(job: Job): { text: string; failed: number } {
  const counts = job.statistics.map(({ status, count }) => `${count.toLocaleString('en-GB')} ${status}`);
  const failed = job.rows_done - count(job, [...open, ...succeeded]);
  const unsent = ended.includes(job.job_status) ? job.rows_total - job.rows_done : 0;
  const at = job.scheduled_for === null ? '' : `, for ${job.scheduled_for}`;
  const lines = [
    `${job.id}  ${job.original_file_name}`,
    `${job.job_status}${at}: ${job.rows_done.toLocaleString('en-GB')} of ${job.rows_total.toLocaleString('en-GB')} rows are messages`,
    ...(counts.length > 0 ? [counts.join(', ')] : []),
  ];
  return { text: lines.join('\n'), failed: failed + unsent };
}

/** Waits until every message of a job has ended, and shows on standard error how far it is. */
export async function watch(call: AdminCall, path: string): Promise<Job> {
  const elapsed = stopwatch();
  const { isTTY } = process.stderr;
  let sinceLine = stopwatch();
  let isFirst = true;
  for (;;) {
    const { data: job } = await ask<{ data: Job }>(call, 'GET', path);
    const isOver = job.final_at !== null || (ended.includes(job.job_status) && count(job, open) === 0);
    if (isTTY) process.stderr.write(`\r\u001b[K${progressOf(job, elapsed())}${isOver ? '\n' : ''}`);
    else if (isFirst || isOver || sinceLine() >= lineMilliseconds) {
      process.stderr.write(`${progressOf(job, elapsed())}\n`);
      sinceLine = stopwatch();
    }
    isFirst = false;
    if (isOver) return job;
    await sleep(pollMilliseconds);
  }
}

const barWidth = 24;

/** One line: a bar, the messages that have ended of all, their rate, and about how long the rest takes. */
export function progressOf(job: Job, milliseconds: number): string {
  const { rows_total: total, rows_done: done, job_status: status } = job;
  const over = done - count(job, open);
  const share = total === 0 ? 1 : over / total;
  const filled = Math.floor(share * barWidth);
  const perSecond = milliseconds > 0 ? (over * 1000) / milliseconds : 0;
  const failed = over - count(job, succeeded);
  const left = perSecond > 0 && over < total ? `, ${duration((total - over) / perSecond)} left` : '';
  return [
    `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`,
    `${over.toLocaleString('en-GB')} of ${total.toLocaleString('en-GB')}`,
    `(${Math.floor(share * 100)} %, ${Math.round(perSecond)}/s${left})`,
    `${failed.toLocaleString('en-GB')} failed, ${status}`,
  ].join(' ');
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
