import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { button, errorSummary, postForm, radios, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { membersOnly } from '../frame/members.ts';
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
import { clockText, dayIn, instantOf, timeInWords, timeOf } from '../words/times.ts';

/** Files with what became of messages, made in the background (spec 03, section 6.4; spec 07, section 6). */

type Report = Readonly<{
  id: string;
  status: string;
  reason: string | null;
  row_count: number;
  parameter: Readonly<{
    notification_type: 'sms' | 'email';
    notification_status: string;
    job_id?: string;
    created_from?: string | null;
    created_before?: string | null;
  }>;
  created_at: string;
}>;

const types = { sms: 'Text messages', email: 'Emails' } as const;
const statuses = { all: 'All', delivered: 'Delivered', failed: 'Failed', sending: 'Under way' } as const;
/** How many days back a report goes; 0: today. */
const periods = [
  { value: '', text: 'Everything that is kept' },
  { value: '0', text: 'Today' },
  { value: '6', text: 'The last 7 days' },
  { value: '29', text: 'The last 30 days' },
] as const;

const day = 86_400_000;

const list = servicePage('/downloads', 'view_activity', {
  live: true,
  get: (visit) => listPage(visit, null, []),
  async post(visit, form) {
    const { api, service, person, at } = visit;
    const type = form.text('type');
    const status = form.text('status');
    const days = form.text('days');
    const errors: Fault[] = [];
    if (!Object.hasOwn(types, type)) errors.push({ text: 'Choose text messages or emails.', href: '#type' });
    if (!Object.hasOwn(statuses, status)) errors.push({ text: 'Choose a status.', href: '#status' });
    if (!periods.some(({ value }) => value === days)) errors.push({ text: 'Choose a time.', href: '#days' });
    if (errors.length > 0) return listPage(visit, form, errors);
    const outcome = await api.send<{ data: Report }>(
      'POST',
      `/service/${service.id}/report-request`,
      {
        ...{ user_id: person.id, report_type: 'notifications_report' },
        ...{ notification_type: type, notification_status: status },
        ...(days !== '' && { created_from: dayStart(visit, Number(days)) }),
      },
      form.id,
    );
    if (outcome.ok)
      return redirect(at('/downloads'), 'The file is being made. You can leave this page meanwhile.');
    return listPage(
      visit,
      form,
      Object.values(outcome.fields)
        .flat()
        .map((text) => ({ text, href: '#type' })),
    );
  },
});

type Fault = Readonly<{ text: string; href: string }>;

/** The start of the reader's day so many days ago. */
function dayStart({ zone, now }: ServiceVisit, days: number): string {
  // Noon is the same day whatever clocks do.
  const noon = instantOf(dayIn(now, zone), '12:00', zone)!;
  return new Date(instantOf(dayIn(noon - days * day, zone), '00:00', zone)!).toISOString();
}

async function listPage(visit: ServiceVisit, form: Form | null, errors: readonly Fault[]): Promise<Answer> {
  membersOnly(visit);
  const { api, service, zone, now } = visit;
  const path = `/service/${service.id}/report-request`;
  const read = visit.query.has('_live') ? api.subject : api.get;
  const { data } = await read<{ data: readonly Report[] }>(path);
  const making = data.filter(({ status }) => status === 'pending' || status === 'in progress').length;
  const said =
    making === 0
      ? `No file is being made`
      : `${making === 1 ? '1 file is' : `${making} files are`} being made`;
  return page(
    'Downloads',
    html`${errorSummary(errors)}${heading(1, 'Downloads')}${paragraph('A file lists messages and what became of each, for a spreadsheet. It is made while you do something else, and kept for at least a day.')}${visit.region('downloads', reportTable(visit, data), said)}${making > 0 ? html`<noscript>${paragraph(html`This is how it was at ${clockText(now, zone)}. ${link(visit.at('/downloads'), 'Refresh')}`)}</noscript>` : null}${makeForm(visit, form, errors)}`,
    { isError: errors.length > 0, status: errors.length > 0 ? 400 : 200, wide: true },
  );
}

function reportTable(visit: ServiceVisit, reports: readonly Report[]): Html {
  const { at, zone } = visit;
  return table({
    caption: 'Files',
    captionClasses: 'govuk-visually-hidden',
    head: ['What', 'Status', { text: 'Rows', numeric: true }, 'Asked for', 'Kept until', 'Actions'],
    rows: reports.map((report) => {
      const isMade = report.status === 'stored';
      const hasEnded = isMade || report.status === 'failed';
      const what = wordsOf(report, zone);
      return [
        { content: what, header: true },
        stateOf(report),
        { content: inFigures(report.row_count), numeric: true },
        timeOf(report.created_at, zone),
        hasEnded ? timeOf(keptUntil(report), zone) : '',
        html`<span class="app-links">${isMade ? html`${link(at(`/downloads/${report.id}/csv`), html`Download<span class="govuk-visually-hidden"> ${what}</span>`)} ` : null}${hasEnded ? link(at(`/downloads/${report.id}/delete`), html`Delete<span class="govuk-visually-hidden"> ${what}</span>`) : null}</span>`,
      ];
    }),
    empty: 'No file has been made yet. Choose below which messages it is to list.',
  });
}

/** At 02:00 in London those that are a day old are deleted. */
function keptUntil({ created_at: created }: Report): number {
  const london = 'Europe/London';
  const dayOld = Date.parse(created) + day;
  const night = instantOf(dayIn(dayOld, london), '02:00', london)!;
  return night >= dayOld ? night : instantOf(dayIn(night + 1.5 * day, london), '02:00', london)!;
}

function stateOf({ status, reason }: Report): Html {
  if (status === 'stored') return tag('Ready', 'good');
  if (status === 'failed')
    return html`${tag('Failed', 'bad')} ${reason ?? ''} ${'Choose a shorter time, or ask for it again.'}`;
  return tag(status === 'pending' ? 'Waiting' : 'Being made', 'open');
}

function wordsOf({ parameter }: Report, zone: string): string {
  const { notification_type: type, notification_status: status, created_from: from, job_id: job } = parameter;
  const group =
    status === 'all' ? '' : `, ${(statuses[status as keyof typeof statuses] ?? status).toLowerCase()}`;
  const of = job === undefined ? '' : ', of one file';
  return `${types[type]}${group}${of}${from == null ? '' : `, from ${timeInWords(from, zone)}`}`;
}

function makeForm(visit: ServiceVisit, form: Form | null, errors: readonly Fault[]): Html {
  const faultAt = (field: string) => {
    const fault = errors.find(({ href }) => href === `#${field}`);
    return fault ? { text: fault.text } : null;
  };
  const chosen = (field: string, value: string, usual: string) => (form?.text(field) ?? usual) === value;
  return html`${heading(2, 'Make a file')}${postForm(
    { action: visit.at('/downloads'), fields: visit.fields },
    radios({
      name: 'type',
      legend: 'Of which messages?',
      legendClasses: 'govuk-fieldset__legend--s',
      error: faultAt('type'),
      items: Object.entries(types).map(([value, text]) => ({
        value,
        text,
        selected: chosen('type', value, ''),
      })),
    }),
    select({
      name: 'status',
      label: 'Status',
      error: faultAt('status'),
      items: Object.entries(statuses).map(([value, text]) => ({
        value,
        text,
        selected: chosen('status', value, 'all'),
      })),
    }),
    select({
      name: 'days',
      label: 'Sent when?',
      error: faultAt('days'),
      items: periods.map(({ value, text }) => ({ value, text, selected: chosen('days', value, '') })),
    }),
    button({ text: 'Make the file', preventDoubleClick: true }),
  )}`;
}

function apiOf({ service, params }: ServiceVisit): string {
  return `/service/${service.id}/report-request/${encodeURIComponent(params['report'] ?? '')}`;
}

const take = servicePage('/downloads/:report/csv', 'view_activity', {
  async get(visit) {
    membersOnly(visit);
    const file = await visit.api.download(`${apiOf(visit)}/csv`);
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': 'attachment; filename="messages.csv"',
      },
      body: file.body,
    };
  },
});

const remove = servicePage('/downloads/:report/delete', 'view_activity', {
  async get(visit) {
    const { data: report } = await visit.api.get<{ data: Report }>(apiOf(visit));
    const own = visit.at('/downloads');
    return page(
      'Delete this download',
      html`${heading(1, 'Delete this download')}${paragraph(`${wordsOf(report, visit.zone)}. Asked for on ${timeInWords(report.created_at, visit.zone)}.`)}${paragraph('The file is gone at once, for everybody in the service. The messages stay, so it can be made again.')}${postForm({ action: `${own}/${report.id}/delete`, fields: visit.fields }, button({ text: 'Delete the file', classes: 'govuk-button--warning', preventDoubleClick: true }))}${paragraph(link(own, 'Keep it'))}`,
      { back: { href: own, text: 'Back to the downloads' } },
    );
  },
  async post(visit) {
    const outcome = await visit.api.send('DELETE', apiOf(visit), undefined);
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(visit.at('/downloads'), 'The file was deleted.');
  },
});

/** Downloads (spec 07, section 6). */
export const downloadsPages: readonly Page[] = [list, take, remove];
