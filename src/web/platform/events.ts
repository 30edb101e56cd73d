import { Readable } from 'node:stream';
import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, errorSummary, input, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import type { Api } from '../frame/api.ts';
import { operatorPage, page } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { eventName, eventNames, eventTable, eventText } from './event-words.ts';
import type { EventFacts } from './facts.ts';

const path = '/platform/events';
const shownAtOnce = 50;
const mostDownloaded = 10_000;

const filters = { service_id: 'Id of a service', user_id: 'Id of who did it' } as const;

const isId = (text: string) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text);

/** The filters of the address that can be used. */
function filterOf(query: URLSearchParams): Readonly<{ filter: URLSearchParams; faults: readonly string[] }> {
  const filter = new URLSearchParams();
  const faults: string[] = [];
  for (const name of Object.keys(filters)) {
    const value = (query.get(name) ?? '').trim();
    if (value === '') continue;
    if (isId(value)) filter.set(name, value);
    else faults.push(name);
  }
  const type = query.get('type') ?? '';
  if (type !== '') filter.set('type', type);
  return { filter, faults };
}

/** Who did what, everywhere (spec 07, section 7). */
const events = operatorPage(path, {
  async get(visit) {
    const { api, query } = visit;
    const { filter, faults } = filterOf(query);
    const older = query.get('older_than') ?? '';
    const asked = new URLSearchParams(filter);
    if (isId(older)) asked.set('older_than', older);
    const found = await api.get<{ events: readonly EventFacts[] }>(`/events?${asked}`);
    const shown = found.events.slice(0, shownAtOnce);
    const next = new URLSearchParams(filter);
    next.set('older_than', shown.at(-1)?.id ?? '');
    const type = filter.get('type') ?? '';
    const types = [...new Set([...Object.keys(eventNames), ...(type === '' ? [] : [type])])];
    const texts = faults.map((name) => ({ text: 'This is not an id.', href: `#${name}` }));
    return page(
      'Events',
      html`${errorSummary(texts)}${heading(1, 'Events')}<form method="get" action="${path}" class="app-filter">${select(
        {
          ...{ name: 'type', label: 'What' },
          items: [
            { value: '', text: 'Everything', selected: type === '' },
            ...types
              .toSorted((one, other) => eventName(one).localeCompare(eventName(other)))
              .map((value) => ({ value, text: eventName(value), selected: value === type })),
          ],
        },
      )}${Object.entries(filters).map(([name, label]) =>
        input({
          ...{
            name,
            label,
            value: query.get(name) ?? '',
            attributes: { autocomplete: 'off', spellcheck: 'false' },
          },
          error: faults.includes(name) ? { text: 'This is not an id.' } : null,
        }),
      )}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</form>${eventTable('Events, newest first', shown, visit, true)}${paragraph('Of what belongs to services and people, only figures and the names of what changed are shown. Events are kept for 52 weeks.')}${paragraph(link(`${path}.csv?${filter}`, `Download the last ${inFigures(mostDownloaded)} of these as CSV`))}${pagination({ next: found.events.length > shownAtOnce ? { href: `${path}?${next}`, text: 'Older ones' } : null })}`,
      { wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
    );
  },
});

const download = operatorPage(`${path}.csv`, {
  async get({ api, query }) {
    const { filter } = filterOf(query);
    // The first page is read before the answer begins: an API that is away is a page that says so.
    const first = await eventsAfter(api, filter, null);
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': 'attachment; filename="events.csv"',
      },
      body: Readable.from(csvOf(api, filter, first)),
    };
  },
});

async function eventsAfter(api: Api, filter: URLSearchParams, last: string | null) {
  const asked = new URLSearchParams(filter);
  if (last !== null) asked.set('older_than', last);
  return (await api.get<{ events: readonly EventFacts[] }>(`/events?${asked}`)).events;
}

const columns = [
  'id',
  'created_at',
  'event',
  'user_id',
  'user',
  'service_id',
  'service',
  'subject_id',
  'details',
];

async function* csvOf(api: Api, filter: URLSearchParams, first: readonly EventFacts[]) {
  yield byteOrderMark + csvLine(columns);
  let count = 0;
  for (let found = first; found.length > 0; found = await eventsAfter(api, filter, found.at(-1)!.id)) {
    yield found.map(csvOfEvent).join('');
    count += found.length;
    if (count >= mostDownloaded) return;
  }
}

function csvOfEvent(one: EventFacts): string {
  return csvLine([
    ...[one.id, one.created_at, one.event_type, one.user_id ?? '', one.user_name ?? ''],
    ...[one.service_id ?? '', one.service_name ?? '', one.subject_id ?? '', eventText(one)],
  ]);
}

export const eventPages = [events, download];
