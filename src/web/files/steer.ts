import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import {
  type Answer,
  type Page,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { type Job, type Stage, stageOf } from './job.ts';
import { apiOf, goneWords } from './one.ts';

/** Stopping, cancelling, pausing and resuming a file (spec 04, section 6.3). */

const either = ['send_texts', 'send_emails'] as const;

type Step = 'cancel' | 'stop' | 'pause' | 'resume';
type Taken = Readonly<{ data: Job; sent?: number; not_sent?: number }>;

/** null: the job exists, but cannot take the step any more. Throws NotFound if there is no such job. */
async function take(visit: ServiceVisit, step: Step): Promise<Taken | null> {
  try {
    const outcome = await visit.api.send<Taken>('POST', `${apiOf(visit)}/${step}`, {});
    if (!outcome.ok) throw new Unexpected(outcome);
    return outcome.data;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    await visit.api.get(apiOf(visit));
    return null;
  }
}

function tooLate(visit: ServiceVisit, sentence: string): Answer {
  const own = visit.at(`/files/${visit.params['job']}`);
  return page(
    'This is not possible any more',
    html`${heading(1, 'This is not possible any more')}${paragraph(sentence)}${paragraph(link(own, 'See how far the file is'))}`,
    { status: 400 },
  );
}

const nothingToStop = 'The file has ended already: there is nothing left to stop.';
const notScheduled = 'The file is not scheduled any more. If it is being sent, it can be stopped.';
const over: readonly Stage[] = ['ended', 'stopped', 'stopping', 'over limit', 'broken'];

const stop = servicePage('/files/:job/stop', either, {
  async get(visit) {
    const { data: job } = await visit.api.get<{ data: Job }>(apiOf(visit));
    return over.includes(stageOf(job, visit.now))
      ? redirect(visit.at(`/files/${job.id}`), { notDone: nothingToStop })
      : stopPage(visit, job, null);
  },
  async post(visit, form) {
    const { data: job } = await visit.api.get<{ data: Job }>(apiOf(visit));
    // Somebody pressed the button that promised that nothing has been sent.
    if (form.has('held') && stageOf(job, visit.now) !== 'held')
      return stopPage(visit, job, 'The pause is over: sending has begun.');
    const done = await take(visit, 'stop');
    if (done === null) return tooLate(visit, nothingToStop);
    const { sent = 0, not_sent: kept = 0 } = done;
    return redirect(
      visit.at(`/files/${job.id}`),
      sent === 0
        ? 'Stopped. Nothing has been sent.'
        : `Stopped. ${inFigures(sent)} had gone, ${inFigures(kept)} ${kept === 1 ? 'is' : 'are'} not sent.`,
    );
  },
});

function stopPage(visit: ServiceVisit, job: Job, before: string | null): Answer {
  return sure(visit, {
    title: 'Stop sending this file',
    content: html`${before === null ? null : paragraph(before)}${paragraph(goneWords(job))}${paragraph('What has not been handed over is not sent. A file that was stopped does not go on; one that was paused does.')}`,
    action: 'stop',
    text: 'Stop it',
    otherwise: 'Do not stop it',
    job,
    status: before === null ? 200 : 400,
  });
}

const cancel = servicePage('/files/:job/cancel', either, {
  async get(visit) {
    const { data: job } = await visit.api.get<{ data: Job }>(apiOf(visit));
    if (stageOf(job, visit.now) !== 'scheduled')
      return redirect(visit.at(`/files/${job.id}`), { notDone: notScheduled });
    return sure(visit, {
      title: 'Cancel this file',
      content: paragraph('Nothing of it will be sent. To send it after all, it has to be uploaded again.'),
      action: 'cancel',
      text: 'Cancel it',
      otherwise: 'Leave it scheduled',
      job,
      status: 200,
    });
  },
  async post(visit) {
    const done = await take(visit, 'cancel');
    if (done === null) return tooLate(visit, notScheduled);
    return redirect(visit.at(`/files/${done.data.id}`), 'Cancelled. Nothing of it is sent.');
  },
});

function sure(
  { at, fields }: ServiceVisit,
  asked: Readonly<{
    title: string;
    content: Html;
    action: Step;
    text: string;
    otherwise: string;
    job: Job;
    status: number;
  }>,
): Answer {
  const { title, content, action, text, otherwise, job, status } = asked;
  const own = at(`/files/${job.id}`);
  return page(
    title,
    html`${heading(1, title)}${paragraph(html`File: <span dir="auto">${job.original_file_name}</span>`)}${content}${postForm(
      { action: `${own}/${action}`, fields },
      button({ text, classes: 'govuk-button--warning', preventDoubleClick: true }),
    )}${paragraph(link(own, otherwise))}`,
    { back: { href: own, text: 'Back to the file' }, status },
  );
}

const pause = servicePage('/files/:job/pause', either, {
  async post(visit) {
    const done = await take(visit, 'pause');
    if (done === null) return tooLate(visit, 'The file has ended, or waits for its time.');
    return redirect(
      visit.at(`/files/${done.data.id}`),
      'Paused. What waits for longer than 72 hours is given up.',
    );
  },
});

const resume = servicePage('/files/:job/resume', either, {
  async post(visit) {
    const done = await take(visit, 'resume');
    if (done === null) return tooLate(visit, 'The file is not paused.');
    return redirect(visit.at(`/files/${done.data.id}`), 'It goes on.');
  },
});

export const steerPages: readonly Page[] = [stop, cancel, pause, resume];
