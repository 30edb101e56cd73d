import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, input, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { counted } from '../words/counts.ts';
import { phoneText } from '../words/phones.ts';
import { dayIn, dayText, timeInWords, timeOf } from '../words/times.ts';

/** A received text (spec 04, section 7.6). */
export type ReceivedText = Readonly<{
  id: string;
  created_at: string;
  notify_number: string;
  user_number: string;
  content: string;
}>;

type Texts = Readonly<{ data: readonly ReceivedText[]; links: Readonly<{ next?: string }> }>;
type Sender = Readonly<{ sms_sender: string; inbound_number_id: string | null }>;

/** Business days are days in London, as the API counts them. */
const businessZone = 'Europe/London';
const daysToChoose = 30;
/** The most that the API lists at a time. */
const perPage = 50;
/** What a number that was searched for is sealed for: its service only. */
const numberPurpose = ({ service }: ServiceVisit) => `received from ${service.id}`;

/** Which texts are shown: of a day, or from a number, which travels sealed. */
type Filter = Readonly<{ day: string | null; number: string | null }>;

function filterIn(visit: ServiceVisit): Filter {
  const { query, unseal } = visit;
  const day = query.get('day');
  return {
    day: day !== null && /^\d{4}-\d{2}-\d{2}$/.test(day) ? day : null,
    number: unseal<string>(numberPurpose(visit), query.get('from') ?? ''),
  };
}

/** The filter for the API, and for addresses of these pages. */
function apiQuery({ day, number }: Filter): URLSearchParams {
  return new URLSearchParams({ ...(day !== null && { day }), ...(number !== null && { number }) });
}
function pageQuery({ day }: Filter, { query }: ServiceVisit, more: Record<string, string> = {}): string {
  const from = query.get('from');
  const all = new URLSearchParams({ ...(day !== null && { day }), ...(from && { from }), ...more });
  return all.size === 0 ? '' : `?${all}`;
}

export const receivedList = servicePage('/received', 'view_activity', {
  live: true,
  async get(visit) {
    const { api, service, query } = visit;
    const filter = filterIn(visit);
    const wanted = apiQuery(filter);
    const olderThan = query.get('older_than');
    if (olderThan) wanted.set('older_than', olderThan);
    const [{ data, links }, senders] = await Promise.all([
      api.get<Texts>(`/service/${service.id}/inbound-sms?${wanted}`),
      api.getSoon<readonly Sender[]>(`/service/${service.id}/sms-sender`),
    ]);
    const numbers = (senders ?? []).filter(({ inbound_number_id: id }) => id !== null);
    const isWhole = filter.day === null && filter.number === null && !olderThan;
    if (isWhole && data.length === 0 && senders !== null && numbers.length === 0) return howToReceive(visit);
    const last = data.at(-1);
    const hasMore = links.next !== undefined && data.length >= perPage;
    const list = html`${paragraph(listSentence(visit, filter, data, hasMore))}${byDay(visit, data)}`;
    const main = html`${heading(1, 'Received texts')}${
      numbers.length === 0
        ? null
        : paragraph(
            html`People can text ${numbers.map(({ sms_sender }, index) => html`${index === 0 ? '' : ', '}<bdi>${phoneText(sms_sender)}</bdi>`)}.`,
          )
    }${filterForms(visit, filter)}${visit.region('received', list)}${pagination({
      previous: olderThan ? { href: `${visit.path}${pageQuery(filter, visit)}`, text: 'Newest' } : null,
      next:
        last && hasMore
          ? { href: `${visit.path}${pageQuery(filter, visit, { older_than: last.id })}`, text: 'Older' }
          : null,
    })}${
      data.length === 0
        ? null
        : button({
            text: 'Download as CSV',
            href: `${visit.path}/download${pageQuery(filter, visit)}`,
            classes: 'govuk-button--secondary',
          })
    }`;
    return page('Received texts', main);
  },
  /** Searching by number: it travels sealed, as it is somebody's. */
  post(visit, form): Answer {
    const number = form.text('number').trim();
    const sealed = number === '' ? null : visit.seal(numberPurpose(visit), number.slice(0, 255));
    return redirect(`${visit.path}${sealed === null ? '' : `?from=${sealed}`}`);
  },
});

function howToReceive({ person, at }: ServiceVisit): Answer {
  const main = html`${heading(1, 'Received texts')}${insetText('Nobody can text this service yet: it has no number of its own.')}${paragraph(
    'Ask the people who run this platform for a number that receives texts. It becomes one of the senders of this service, and whoever gets a text from it can answer.',
  )}${person.isOperator ? paragraph(link('/platform/services', 'Give it one, as an operator')) : null}${paragraph(
    html`Your program can be told of each text at once. ${link(at('/developers/callbacks'), 'Callbacks')}`,
  )}`;
  return page('Received texts', main);
}

function filterForms(visit: ServiceVisit, { day, number }: Filter): Html {
  const { now, fields, path } = visit;
  const days = Array.from({ length: daysToChoose }, (_, back) =>
    dayIn(now - back * 86_400_000, businessZone),
  );
  return html`<form method="get" action="${path}"><div class="app-actions">${select({
    name: 'day',
    label: 'Day',
    items: [
      { value: '', text: 'All days' },
      ...[...new Set(day === null ? days : [day, ...days])].map((value) => ({
        value,
        text: dayText(value),
        selected: value === day,
      })),
    ],
  })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</div></form>${postForm(
    { action: path, fields },
    html`<div class="app-actions">${input({
      name: 'number',
      label: 'From the phone number',
      value: number ?? '',
      attributes: { autocomplete: 'off', inputmode: 'tel' },
      classes: 'govuk-input--width-20',
    })}${button({ text: 'Search', classes: 'govuk-button--secondary' })}</div>`,
  )}`;
}

function listSentence(
  { now, zone, path, query }: ServiceVisit,
  { day, number }: Filter,
  data: readonly ReceivedText[],
  hasMore: boolean,
): Html {
  const of = `${day === null ? '' : ` on ${dayText(day)}`}${number === null ? '' : ' from this number'}`;
  const count =
    data.length === 0
      ? query.get('older_than')
        ? 'There is nothing older.'
        : `Nobody has texted${of}. Texts are kept as long as other messages are.`
      : `${hasMore ? `The ${query.get('older_than') ? 'next' : 'last'} ${counted(data.length, 'text')}` : counted(data.length, 'text')}${of}.`;
  return html`${count} <span class="app-quiet">As of ${timeInWords(now, zone)}.</span> ${link(`${path}${query.size === 0 ? '' : `?${query}`}`, 'Refresh')}`;
}

function byDay({ at, zone }: ServiceVisit, data: readonly ReceivedText[]): readonly Html[] {
  const days = Map.groupBy(data, ({ created_at: time }) => dayIn(time, businessZone));
  return [...days].map(
    ([day, texts]) =>
      html`${heading(2, dayText(day))}<ul class="govuk-list">${texts.map(
        (text) =>
          html`<li><p class="govuk-body">${link(at(`/received/${text.id}`), html`<bdi>${phoneText(text.user_number)}</bdi>`)}, ${timeOf(text.created_at, zone)}<br><span dir="auto">${text.content}</span></p></li>`,
      )}</ul>`,
  );
}

export const downloadReceived = servicePage('/received/download', 'view_activity', {
  async get(visit) {
    const { api, service } = visit;
    const filter = filterIn(visit);
    const found = await api.download(`/service/${service.id}/inbound-sms/csv?${apiQuery(filter)}`);
    const name = filter.day === null ? 'received-texts' : `received-texts-${filter.day}`;
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="${name}.csv"`,
      },
      body: found.body,
    };
  },
});
