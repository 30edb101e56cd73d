import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, summaryList, table, tag } from '../components/content.ts';
import { button, postForm, tickBox } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { isMember, membersOnly } from '../frame/members.ts';
import { type Page, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { horizontalBars, progressBar } from '../plots/bars.ts';
import { figuresCsv } from '../plots/plot.ts';
import { counted, inFigures } from '../words/counts.ts';
import { recipientView } from '../words/phones.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { clockText, timeInWords } from '../words/times.ts';
import { announcement, type Job, jobSentence, type Stage, stageOf, stageTag, sumsOf } from './job.ts';

/** How far one file is, and what became of its rows (spec 07, section 6). */

export const viewers = ['view_activity', 'send_texts', 'send_emails'] as const;

/** The path of a job in the API. */
export function apiOf({ service, params }: ServiceVisit): string {
  return `/service/${service.id}/job/${encodeURIComponent(params['job'] ?? '')}`;
}

export function maySend({ may }: ServiceVisit, { template_type: type }: Pick<Job, 'template_type'>): boolean {
  return may(type === 'sms' ? 'send_texts' : 'send_emails');
}

type Row = Readonly<{
  id: string;
  to: string;
  status: string;
  reason: string | null;
  job_row_number: number;
  next_attempt_at: string | null;
  resent_as: Readonly<{ job: string }> | null;
}>;

/** Groups of statuses that the rows can be looked at by, as the API names them. */
const filters: readonly Readonly<{ name: string; text: string; statuses: readonly string[] }>[] = [
  { name: '', text: 'All', statuses: [] },
  { name: 'failed', text: 'Failed', statuses: ['failed'] },
  { name: 'sending', text: 'Under way', statuses: ['created', 'sending', 'pending'] },
  { name: 'delivered', text: 'Delivered', statuses: ['delivered', 'sent'] },
  { name: 'cancelled', text: 'Cancelled', statuses: ['cancelled'] },
];

const one = servicePage('/files/:job', viewers, {
  live: true,
  async get(visit) {
    const { api, query, at, now, zone } = visit;
    const filter = filters.find(({ name }) => name === (query.get('status') ?? '')) ?? filters[0]!;
    const from = /^\d{1,9}$/.exec(query.get('from') ?? '')?.[0] ?? null;
    // An open page brings only its regions up to date, which have no rows.
    const isLive = query.has('_live');
    const [{ data: job }, rows, why] = await Promise.all([
      isLive ? api.subject<{ data: Job }>(apiOf(visit)) : api.get<{ data: Job }>(apiOf(visit)),
      isLive || !isMember(visit) ? null : rowsOf(visit, filter.statuses, from),
      reasonsOf(visit, isLive),
    ]);
    const own = at(`/files/${job.id}`);
    const mayAct = maySend(visit, job);
    return page(
      'A file',
      html`${heading(1, html`<span dir="auto">${job.original_file_name}</span>`)}${visit.region(
        'file-progress',
        progress(visit, job, why, own, mayAct),
        announcement(job, zone, now),
      )}${mayAct ? postForm({ action: `${own}/pause`, fields: visit.fields, attributes: { id: 'steer' } }) : null}<noscript>${paragraph(html`This is how it was at ${clockText(now, zone)}. ${link(own, 'Refresh')}`)}</noscript>${facts(visit, job)}${downloads(job, own, mayAct, visit)}${rowPart(
        visit,
        job,
        own,
        filter,
        from,
        rows,
        mayAct,
      )}`,
      { back: { href: at('/files'), text: 'All files' }, wide: true },
    );
  },
});

async function rowsOf(
  visit: ServiceVisit,
  statuses: readonly string[],
  from: string | null,
): Promise<readonly Row[] | null> {
  const asked = new URLSearchParams(statuses.map((status): [string, string] => ['status', status]));
  asked.set('from_row', from ?? '0');
  const found = await visit.api.getSoon<{ notifications: readonly Row[] }>(
    `${apiOf(visit)}/notifications?${asked}`,
  );
  return found?.notifications ?? null;
}

function progress(visit: ServiceVisit, job: Job, why: Reasons | null, own: string, mayAct: boolean): Html {
  const { zone, now } = visit;
  const stage = stageOf(job, now);
  const { text, tone } = stageTag(stage);
  const sums = sumsOf(job);
  const sentence = jobSentence(job, zone, now);
  const ended = sums.delivered + sums.failed + sums.cancelled;
  const isMoving = stage === 'under way' || stage === 'paused' || stage === 'stopping';
  return html`${paragraph(tag(text, tone))}${paragraph(sentence, 'govuk-body-l')}${
    isMoving
      ? html`<progress class="app-progress" max="${job.rows_total}" value="${ended}" aria-label="Messages that have ended">${ended} of ${job.rows_total}</progress>`
      : null
  }${
    job.rows_done === 0
      ? null
      : progressBar({
          id: 'file-bar',
          sentence,
          series: [
            { name: `Delivered: ${inFigures(sums.delivered)}`, look: 1 },
            { name: `Under way: ${inFigures(sums['under way'])}`, look: 2 },
            { name: `Failed: ${inFigures(sums.failed)}`, look: 3 },
            { name: `Cancelled: ${inFigures(sums.cancelled)}`, look: 4 },
          ],
          values: [sums.delivered, sums['under way'], sums.failed, sums.cancelled],
          total: job.rows_total,
        })
  }${reasons(job, why, own)}${mayAct ? levers(stage, own) : null}`;
}

/** Why messages did not arrive, with counts. */
function reasons(job: Job, why: Reasons | null, own: string): Html | null {
  const { template_type: type } = job;
  const failed = job.statistics.filter(({ status }) => groupOf(status) === 'failed');
  if (failed.length === 0) return null;
  const total = failed.reduce((sum, { count }) => sum + count, 0);
  // What is known for longer than messages are kept.
  const byStatus = failed.map(({ status, count }) => ({ reason: statusText(type, status), count }));
  const shown = (why?.data.length ? [...why.data] : byStatus).sort((one, other) => other.count - one.count);
  const most = shown[0]!;
  const counted = shown.reduce((sum, { count }) => sum + count, 0);
  return horizontalBars({
    ...{ id: 'reasons', heading: 'Why messages did not arrive' },
    sentence: `${counted < total ? `Of ${inFigures(total)} that failed, the reasons of ${inFigures(counted)} were counted` : `${inFigures(total)} failed`}; ${shown.length === 1 ? 'all for one reason' : `most often, ${inFigures(most.count)}: ${most.reason.replace(/\.$/, '')}`}.`,
    series: reasonSeries,
    rows: shown.map(({ reason, count }) => ({ label: reason, values: [count] })),
    ...{ rowHeader: 'Reason', csvHref: `${own}/reasons.csv` },
  });
}

const reasonSeries = [{ name: 'Messages', look: 3 }] as const;

type Reasons = Readonly<{
  data: readonly Readonly<{ status: string; reason: string; count: number }>[];
  counted: number;
}>;
/** Counting looks at thousands of messages, so for whoever watches it is done less often than the rest. */
const reasonMilliseconds = 5000;

/** null: they are not there in time, or not for this person. */
async function reasonsOf(visit: ServiceVisit, isLive: boolean): Promise<Reasons | null> {
  const path = `${apiOf(visit)}/reasons`;
  const asked = isLive
    ? visit.api.subject<Reasons>(path, reasonMilliseconds)
    : visit.api.getSoon<Reasons>(path);
  return await asked.catch(() => null);
}

const reasonsFile = servicePage('/files/:job/reasons.csv', viewers, {
  async get(visit) {
    const { data } = await visit.api.get<Reasons>(`${apiOf(visit)}/reasons`);
    const rows = data.map(({ reason, count }) => ({ label: reason, values: [count] }));
    return figuresCsv('reasons', { rowHeader: 'Reason', series: reasonSeries, rows });
  },
});

/** What can be done to a file now. The form is outside of what is brought up to date, so that its token stays. */
function levers(stage: Stage, own: string): Html | null {
  const press = (step: string, text: string, value?: string) =>
    button({
      text,
      ...(value !== undefined && { name: 'held', value }),
      classes: 'govuk-button--secondary',
      attributes: { form: 'steer', formaction: `${own}/${step}` },
    });
  const lead = (step: string, text: string) =>
    button({ text, href: `${own}/${step}`, classes: 'govuk-button--warning' });
  const all: Partial<Record<Stage, readonly Html[]>> = {
    scheduled: [lead('cancel', 'Cancel it')],
    held: [press('stop', 'Stop, nothing has been sent', '1')],
    waiting: [press('pause', 'Pause'), lead('stop', 'Stop')],
    'under way': [press('pause', 'Pause'), lead('stop', 'Stop')],
    paused: [press('resume', 'Resume'), lead('stop', 'Stop')],
  };
  const shown = all[stage];
  return shown ? html`<div class="app-actions">${shown}</div>` : null;
}

function facts({ at, zone }: ServiceVisit, job: Job): Html {
  const { created_by: author, resent_from: original, contact_list_id: list } = job;
  return summaryList({
    rows: [
      {
        key: 'Template',
        value: html`${link(at(`/templates/${job.template}`), html`<span dir="auto">${job.template_name}</span>`)}, version ${job.template_version}`,
      },
      {
        key: 'Sent by',
        value: html`${author === null ? 'a program' : html`<span dir="auto">${author.name}</span>`}, ${timeInWords(job.created_at, zone)}`,
      },
      ...(original === null
        ? []
        : [{ key: 'Sends again', value: link(at(`/files/${original}`), 'messages of another file') }]),
      ...(list === null
        ? []
        : [{ key: 'Contact list', value: link(at(`/contact-lists/${list}`), 'the list that it went to') }]),
    ],
  });
}

function downloads(job: Job, own: string, mayAct: boolean, visit: ServiceVisit): Html | null {
  if (job.rows_done === 0 || !isMember(visit)) return null;
  const { failed } = sumsOf(job);
  return html`<div class="app-actions govuk-body">${
    failed > 0 && mayAct
      ? postForm(
          { action: visit.at('/messages/again'), fields: visit.fields },
          html`<input type="hidden" name="job" value="${job.id}"><input type="hidden" name="status" value="failed">`,
          button({
            text:
              failed === 1 ? 'Send the failed one again' : `Send the ${inFigures(failed)} failed ones again`,
          }),
        )
      : null
  }${link(`${own}/csv`, 'Download all rows with what became of them')}${failed > 0 ? link(`${own}/csv?status=failed`, 'Download the failed ones') : null}</div>`;
}

function rowPart(
  visit: ServiceVisit,
  job: Job,
  own: string,
  filter: (typeof filters)[number],
  from: string | null,
  rows: readonly Row[] | null,
  mayAct: boolean,
): Html | null {
  const { may, person } = visit;
  if (job.rows_done === 0) return null;
  if (!isMember(visit)) return paragraph('Operators see figures, not recipients or contents.');
  if (!may('view_activity') && job.created_by?.id !== person.id)
    return paragraph(
      'To see the rows of what others sent, you need the permission “See messages and figures”.',
    );
  if (rows === null) return paragraph('The rows are not available at the moment.');
  return rowList(visit, job, own, filter, from, rows, mayAct);
}

function rowList(
  visit: ServiceVisit,
  job: Job,
  own: string,
  filter: (typeof filters)[number],
  from: string | null,
  rows: readonly Row[],
  mayAct: boolean,
): Html {
  const { at, zone } = visit;
  const sums = sumsOf(job);
  const counts: Record<string, number> = {
    '': job.rows_done,
    failed: sums.failed,
    sending: sums['under way'],
    delivered: sums.delivered,
    cancelled: sums.cancelled,
  };
  const href = (name: string, start: number | null) => {
    const parameters = new URLSearchParams({
      ...(name !== '' && { status: name }),
      ...(start !== null && { from: String(start) }),
    });
    return `${own}${parameters.size > 0 ? `?${parameters}` : ''}`;
  };
  const choices = filters
    .filter(({ name }) => name === '' || name === filter.name || counts[name]! > 0)
    .map(({ name, text }) => {
      const words = `${text}: ${inFigures(counts[name]!)}`;
      return name === filter.name
        ? html`<li><strong aria-current="true">${words}</strong></li>`
        : html`<li>${link(href(name, null), words)}</li>`;
    });
  const isChoosing = mayAct && rows.some((row) => groupOf(row.status) === 'failed' && row.resent_as === null);
  const shown = rows.map((row) => rowCells(visit, job, row, isChoosing));
  const list = table({
    caption: 'Rows',
    captionClasses: 'govuk-visually-hidden',
    head: [...(isChoosing ? ['Again'] : []), 'Row', 'Recipient', 'Status', 'Why'],
    rows: shown,
    empty: from === null ? 'There are none.' : 'There are no more.',
  });
  const last = rows.at(-1)?.job_row_number;
  return html`${heading(2, 'Rows')}<nav aria-label="Rows by what became of them"><ul class="app-choices govuk-body">${choices}</ul></nav>${
    isChoosing
      ? postForm(
          { action: at('/messages/again'), fields: visit.fields },
          list,
          button({ text: 'Send the ticked ones again', classes: 'govuk-button--secondary' }),
        )
      : list
  }${pagination({
    previous: from === null ? null : { href: href(filter.name, null), text: 'First page' },
    next:
      last !== undefined && last + 1 < job.rows_total
        ? { href: href(filter.name, last + 1), text: 'Next rows' }
        : null,
  })}${rows.some(({ next_attempt_at: next }) => next !== null) ? paragraph(`Times are those of ${zone}.`, 'app-quiet') : null}`;
}

function rowCells({ at, zone }: ServiceVisit, job: Job, row: Row, isChoosing: boolean) {
  const number = row.job_row_number + 1;
  const canGo = groupOf(row.status) === 'failed' && row.resent_as === null;
  const box = canGo
    ? tickBox({ id: `again-${number}`, name: 'ids', value: row.id, what: `Send row ${number} again` })
    : '';
  const why =
    row.resent_as !== null
      ? html`${row.reason ?? ''} ${link(at(`/files/${row.resent_as.job}`), 'Sent again')}`
      : (row.reason ??
        (row.next_attempt_at === null ? '' : `Next try ${timeInWords(row.next_attempt_at, zone)}`));
  return [
    ...(isChoosing ? [box] : []),
    { content: inFigures(number), header: true },
    link(at(`/messages/${row.id}`), recipientView(row.to)),
    tag(statusText(job.template_type, row.status), groupTone[groupOf(row.status)]),
    why,
  ];
}

/** What became of the rows, with the columns of the file. */
const csv = servicePage('/files/:job/csv', viewers, {
  async get(visit) {
    membersOnly(visit);
    const status = visit.query.get('status');
    const isKnown = ['sending', 'delivered', 'failed', 'cancelled'].includes(status ?? '');
    const file = await visit.api.download(`${apiOf(visit)}/csv${isKnown ? `?status=${status}` : ''}`);
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="${isKnown ? `${status}-` : ''}rows.csv"`,
      },
      body: file.body,
    };
  },
});

/** How many have gone, for the page that asks whether to stop. */
export function goneWords(job: Job): string {
  const gone = job.rows_done - sumsOf(job).cancelled;
  if (gone === 0) return 'Nothing of it has gone yet.';
  return `${counted(gone, 'message has gone or is', 'messages have gone or are')} about to go, which cannot be undone.`;
}

export const onePages: readonly Page[] = [one, csv, reasonsFile];
