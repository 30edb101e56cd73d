import { type Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';
import { type Cell, details, heading, paragraph, table, tag } from '../components/content.ts';
import { button, postForm, select, tickBox } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { horizontalBars } from '../plots/bars.ts';
import { figuresCsv } from '../plots/plot.ts';
import { inFigures } from '../words/counts.ts';
import { recipientView } from '../words/phones.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { dayIn, dayText, timeOf } from '../words/times.ts';
import {
  addressOf,
  apiQuery,
  dayPlus,
  failures,
  failureWords,
  filterOf,
  filterWords,
  isFiltered,
  type MessageFilter,
  statusChoices,
} from './filter.ts';
import { firstWords, type Message } from './message.ts';

const perPage = 50;
const uuid = /^[0-9a-f-]{36}$/i;
/** Who may see a service's messages, or those they sent. */
export const readers = ['view_activity', 'send_texts', 'send_emails'] as const;

type Listing = Readonly<{ notifications: readonly Message[]; links: Readonly<{ next?: boolean }> }>;
type Template = Readonly<{ id: string; name: string; template_type: 'sms' | 'email' }>;
type Retention = Readonly<{ notification_type: string; days_of_retention: number }>;
type Day = Readonly<{
  day: string;
  notification_type: string;
  template_id?: string;
  statuses: Readonly<Record<string, number>>;
}>;

/** Days for which messages are kept, by type; 7 unless a service chose otherwise (spec 04, section 1.13). */
export async function retentionOf({
  api,
  service,
}: ServiceVisit): Promise<Readonly<{ sms: number; email: number }>> {
  // The same for whoever may open the page, and needs a permission that readers of messages do not have.
  const found = await api.subject<readonly Retention[]>(`/service/${service.id}/data-retention`);
  const days = (type: string) => found.find((one) => one.notification_type === type)?.days_of_retention ?? 7;
  return { sms: days('sms'), email: days('email') };
}

/** What became of many messages (spec 07, section 6). */
const list = servicePage('/messages', readers, {
  async get(visit) {
    const { api, service, query } = visit;
    const base = `/service/${service.id}`;
    const filter = filterOf(query);
    const olderThan = uuid.test(query.get('older_than') ?? '') ? query.get('older_than')! : null;
    const asked = apiQuery(filter, {
      page_size: String(perPage),
      ...(olderThan !== null && { older_than: olderThan }),
    });
    const [messages, templates, retention, reasons] = await Promise.all([
      api.get<Listing>(`${base}/notifications?${asked}`),
      api.getSoon<{ data: readonly Template[] }>(`${base}/template?detailed=False`),
      retentionOf(visit),
      failuresOf(visit, filter),
    ]);
    const shown = messages.notifications;
    const last = shown.at(-1);
    const next =
      last && messages.links.next ? visit.at(`/messages${addressOf(filter, { older_than: last.id })}`) : null;
    return listPage(visit, {
      ...{ filter, shown, templates: templates?.data ?? [], retention, reasons, olderThan, next },
    });
  },
});

/** How many failed in which way, of the same messages as the list; null: it is no list of failed ones. */
async function failuresOf(
  visit: ServiceVisit,
  filter: MessageFilter,
): Promise<Readonly<Record<string, number>> | null> {
  const { jobId, keyId, senderId, status, type, templateId, tests } = filter;
  if (status !== 'failed' || keyId !== null || senderId !== null || !visit.may('view_activity')) return null;
  if (jobId !== null) return await failuresOfFile(visit, filter, jobId);
  const today = dayIn(visit.now, 'Europe/London');
  const query = new URLSearchParams({
    from: filter.from ?? dayPlus(today, -90),
    to: filter.until ?? today,
    by: templateId === null ? 'type' : 'template',
    ...(tests && { include_from_test_key: 'True' }),
  });
  const found = await visit.api
    .getSoon<{ data: readonly Day[] }>(`/service/${visit.service.id}/statistics/daily?${query}`)
    .catch(() => null);
  if (found === null) return null;
  const counts: Record<string, number> = {};
  for (const { notification_type, template_id, statuses } of found.data) {
    if (type !== null && notification_type !== type) continue;
    if (templateId !== null && template_id !== templateId) continue;
    for (const failure of failures) counts[failure] = (counts[failure] ?? 0) + (statuses[failure] ?? 0);
  }
  return counts;
}

/** Those of a file, as far as they can be counted; with other filters they cannot. */
async function failuresOfFile(
  { api, service }: ServiceVisit,
  { type, templateId, from, until }: MessageFilter,
  jobId: string,
): Promise<Readonly<Record<string, number>> | null> {
  if ([type, templateId, from, until].some((one) => one !== null)) return null;
  type Reasons = Readonly<{ data: readonly Readonly<{ status: string; count: number }>[] }>;
  const found = await api.getSoon<Reasons>(`/service/${service.id}/job/${jobId}/reasons`).catch(() => null);
  if (found === null) return null;
  const counts: Record<string, number> = {};
  for (const { status, count } of found.data) counts[status] = (counts[status] ?? 0) + count;
  return counts;
}

type Listed = Readonly<{
  filter: MessageFilter;
  shown: readonly Message[];
  templates: readonly Template[];
  retention: Readonly<{ sms: number; email: number }>;
  reasons: Readonly<Record<string, number>> | null;
  olderThan: string | null;
  next: string | null;
}>;

function listPage(visit: ServiceVisit, listed: Listed): Answer {
  const { filter, shown, reasons, olderThan, next, templates } = listed;
  const names = namesOf(visit, shown, templates);
  const mayRead = visit.may('view_activity');
  const on = filterWords(filter, names);
  const about =
    on.length > 0
      ? `These filters are on: ${on.join('; ')}.`
      : mayRead
        ? 'All messages of this service, newest first.'
        : 'The messages that you sent, newest first.';
  return page(
    'Messages',
    html`${heading(1, 'Messages')}${paragraph(html`<span dir="auto">${about}</span> ${isFiltered(filter) ? link(visit.at('/messages'), 'Take all filters off') : null}`)}${filterForm(visit, listed, shown.length === 0)}${reasons === null ? null : reasonsPlot(visit, filter, reasons)}${
      shown.length === 0 ? nothing(visit, listed) : rows(visit, listed)
    }${pagination({
      previous:
        olderThan === null
          ? null
          : { href: visit.at(`/messages${addressOf(filter)}`), text: 'Newest messages' },
      next: next === null ? null : { href: next, text: 'Older messages' },
    })}`,
    { wide: true },
  );
}

/** What things are called, as far as the page knows. */
function namesOf(
  { person }: ServiceVisit,
  shown: readonly Message[],
  templates: readonly Template[],
): ReadonlyMap<string, string> {
  const names = new Map(templates.map(({ id, name }) => [id, name]));
  names.set(person.id, 'you');
  for (const { template, job, api_key: key, key_name: keyName, created_by: by } of shown) {
    names.set(template.id, template.name);
    if (job?.original_file_name) names.set(job.id, job.original_file_name);
    if (key !== null && keyName !== null) names.set(key, keyName);
    if (by && by.id !== person.id) names.set(by.id, by.name);
  }
  return names;
}

function filterForm(visit: ServiceVisit, { filter, templates, retention }: Listed, isOpen: boolean): Html {
  const { person } = visit;
  const today = dayIn(visit.now, 'Europe/London');
  const days = Array.from({ length: Math.max(retention.sms, retention.email) + 1 }, (_, index) =>
    dayPlus(today, -index),
  );
  const kept = (name: string, value: string | null) =>
    value === null ? null : html`<input type="hidden" name="${name}" value="${value}">`;
  const choose = (
    name: string,
    label: string,
    chosen: string | null,
    choices: readonly (readonly [string, string])[],
  ) =>
    select({
      ...{ name, id: `filter-${name}`, label },
      items: choices.map(([value, text]) => ({ value, text, selected: value === (chosen ?? '') })),
    });
  const dayChoices = days.map((day) => [day, day === today ? 'Today' : dayText(day)] as const);
  const sender = filter.senderId !== null && filter.senderId !== person.id ? filter.senderId : null;
  return details({
    summary: 'Filter',
    open: isOpen && isFiltered(filter),
    id: 'filter',
    content: html`<form method="get" action="${visit.at('/messages')}"><div class="app-fields">${joined([
      choose('type', 'Type', filter.type, [
        ['', 'All'],
        ['sms', 'Text messages'],
        ['email', 'Emails'],
      ]),
      choose('status', 'What became of it', filter.status, statusChoices),
      choose('template', 'Template', filter.templateId, [
        ['', 'All'],
        ...templates.map(({ id, name }) => [id, name] as const),
        // One that is deleted, or could not be read.
        ...(filter.templateId !== null && !templates.some(({ id }) => id === filter.templateId)
          ? [[filter.templateId, 'The template chosen before'] as const]
          : []),
      ]),
      visit.may('view_activity')
        ? choose('sender', 'Sent by', filter.senderId, [
            ['', 'Anybody'],
            [person.id, 'You, by hand or from a file'],
            ...(sender === null ? [] : [[sender, 'The person chosen before'] as const]),
          ])
        : null,
      choose('from', 'From', filter.from, [['', 'The first day that is kept'], ...dayChoices]),
      choose('until', 'Until', filter.until, [['', 'Now'], ...dayChoices]),
      choose('tests', 'Test keys', filter.tests ? '1' : null, [
        ['', 'Without their messages'],
        ['1', 'With their messages'],
      ]),
    ])}</div>${kept('file', filter.jobId)}${kept('key', filter.keyId)}${button({ text: 'Show these', classes: 'govuk-button--secondary' })}<p class="govuk-body app-quiet">Days are those of London.</p></form>`,
  });
}

function reasonsPlot(
  visit: ServiceVisit,
  filter: MessageFilter,
  counts: Readonly<Record<string, number>>,
): Html | null {
  const found = failures
    .map((status) => ({ status, count: counts[status] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  if (found.length === 0) return null;
  const total = found.reduce((sum, { count }) => sum + count, 0);
  const most = found[0]!;
  return horizontalBars({
    id: 'reasons',
    heading: 'Why they failed',
    sentence:
      found.length === 1
        ? `${inFigures(total)} failed, all for one reason`
        : `${inFigures(total)} failed; most often: ${failureWords(most.status, filter.type).toLowerCase()}, ${inFigures(most.count)}`,
    rowHeader: 'Reason',
    csvHref: visit.at(`/messages/reasons.csv${addressOf(filter)}`),
    series: [{ name: 'Messages', look: 3 }],
    rows: found.map(({ status, count }) => ({ label: failureWords(status, filter.type), values: [count] })),
    hrefs: found.map(({ status }) => visit.at(`/messages${addressOf({ ...filter, status })}`)),
  });
}

const reasonsCsv = servicePage('/messages/reasons.csv', 'view_activity', {
  async get(visit) {
    const filter = filterOf(visit.query);
    const counts =
      (await failuresOf(visit, { ...filter, status: 'failed', keyId: null, senderId: null })) ?? {};
    return figuresCsv('reasons', {
      rowHeader: 'Reason',
      series: [{ name: 'Messages' }],
      rows: failures.map((status) => ({
        label: failureWords(status, filter.type),
        values: [counts[status] ?? 0],
      })),
    });
  },
});

function rows(visit: ServiceVisit, { filter, shown }: Listed): Html {
  const mayAgain = visit.may('send_texts') || visit.may('send_emails');
  const isDone = ({ status, resent_as: again }: Message) => groupOf(status) !== 'under way' && again === null;
  const choosable = mayAgain && shown.some(isDone);
  const content = shown.map((message): Cell[] => [
    ...(choosable ? [isDone(message) ? box(message) : ''] : []),
    {
      content: link(visit.at(`/messages/${message.id}`), recipientView(message.to)),
      header: true,
    },
    html`<span dir="auto">${firstWords(message)}</span>`,
    html`${tag(statusText(message.notification_type, message.status), groupTone[groupOf(message.status)])}${message.key_type === 'test' ? html` <span class="app-quiet">test</span>` : null}`,
    timeOf(message.created_at, visit.zone),
  ]);
  const tableOf = table({
    caption: 'Messages',
    captionClasses: 'govuk-visually-hidden',
    head: [...(choosable ? ['Choose'] : []), 'Recipient', 'Begins', 'Status', 'Sent'],
    rows: content,
  });
  const download = visit.may('view_activity')
    ? link(visit.at(`/messages/download${addressOf(filter)}`), 'Download all of these as CSV')
    : null;
  if (!choosable) return html`${tableOf}${download === null ? null : paragraph(download)}`;
  const done = shown.filter(isDone);
  return html`${postForm(
    { action: visit.at('/messages/again'), fields: visit.fields },
    tableOf,
    html`<div class="app-actions">${button({ text: 'Send the chosen ones again', classes: 'govuk-button--secondary' })}${download}</div>`,
  )}${
    filter.status === null || groupOfFilter(filter.status) !== 'failed'
      ? null
      : postForm(
          { action: visit.at('/messages/again'), fields: visit.fields },
          html`${done.map(({ id }) => html`<input type="hidden" name="ids" value="${id}">`)}`,
          button({
            text:
              done.length === 1
                ? 'Send the one on this page again'
                : `Send all ${done.length} on this page again`,
            classes: 'govuk-button--secondary',
          }),
        )
  }`;
}

const groupOfFilter = (status: string) => (status === 'failed' ? 'failed' : groupOf(status));

function box({ id }: Message): Html {
  return tickBox({ id: `choose-${id}`, name: 'ids', value: id, what: `Choose message ${id}` });
}

function nothing(visit: ServiceVisit, { filter, retention, olderThan }: Listed): Html {
  const { sms, email } = retention;
  const kept =
    sms === email
      ? `Messages are kept for ${days(sms)}.`
      : `Text messages are kept for ${days(sms)}, emails for ${days(email)}.`;
  if (olderThan !== null) return paragraph(`There are no older messages. ${kept}`);
  if (isFiltered(filter)) return paragraph(`No message fits these filters. ${kept}`);
  const mayTry = visit.may('send_texts') || visit.may('send_emails');
  return html`${paragraph(`${visit.may('view_activity') ? 'This service has' : 'You have'} no messages. ${kept}`)}${mayTry ? paragraph(link(visit.at('/try'), 'Send your first message')) : null}`;
}

const days = (count: number) => (count === 1 ? '1 day' : `${count} days`);

/** The same messages as a file. */
const download = servicePage('/messages/download', 'view_activity', {
  async get(visit) {
    const { status, headers, body } = await visit.api.download(
      `/service/${visit.service.id}/notifications/csv?${apiQuery(filterOf(visit.query))}`,
    );
    return {
      kind: 'file',
      status,
      headers: {
        'Content-Type': headers['content-type'] ?? 'text/csv; charset=utf-8',
        'Content-Disposition': 'attachment; filename="messages.csv"',
      },
      body,
    };
  },
});

export const listPages = [list, download, reasonsCsv];
