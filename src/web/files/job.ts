import { counted, inFigures, messagesOf } from '../words/counts.ts';
import { groupOf, type StatusGroup } from '../words/statuses.ts';
import { clockText, timeInWords } from '../words/times.ts';

/** A job as pages read it (spec 04, section 6.2). */
export type Job = Readonly<{
  id: string;
  original_file_name: string;
  template: string;
  template_name: string;
  template_version: number;
  template_type: 'sms' | 'email';
  notification_count: number;
  job_status: string;
  created_at: string;
  scheduled_for: string | null;
  hold_until: string | null;
  processing_started: string | null;
  processing_finished: string | null;
  final_at: string | null;
  paused: boolean;
  resent_from: string | null;
  contact_list_id: string | null;
  created_by: Readonly<{ id: string; name: string }> | null;
  statistics: readonly Readonly<{ status: string; count: number }>[];
  rows_total: number;
  rows_done: number;
}>;

/** How far a job is: what people can do to it depends on it. */
export type Stage =
  | 'scheduled'
  | 'held'
  | 'waiting'
  | 'under way'
  | 'paused'
  | 'ended'
  | 'stopping'
  | 'stopped'
  | 'over limit'
  | 'broken';

export type Sums = Readonly<Record<StatusGroup, number>>;

/** Messages by what became of them. */
export function sumsOf({ statistics }: Pick<Job, 'statistics'>): Sums {
  const sums = { delivered: 0, 'under way': 0, failed: 0, cancelled: 0 };
  for (const { status, count } of statistics) sums[groupOf(status)] += count;
  return sums;
}

/** Pure. */
export function stageOf(job: Job, now: number): Stage {
  const { job_status: status, hold_until: hold, final_at: final, rows_done: done } = job;
  if (status === 'scheduled') return 'scheduled';
  if (status === 'cancelled') return sumsOf(job)['under way'] > 0 ? 'stopping' : 'stopped';
  if (status === 'sending limits exceeded') return 'over limit';
  if (status === 'error') return 'broken';
  if (status === 'paused') return 'paused';
  // That every message has ended is noted a moment later.
  const isOver = done >= job.rows_total && sumsOf(job)['under way'] === 0;
  if (final !== null || isOver) return 'ended';
  if (status === 'pending') return hold !== null && Date.parse(hold) > now && done === 0 ? 'held' : 'waiting';
  return 'under way';
}

const stageWords: Readonly<Record<Stage, string>> = {
  scheduled: 'Scheduled',
  held: 'About to be sent',
  waiting: 'About to be sent',
  'under way': 'Under way',
  paused: 'Paused',
  ended: 'Sent',
  stopping: 'Stopped',
  stopped: 'Stopped',
  'over limit': 'Not sent: limit reached',
  broken: 'Not sent: a fault',
};

/** The stage as a tag. */
export function stageTag(stage: Stage): Readonly<{ text: string; tone: 'good' | 'bad' | 'open' | 'quiet' }> {
  const tone =
    stage === 'ended'
      ? 'good'
      : stage === 'over limit' || stage === 'broken'
        ? 'bad'
        : stage === 'stopped' || stage === 'stopping'
          ? 'quiet'
          : 'open';
  return { text: stageWords[stage], tone };
}

/** How far a file is, in one or two sentences (spec 07, section 3). Pure. */
export function jobSentence(job: Job, zone: string, now: number): string {
  const { template_type: type, rows_total: total, rows_done: done } = job;
  const sums = sumsOf(job);
  const sent = done - sums.cancelled;
  switch (stageOf(job, now)) {
    case 'scheduled':
      return `${messagesOf(type, total)} will be sent from ${timeInWords(job.scheduled_for ?? job.created_at, zone)}.`;
    case 'held':
      return `Nothing has been sent yet. Sending begins at ${clockText(job.hold_until!, zone)}.`;
    case 'waiting':
      return 'Nothing has been sent yet. Sending is about to begin.';
    case 'paused':
      return `Paused: ${inFigures(done)} of ${counted(total, 'row')} were begun. Nothing more is handed over until it is resumed.`;
    case 'over limit':
      return 'Nothing was sent: the file has more rows than the service can still send on that day. Send it again tomorrow, or ask for a higher limit.';
    case 'broken':
      return 'Nothing was sent, because of a fault of ours. Tell the people who run this installation.';
    case 'stopped':
    case 'stopping':
      if (sent === 0) return 'Stopped: nothing has been sent.';
      return `Stopped: ${inFigures(sent)} of ${messagesOf(type, total)} had gone, ${inFigures(total - sent)} ${total - sent === 1 ? 'is' : 'are'} not sent.`;
    case 'under way':
      if (done < total)
        return `${inFigures(done)} of ${messagesOf(type, total)} have been begun${sums.failed > 0 ? `; ${counted(sums.failed, 'has', 'have')} failed so far` : ''}.`;
      return `Of ${messagesOf(type, total)}, ${inFigures(sums['under way'])} ${sums['under way'] === 1 ? 'is' : 'are'} still on the way.${failedWords(sums)}`;
    case 'ended':
      if (sums.failed + sums.cancelled === 0)
        return total === 1 ? 'It has been delivered.' : `All ${messagesOf(type, total)} have been delivered.`;
      return `${inFigures(sums.failed + sums.cancelled)} of ${messagesOf(type, total)} did not arrive.`;
  }
}

function failedWords({ failed }: Sums): string {
  if (failed === 0) return '';
  return ` ${inFigures(failed)} did not arrive.`;
}

/** What is said aloud while a page is open: the end, and every tenth of the way. */
export function announcement(job: Job, zone: string, now: number): string {
  const stage = stageOf(job, now);
  if (stage !== 'under way') return jobSentence(job, zone, now);
  const { rows_total: total, rows_done: done } = job;
  const over = done - sumsOf(job)['under way'];
  const tenth = total === 0 ? 0 : Math.floor((10 * over) / total);
  return `${tenth * 10}% of the messages have ended`;
}
