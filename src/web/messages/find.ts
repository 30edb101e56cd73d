import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button, errorSummary, input, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { timeOf } from '../words/times.ts';
import { readers, retentionOf } from './list.ts';
import { firstWords, type Message } from './message.ts';
import { searchedFor } from './searched.ts';

const perPage = 50;
const uuid = /^[0-9a-f-]{36}$/i;
/** A link holds only in the service that was searched. */
const purposeOf = ({ id }: Readonly<{ id: string }>) => `find ${id}`;

type Found = Readonly<{ notifications: readonly Message[] }>;

/** Where is that one? What is searched for is personal: it comes by POST and is sealed in addresses (spec 07, section 6). */
const find = servicePage('/find', readers, {
  async get(visit) {
    const sealed = visit.query.get('search') ?? '';
    const term = visit.unseal<string>(purposeOf(visit.service), sealed);
    if (term === null) return findForm(visit, '', null);
    const olderThan = visit.query.get('older_than') ?? '';
    const more: Record<string, string> = uuid.test(olderThan) ? { older_than: olderThan } : {};
    const [found, retention, others] = await Promise.all([
      search(visit, term, more),
      retentionOf(visit),
      othersOf(visit),
    ]);
    if (typeof found === 'string') return findForm(visit, term, found);
    return results(visit, {
      ...{ term, sealed, found, others, isFirst: !('older_than' in more) },
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
    const found =
      term === ''
        ? 'Enter a phone number, an email address, a reference or an id'
        : await search(visit, term, {});
    if (typeof found === 'string') return findForm(visit, term, found);
    const [only, second] = found;
    if (only && !second) return redirect(visit.at(`/messages/${only.id}`));
    return redirect(visit.at(`/find?search=${visit.seal(purposeOf(visit.service), term)}`));
  },
});

/** A page of matches, newest first; or why the term does not do. */
async function search(
  { api, service }: ServiceVisit,
  term: string,
  more: Readonly<Record<string, string>>,
): Promise<readonly Message[] | string> {
  const body = { to: term, page_size: perPage, include_from_test_key: true, ...more };
  const outcome = await api.send<Found>('POST', `/service/${service.id}/notifications`, body);
  if (outcome.ok) return outcome.data.notifications;
  const fault = outcome.fields['to']?.[0];
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
      hint: 'In any notation. The beginning or the end of a number or address is enough, such as its last 4 digits.',
      error: error === null ? null : { text: error },
      attributes: { autocomplete: 'off', spellcheck: 'false' },
    }),
    button({ text: 'Find' }),
  );
}

type Results = Readonly<{
  term: string;
  sealed: string;
  found: readonly Message[];
  others: readonly Service[];
  isFirst: boolean;
  days: number;
}>;

function results(visit: ServiceVisit, { term, sealed, found, others, isFirst, days }: Results): Answer {
  const last = found.at(-1);
  const here = visit.at(`/find?search=${sealed}`);
  const rows = found.map((message) => [
    {
      content: link(visit.at(`/messages/${message.id}`), html`<span dir="auto">${message.to}</span>`),
      header: true,
    },
    html`<span dir="auto">${firstWords(message)}</span>`,
    tag(statusText(message.notification_type, message.status), groupTone[groupOf(message.status)]),
    timeOf(message.created_at, visit.zone),
  ]);
  const main =
    found.length === 0
      ? insetText(
          html`<p class="govuk-body">${isFirst ? 'No message was found.' : 'There are no older matches.'} <span dir="auto">This was searched for: ${searchedFor(term)}.</span></p><p class="govuk-body">${visit.may('view_activity') ? 'Messages' : 'Only messages that you sent were searched. They'} are kept for ${days === 1 ? '1 day' : `${days} days`}, and everything that is kept was searched.</p>`,
        )
      : html`${table({ caption: 'Matches, newest first', head: ['Recipient', 'Begins', 'Status', 'Sent'], rows })}${pagination(
          {
            previous: isFirst ? null : { href: here, text: 'Newest matches' },
            next:
              last && found.length >= perPage
                ? { href: `${here}&older_than=${last.id}`, text: 'Older matches' }
                : null,
          },
        )}${found.length < perPage && last ? paragraph(link(`${here}&older_than=${last.id}`, 'Look for older matches')) : null}`;
  return page(
    'Matches',
    html`${heading(1, 'Matches')}${main}${elsewhere(visit, term, others)}${heading(2, 'Search again')}${searchForm(visit, term, null)}`,
    { wide: true },
  );
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
