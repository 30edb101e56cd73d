import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { timeOf } from '../words/times.ts';
import { type Reader, valueText } from './values.ts';
import { changesIn, earlierValues, fieldText, kindNames, kindText, messagesIn, reasonIn } from './words.ts';

type Event = Readonly<{
  id: string;
  event_type: string;
  user_id: string | null;
  subject_id: string | null;
  data: unknown;
  created_at: string;
  user_name: string | null;
  by_operator: boolean;
}>;
type Named = Readonly<{ id: string; name: string }>;

/** The most that the API lists at a time. */
const pageSize = 250;

/** Who changed what, from what to what (spec 07, section 6). */
const history = servicePage('/history', 'manage_settings', {
  async get(visit) {
    const { api, service, at, query } = visit;
    const asked = new URLSearchParams();
    for (const name of ['user_id', 'type', 'older_than'])
      if (query.get(name)) asked.set(name, query.get(name)!);
    const base = `/service/${service.id}`;
    const [list, members, templates, folders] = await Promise.all([
      api.get<{ events: readonly Event[] }>(`${base}/events?${asked}`),
      api.getSoon<{ data: readonly Named[] }>(`${base}/users`),
      api.getSoon<{ data: readonly Named[] }>(`${base}/template?detailed=False`),
      api.getSoon<{ template_folders: readonly Named[] }>(`${base}/template-folder`),
    ]);
    const people = members?.data ?? [];
    const named = [people, templates?.data ?? [], folders?.template_folders ?? []].flat();
    const names = new Map(named.map(({ id, name }) => [id, name]));
    const last = list.events.at(-1);
    const isFiltered = asked.has('user_id') || asked.has('type');
    const next = new URLSearchParams(asked);
    if (last) next.set('older_than', last.id);
    return page(
      'History',
      html`${heading(1, 'History')}${paragraph('Who changed what in this service, the newest first.')}${filter(visit, people)}${table(
        {
          caption: 'Changes',
          head: ['When', 'Who', 'What', 'Details', 'Restore'],
          rows: list.events.map((event) => row(visit, event, people, names)),
          empty: isFiltered ? 'Nothing fits the filter.' : 'Nothing has been changed yet.',
        },
      )}${pagination({
        next:
          last && list.events.length === pageSize
            ? { href: `${at('/history')}?${next}`, text: 'Earlier' }
            : null,
      })}`,
      { wide: true, back: { href: at('/settings'), text: 'Settings' } },
    );
  },
});

function row(
  visit: ServiceVisit,
  event: Event,
  people: readonly Named[],
  names: ReadonlyMap<string, string>,
) {
  const { zone, at, fields, person } = visit;
  const subject = subjectOf(visit, event, names);
  const earlier = earlierValues(event.event_type, event.data, person.isOperator);
  return [
    { content: timeOf(event.created_at, zone), header: true },
    whoOf(event, people),
    html`${kindText(event.event_type)}${subject === null ? null : html`: ${subject}`}`,
    changes(event, { names, zone }),
    earlier === null
      ? ''
      : postForm(
          { action: at('/history/restore'), fields },
          html`<input type="hidden" name="values" value="${JSON.stringify(earlier)}">`,
          button({
            text: html`Restore<span class="govuk-visually-hidden"> what was before ${timeOf(event.created_at, zone)}</span>`,
            classes: 'govuk-button--secondary',
          }),
        ),
  ];
}

/** What an event is about, by its name where there is one; null: the event says enough, or it is not to be seen. */
function subjectOf(
  { at }: ServiceVisit,
  { event_type: type, subject_id: id, data }: Event,
  names: ReadonlyMap<string, string>,
): Html | null {
  const name = names.get(id ?? '') ?? messagesIn(data);
  if (name !== null) return html`<span dir="auto">${name}</span>`;
  return id !== null && type.endsWith('_template') ? link(at(`/templates/${id}`), 'see it') : null;
}

/** Operators who are not in the team are named as what they are. */
function whoOf({ user_id, user_name, by_operator }: Event, people: readonly Named[]): Html {
  if (user_id === null) return html`The platform`;
  const isMember = people.some(({ id }) => id === user_id);
  const note = isMember ? null : by_operator ? 'operator of the platform' : 'no longer in the team';
  return html`<span dir="auto">${user_name ?? 'Somebody'}</span>${note === null ? null : html`<br><span class="app-quiet">${note}</span>`}`;
}

function changes({ data }: Event, reader: Reader): Html | string {
  const all = changesIn(data);
  const reason = reasonIn(data);
  if (all.length === 0 && reason === null) return '';
  const value = (field: string, given: unknown) =>
    html`<span dir="auto">${valueText(field, given, reader)}</span>`;
  return html`<ul class="govuk-list govuk-!-margin-bottom-0">${reason === null ? null : html`<li>Reason: <span dir="auto">${reason}</span></li>`}${all.map(
    ({ field, before, after }) =>
      html`<li>${fieldText(field)}: ${before === undefined || after === undefined ? value(field, before ?? after) : html`${value(field, before)} → ${value(field, after)}`}</li>`,
  )}</ul>`;
}

function filter({ at, query }: ServiceVisit, people: readonly Named[]): Html {
  const who = query.get('user_id') ?? '';
  const type = query.get('type') ?? '';
  return html`<form method="get" action="${at('/history')}" class="app-actions">${select({
    name: 'user_id',
    label: 'Who',
    items: [
      { value: '', text: 'Everybody' },
      ...people.map(({ id, name }) => ({ value: id, text: name, selected: id === who })),
    ],
  })}${select({
    name: 'type',
    label: 'What',
    items: [
      { value: '', text: 'Everything' },
      ...kindNames.map((name) => ({ value: name, text: kindText(name), selected: name === type })),
    ],
  })}${button({ text: 'Filter', classes: 'govuk-button--secondary' })}${who || type ? link(at('/history'), 'Show all') : null}</form>`;
}

/** Sets the earlier values again, which is a change like any other: it stands in the history, and can be undone. */
const restore = servicePage('/history/restore', 'manage_settings', {
  get: ({ at }) => redirect(at('/history')),
  async post({ api, service, at, person }, form) {
    const before = parsed(form.text('values'));
    const values = earlierValues('update_service', { before }, person.isOperator);
    if (values === null) return redirect(at('/history'), { notDone: 'There is nothing to restore.' });
    const saved = await api.send('POST', `/service/${service.id}`, values, form.id);
    return redirect(
      at('/history'),
      saved.ok
        ? 'The earlier values are set again.'
        : { notDone: `Nothing was changed: ${Object.values(saved.fields).flat().join(' ')}` },
    );
  },
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const historyPages: readonly Page[] = [history, restore];
