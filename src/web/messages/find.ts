import { type Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';
import { type Cell, heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button, errorSummary, input, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { phoneText } from '../words/phones.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { timeOf } from '../words/times.ts';
import { readers, retentionOf } from './list.ts';
import { firstWords, type Message } from './message.ts';
import { isWhole, searchedFor } from './searched.ts';

const perPage = 50;
const uuid = /^[0-9a-f-]{36}$/i;
/** A link holds only in the service that was searched. */
const purposeOf = ({ id }: Readonly<{ id: string }>) => `find ${id}`;

/** A page of matches, newest first. */
type Found = Readonly<{
  notifications: readonly Message[];
  /** If a number was searched for and nothing found: others like it that something went to. */
  nearest?: readonly Readonly<{ normalised_to: string; created_at: string }>[];
  /** How far back parts of references were looked for; null: in everything that is kept. */
  further?: Readonly<{ older_than: string; looked_back_to: string }> | null;
}>;

/** `matches`: by recipient, id or whole reference; `parts`: whose reference contains the term. null: not searched. */
type Searched = Readonly<{ matches: Found | null; parts: Found | null }>;

/** Where is that one? What is searched for is personal: it comes by POST and is sealed in addresses (spec 07, section 6). */
const find = servicePage('/find', readers, {
  async get(visit) {
    const sealed = visit.query.get('search') ?? '';
    const term = visit.unseal<string>(purposeOf(visit.service), sealed);
    if (term === null) return findForm(visit, '', null);
    const olderThan = visit.query.get('older_than') ?? '';
    const more: Record<string, string> = uuid.test(olderThan) ? { older_than: olderThan } : {};
    const inReferences = visit.query.get('in') === 'references';
    const [searched, retention, others] = await Promise.all([
      inReferences
        ? searchParts(visit, term, more)
        : 'older_than' in more
          ? searchMatches(visit, term, more)
          : searchAll(visit, term),
      retentionOf(visit),
      othersOf(visit),
    ]);
    if (typeof searched === 'string') return findForm(visit, term, searched);
    return results(visit, {
      ...{ term, sealed, ...searched, others, isFirst: !('older_than' in more) },
      days: Math.max(retention.sms, retention.email),
    });
  },
  async post(visit, form) {
    const term = form.text('to').trim();
    const other = form.text('service');
    const there = other === '' ? visit.service.id : other;
    if (there !== visit.service.id) {
      // Its own page says whether this person may look there.
      if (!uuid.test(there)) return findForm(visit, term, 'Choose a service');
      return redirect(`/services/${there}/find?search=${visit.seal(purposeOf({ id: there }), term)}`);
    }
    const searched =
      term === ''
        ? 'Enter a phone number, an email address, a reference or an id'
        : await searchAll(visit, term);
    if (typeof searched === 'string') return findForm(visit, term, searched);
    const { matches, parts } = searched;
    const [only, second] = [...(matches?.notifications ?? []), ...(parts?.notifications ?? [])];
    // Of parts of references there may be more, further back.
    const isAll = matches?.notifications.length === 1 || !parts?.further;
    if (only && !second && isAll) return redirect(visit.at(`/messages/${only.id}`));
    return redirect(visit.at(`/find?search=${visit.seal(purposeOf(visit.service), term)}`));
  },
});

type More = Readonly<Record<string, string>>;

/** What the term is, and what references have it as a part; or why the term does not do. */
async function searchAll(visit: ServiceVisit, term: string): Promise<Searched | string> {
  // Looking through references takes longer, and a whole number or address is rarely a part of one.
  const [found, soon] = await Promise.all([
    searchMatches(visit, term, {}),
    isWhole(term) ? null : searchParts(visit, term, {}),
  ]);
  if (typeof found === 'string') return found;
  const matches = found.matches!;
  const other = soon ?? (matches.notifications.length === 0 ? await searchParts(visit, term, {}) : null);
  if (typeof other === 'string') return other;
  const parts = other?.parts ?? null;
  if (parts === null) return { matches, parts };
  const ids = new Set(matches.notifications.map(({ id }) => id));
  return {
    matches,
    parts: { ...parts, notifications: parts.notifications.filter(({ id }) => !ids.has(id)) },
  };
}

async function searchMatches(visit: ServiceVisit, term: string, more: More): Promise<Searched | string> {
  const matches = await search(visit, 'to', term, more);
  return typeof matches === 'string' ? matches : { matches, parts: null };
}

async function searchParts(visit: ServiceVisit, term: string, more: More): Promise<Searched | string> {
  const parts = await search(visit, 'client_reference_part', term, more);
  return typeof parts === 'string' ? parts : { matches: null, parts };
}

/** Why the term does not do, if it does not. */
async function search(
  { api, service }: ServiceVisit,
  field: 'to' | 'client_reference_part',
  term: string,
  more: More,
): Promise<Found | string> {
  const body = {
    [field]: term,
    page_size: perPage,
    include_from_test_key: true,
    count_pages: false,
    ...more,
  };
  const outcome = await api.send<Found>('POST', `/service/${service.id}/notifications`, body);
  if (outcome.ok) return outcome.data;
  const fault = outcome.fields[field]?.[0];
  if (outcome.status !== 400 || fault === undefined) throw new Unexpected(outcome);
  return fault;
}

type Service = Readonly<{ id: string; name: string }>;

/** Other services of this person. */
async function othersOf({ api, person, service }: ServiceVisit): Promise<readonly Service[]> {
  if (Object.keys(person.permissions).every((id) => id === service.id)) return [];
  const found = await api.getSoon<{ data: readonly Service[] }>(`/service?user_id=${person.id}`);
  return (found?.data ?? []).filter(({ id }) => id !== service.id);
}

function findForm(visit: ServiceVisit, term: string, error: string | null): Answer {
  return page(
    'Find a message',
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#to' }])}${heading(1, 'Find a message')}${searchForm(visit, term, error)}`,
    { isError: error !== null, status: error === null ? 200 : 400 },
  );
}

function searchForm({ fields, at }: ServiceVisit, term: string, error: string | null): Html {
  return postForm(
    { action: at('/find'), fields },
    input({
      ...{ name: 'to', value: term },
      label: 'Phone number, email address, reference or id',
      hint: 'In any notation. The beginning or the end of a number or address is enough, such as its last 4 digits, and any 4 characters of a reference.',
      error: error === null ? null : { text: error },
      attributes: { autocomplete: 'off', spellcheck: 'false' },
    }),
    button({ text: 'Find' }),
  );
}

type Results = Searched &
  Readonly<{
    term: string;
    sealed: string;
    others: readonly Service[];
    isFirst: boolean;
    days: number;
  }>;

function results(visit: ServiceVisit, found: Results): Answer {
  const { term, sealed, matches, parts, others, isFirst } = found;
  const here = visit.at(`/find?search=${sealed}`);
  const isNone = [matches, parts].every((one) => !one?.notifications.length);
  return page(
    'Matches',
    html`${heading(1, 'Matches')}${isNone ? nothing(visit, found) : null}${matches ? matchesTable(visit, matches, here, isFirst) : null}${parts ? partsTable(visit, parts) : null}${furtherLink(visit, found, here)}${matches?.nearest?.length ? nearestForm(visit, matches.nearest) : null}${elsewhere(visit, term, others)}${heading(2, 'Search again')}${searchForm(visit, term, null)}`,
    { wide: true },
  );
}

/** What was searched, and in how much, where nothing was found. */
function nothing(visit: ServiceVisit, { term, matches, parts, isFirst, days }: Results): Html {
  const kinds = [
    matches && searchedFor(term),
    parts && html`references of yours that contain ${term.trim()}, in capital or small letters`,
  ].filter((kind) => kind !== null);
  const kept = days === 1 ? '1 day' : `${days} days`;
  const all = parts?.further
    ? matches
      ? 'Everything that is kept was searched, but for parts of references only the newest messages.'
      : 'Only the newest messages were searched.'
    : 'Everything that is kept was searched.';
  return insetText(
    html`<p class="govuk-body">${isFirst ? 'No message was found.' : 'There are no older matches.'} <span dir="auto">This was searched for: ${joined(kinds.map((kind, index) => html`${index > 0 ? '; and ' : ''}${kind}`))}.</span></p><p class="govuk-body">${visit.may('view_activity') ? 'Messages' : 'Only messages that you sent were searched. They'} are kept for ${kept}. ${all}</p>`,
  );
}

function matchesTable(
  visit: ServiceVisit,
  { notifications: found }: Found,
  here: string,
  isFirst: boolean,
): Html | null {
  const last = found.at(-1);
  if (!last) return null;
  const older = `${here}&older_than=${last.id}`;
  const isFull = found.length >= perPage;
  const rows = found.map((message) => [
    recipientCell(visit, message),
    html`<span dir="auto">${firstWords(message)}</span>`,
    ...courseCells(visit, message),
  ]);
  return html`${table({ caption: 'Matches, newest first', head: ['Recipient', 'Begins', 'Status', 'Sent'], rows })}${pagination(
    {
      previous: isFirst ? null : { href: here, text: 'Newest matches' },
      next: isFull ? { href: older, text: 'Older matches' } : null,
    },
  )}${isFull ? null : paragraph(link(older, 'Look for older matches'))}`;
}

function partsTable(visit: ServiceVisit, { notifications: found }: Found): Html | null {
  if (found.length === 0) return null;
  const rows = found.map((message) => [
    recipientCell(visit, message),
    html`<span dir="auto" class="app-breaking">${message.client_reference ?? ''}</span>`,
    ...courseCells(visit, message),
  ]);
  return table({
    ...{ caption: 'Their reference contains it, newest first', rows },
    head: ['Recipient', 'Reference', 'Status', 'Sent'],
  });
}

function recipientCell(visit: ServiceVisit, { id, to }: Message): Cell {
  return { content: link(visit.at(`/messages/${id}`), html`<span dir="auto">${to}</span>`), header: true };
}

function courseCells(visit: ServiceVisit, message: Message): readonly [Html, Html] {
  return [
    tag(statusText(message.notification_type, message.status), groupTone[groupOf(message.status)]),
    timeOf(message.created_at, visit.zone),
  ];
}

/** How far back parts of references were looked for, and the way on. */
function furtherLink(
  { zone }: ServiceVisit,
  { matches, parts, isFirst }: Results,
  here: string,
): Html | null {
  const references = `${here}&in=references`;
  const newest = parts && !isFirst ? paragraph(link(references, 'Newest matches')) : null;
  if (parts?.further) {
    const { older_than: from, looked_back_to: back } = parts.further;
    return html`${paragraph(html`References that contain it were looked for in messages back to ${timeOf(back, zone)}.`)}${paragraph(link(`${references}&older_than=${from}`, 'Look further back'))}${newest}`;
  }
  return parts === null && isFirst && matches?.notifications.length
    ? paragraph(link(references, 'Look for references that contain it'))
    : newest;
}

/** Each button searches for its number. */
function nearestForm(
  { fields, at, zone }: ServiceVisit,
  nearest: readonly Readonly<{ normalised_to: string; created_at: string }>[],
): Html {
  const items = nearest.map(
    ({ normalised_to: number, created_at: newest }) =>
      html`<li>${button({ ...{ name: 'to', value: `+${number}` }, text: phoneText(number), classes: 'govuk-button--secondary app-together' })} <span class="app-quiet">last message ${timeOf(newest, zone)}</span></li>`,
  );
  return html`${heading(2, 'Almost the same number')}${paragraph('Messages went to numbers with one digit changed, missing or added, or with two neighbouring digits swapped:')}${postForm({ action: at('/find'), fields }, html`<ul class="govuk-list govuk-list--spaced">${items}</ul>`)}`;
}

/** The same search in another service. */
function elsewhere({ fields, at }: ServiceVisit, term: string, others: readonly Service[]): Html | null {
  if (others.length === 0) return null;
  return postForm(
    { action: at('/find'), fields },
    html`<input type="hidden" name="to" value="${term}">`,
    select({
      ...{ name: 'service', label: 'Search another of your services for the same' },
      items: others.map(({ id, name }) => ({ value: id, text: name })),
    }),
    button({ text: 'Search there', classes: 'govuk-button--secondary' }),
  );
}

export const findPages = [find];
