import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { button, input, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import { type Answer, type Page, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { timeOf } from '../words/times.ts';
import { type Job, stageOf, stageTag, sumsOf } from './job.ts';
import { viewers } from './one.ts';

/** Files that were sent, and those that wait to be finished (spec 07, section 6). */

/** Statuses of jobs as they can be asked for, by the words for them. */
const states = {
  scheduled: { text: 'Scheduled', statuses: 'scheduled' },
  underway: { text: 'Under way', statuses: 'pending,in progress,paused' },
  done: { text: 'All rows begun', statuses: 'finished,finished all notifications created' },
  stopped: { text: 'Stopped', statuses: 'cancelled' },
  limit: { text: 'Limit reached', statuses: 'sending limits exceeded,error' },
} as const;
type State = keyof typeof states;

type Filter = Readonly<{
  state: State | null;
  template: string | null;
  list: string | null;
  mine: boolean;
  /** A part of the file's name. It may name a person, so it is never part of an address. */
  name: string;
  page: number;
}>;

type Jobs = Readonly<{
  data: readonly Job[];
  total: number;
  links: Readonly<{ next?: string; prev?: string }>;
}>;
type Waiting = Readonly<{
  id: string;
  original_file_name: string;
  notification_count: number;
  faulty_rows: number;
  created_at: string;
  expires_at: string;
}>;
type TemplateEntry = Readonly<{ id: string; name: string }>;

const files = servicePage('/files', viewers, {
  get: (visit) =>
    filesPage(
      visit,
      filterIn((name) => visit.query.get(name) ?? ''),
    ),
  post: (visit, form) => filesPage(visit, filterIn(form.text)),
});

function filterIn(text: (name: string) => string): Filter {
  const uuid = (given: string) => (/^[0-9a-f-]{36}$/.test(given) ? given : null);
  const state = text('state');
  return {
    state: Object.hasOwn(states, state) ? (state as State) : null,
    template: uuid(text('template')),
    list: uuid(text('list')),
    mine: text('by') === 'me',
    name: text('name').trim().slice(0, 200),
    page: /^[1-9]\d{0,2}$/.test(text('page')) ? Number(text('page')) : 1,
  };
}

async function filesPage(visit: ServiceVisit, filter: Filter): Promise<Answer> {
  const { api, service, at, may, person } = visit;
  const asked = new URLSearchParams({ page: String(filter.page) });
  if (filter.state !== null) asked.set('statuses', states[filter.state].statuses);
  if (filter.template !== null) asked.set('template_id', filter.template);
  if (filter.list !== null) asked.set('contact_list_id', filter.list);
  if (filter.mine) asked.set('created_by', person.id);
  if (filter.name !== '') asked.set('name', filter.name);
  const maySend = may('send_texts') || may('send_emails');
  const [jobs, waiting, templates] = await Promise.all([
    jobsOf(visit, asked),
    maySend ? api.getSoon<{ data: readonly Waiting[] }>(`/service/${service.id}/upload`) : null,
    api.getSoon<{ data: readonly TemplateEntry[] }>(`/service/${service.id}/template?detailed=False`),
  ]);
  const isFiltered =
    filter.state !== null ||
    filter.template !== null ||
    filter.list !== null ||
    filter.mine ||
    filter.name !== '';
  const emptyWords = isFiltered
    ? 'No file fits. Choose less, or look at all of them.'
    : html`No file has been sent yet. ${maySend ? html`Choose ${link(at('/templates'), 'one of your templates')} to send to a file of recipients.` : 'They appear here once somebody sends to a file of recipients.'}`;
  return page(
    'Files',
    html`${heading(1, 'Files')}${maySend ? paragraph(link(at('/contact-lists'), 'Contact lists')) : null}${waiting === null ? null : waitingList(visit, waiting.data)}${heading(2, 'Files that were sent')}${filterForm(visit, filter, templates?.data ?? [])}${
      isFiltered ? paragraph(link(at('/files'), 'All files')) : null
    }${jobTable(visit, jobs.data, emptyWords)}${pages(visit, filter, jobs)}`,
    { wide: true },
  );
}

async function jobsOf({ api, service }: ServiceVisit, asked: URLSearchParams): Promise<Jobs> {
  try {
    return await api.get<Jobs>(`/service/${service.id}/job?${asked}`);
  } catch (error) {
    // A page after the last one.
    if (error instanceof NotFound) return { data: [], total: 0, links: {} };
    throw error;
  }
}

function waitingList({ at, zone }: ServiceVisit, waiting: readonly Waiting[]): Html | null {
  if (waiting.length === 0) return null;
  return table({
    caption: 'Files that wait to be sent',
    head: [
      'File',
      { text: 'Rows', numeric: true },
      { text: 'Rows to mend', numeric: true },
      'Uploaded',
      'Kept until',
    ],
    rows: waiting.map((upload) => [
      {
        content: link(
          at(`/uploads/${upload.id}`),
          html`<span dir="auto">${upload.original_file_name}</span>`,
        ),
        header: true,
      },
      { content: inFigures(upload.notification_count), numeric: true },
      { content: inFigures(upload.faulty_rows), numeric: true },
      timeOf(upload.created_at, zone),
      timeOf(upload.expires_at, zone),
    ]),
  });
}

function filterForm(visit: ServiceVisit, filter: Filter, templates: readonly TemplateEntry[]): Html {
  return postForm(
    { action: visit.at('/files'), fields: visit.fields, attributes: { class: 'app-filter' } },
    select({
      name: 'state',
      label: 'Status',
      items: [
        { value: '', text: 'Any' },
        ...Object.entries(states).map(([value, { text }]) => ({
          value,
          text,
          selected: value === filter.state,
        })),
      ],
    }),
    select({
      name: 'template',
      label: 'Template',
      items: [
        { value: '', text: 'Any' },
        ...templates.map(({ id, name }) => ({ value: id, text: name, selected: id === filter.template })),
      ],
    }),
    select({
      name: 'by',
      label: 'Sent by',
      items: [
        { value: '', text: 'Anybody' },
        { value: 'me', text: 'Me', selected: filter.mine },
      ],
    }),
    input({
      name: 'name',
      label: 'Part of the file’s name',
      value: filter.name,
      attributes: { autocomplete: 'off' },
    }),
    html`<input type="hidden" name="list" value="${filter.list ?? ''}">`,
    button({ text: 'Show', classes: 'govuk-button--secondary' }),
  );
}

function jobTable({ at, zone, now }: ServiceVisit, jobs: readonly Job[], empty: Html | string): Html {
  return table({
    caption: 'Files that were sent',
    captionClasses: 'govuk-visually-hidden',
    head: [
      'File',
      'Template',
      'Status',
      ...['Rows', 'Delivered', 'Under way', 'Failed'].map((text) => ({ text, numeric: true })),
      'When',
    ],
    rows: jobs.map((job) => {
      const sums = sumsOf(job);
      const { text, tone } = stageTag(stageOf(job, now));
      const figure = (count: number) => ({ content: inFigures(count), numeric: true });
      return [
        {
          content: link(at(`/files/${job.id}`), html`<span dir="auto">${job.original_file_name}</span>`),
          header: true,
        },
        html`<span dir="auto">${job.template_name}</span>`,
        tag(text, tone),
        figure(job.rows_total),
        figure(sums.delivered),
        figure(sums['under way']),
        figure(sums.failed),
        timeOf(job.scheduled_for ?? job.created_at, zone),
      ];
    }),
    empty,
  });
}

/** Links, or, with a name that stays out of addresses, buttons. */
function pages(visit: ServiceVisit, filter: Filter, { links }: Jobs): Html | null {
  const hasNext = links.next !== undefined;
  const parameters = {
    ...(filter.state !== null && { state: filter.state }),
    ...(filter.template !== null && { template: filter.template }),
    ...(filter.list !== null && { list: filter.list }),
    ...(filter.mine && { by: 'me' }),
  };
  const to = (number: number) =>
    `${visit.at('/files')}?${new URLSearchParams({ ...parameters, page: String(number) })}`;
  if (filter.name === '')
    return pagination({
      previous: filter.page > 1 ? { href: to(filter.page - 1) } : null,
      next: hasNext ? { href: to(filter.page + 1) } : null,
    });
  const turn = (number: number, text: string) =>
    button({ text, name: 'page', value: String(number), classes: 'govuk-button--secondary' });
  if (!hasNext && filter.page === 1) return null;
  return postForm(
    { action: visit.at('/files'), fields: visit.fields },
    html`${Object.entries({ ...parameters, name: filter.name }).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<div class="app-actions">${filter.page > 1 ? turn(filter.page - 1, 'Previous page') : null}${hasNext ? turn(filter.page + 1, 'Next page') : null}</div>`,
  );
}

export const filesListPages: readonly Page[] = [files];
