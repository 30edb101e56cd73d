import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, summaryList, table, tag } from '../components/content.ts';
import { button, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { timeOf } from '../words/times.ts';
import {
  type Address,
  addressSentence,
  type Callback,
  type CallbackState,
  callbackStates,
  callbackTypes,
  codeAdvice,
  codeText,
  logHead,
  logRow,
  stateTag,
  stateWord,
  typeNames,
} from './callback-log.ts';
import { signatureRecipe } from './signature.ts';

export type LogPage = Readonly<{ callbacks: readonly Callback[]; links: Readonly<{ next?: string }> }>;

export async function readAddresses({ api, service }: ServiceVisit): Promise<readonly Address[]> {
  return (await api.get<{ data: readonly Address[] }>(`/service/${service.id}/callback-api`)).data;
}

/** The addresses, and what was called last (spec 07, section 6). */
export const callbackList = servicePage('/developers/callbacks', 'manage_api_keys', {
  async get(visit) {
    const { api, at, service, query } = visit;
    const filter = new URLSearchParams();
    const type = callbackTypes.find((one) => one === query.get('type'));
    const status = callbackStates.find((one) => one === query.get('status'));
    if (type) filter.set('callback_type', type);
    if (status) filter.set('status', status);
    const olderThan = query.get('older_than');
    if (olderThan) filter.set('older_than', olderThan);
    const mayRead = visit.may('view_activity');
    const [addresses, log] = await Promise.all([
      readAddresses(visit),
      mayRead ? api.getSoon<LogPage>(`/service/${service.id}/callbacks?${filter}`) : null,
    ]);
    const rows = callbackTypes.map((one) => addressRow(visit, one, addresses));
    const main = html`${heading(1, 'Callbacks')}${paragraph('Your program is told at once what it would otherwise have to ask for.')}${
      addresses.length === 0
        ? html`${insetText('No address is set yet. Set one, send a test to it, and check the signature as below.')}${table({ caption: 'Addresses', head: ['What for', 'State', 'Address'], rows })}${heading(2, 'The signature')}${signatureRecipe()}`
        : html`${table({ caption: 'Addresses', head: ['What for', 'State', 'Address'], rows })}${paragraph(link(at('/developers/callbacks/signature'), 'How to check the signature'))}${heading(2, 'Log')}${
            mayRead
              ? logSection(visit, log, type, status)
              : insetText(
                  'To see which callbacks were made, you need the permission “See messages and figures”.',
                )
          }`
    }`;
    return page('Callbacks', main, { wide: true, back: { href: at('/developers'), text: 'Developers' } });
  },
});

function addressRow({ at, zone }: ServiceVisit, type: CallbackTypeOf, addresses: readonly Address[]) {
  const address = addresses.find(({ callback_type }) => callback_type === type);
  const until = address?.paused_until ? timeOf(address.paused_until, zone) : null;
  return [
    {
      content: html`${link(at(`/developers/callbacks/addresses/${type}`), typeNames[type])}`,
      header: true,
    },
    address
      ? html`${address.paused ? tag('Paused', 'bad') : address.failures > 0 ? tag('Failing', 'open') : tag('Works', 'good')} ${addressSentence(address, until)}`
      : tag('Not set'),
    address
      ? html`<bdi>${address.url}</bdi>`
      : link(
          at(`/developers/callbacks/addresses/${type}/set`),
          html`Set an address <span class="govuk-visually-hidden">for ${typeNames[type].toLowerCase()}</span>`,
        ),
  ];
}

/** Callbacks on a page of the API (spec 04, section 1.13). */
const pageSize = 250;

type CallbackTypeOf = (typeof callbackTypes)[number];

function logSection(
  visit: ServiceVisit,
  log: LogPage | null,
  type: CallbackTypeOf | undefined,
  status: CallbackState | undefined,
): Html {
  const { at, query } = visit;
  if (log === null) return insetText('The log is not available at the moment.');
  const { callbacks } = log;
  const last = callbacks.at(-1);
  const next = new URLSearchParams();
  if (type) next.set('type', type);
  if (status) next.set('status', status);
  const first = next.size === 0 ? '' : `?${next}`;
  if (last) next.set('older_than', last.id);
  const filters = html`<form method="get" action="${at('/developers/callbacks')}"><div class="app-actions">${select(
    {
      name: 'type',
      label: 'Type',
      items: [
        { value: '', text: 'All' },
        ...callbackTypes.map((value) => ({ value, text: typeNames[value], selected: value === type })),
      ],
    },
  )}${select({
    name: 'status',
    label: 'State',
    items: [
      { value: '', text: 'All' },
      ...callbackStates.map((value) => ({ value, text: stateWord(value), selected: value === status })),
    ],
  })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</div></form>`;
  const isFirst = !query.get('older_than');
  // Of many callbacks a page that is not full can still be followed by more, if only some are asked for.
  const isLast = callbacks.length === 0 || (!type && !status && callbacks.length < pageSize);
  const hasMore = log.links.next !== undefined && !isLast;
  return html`${filters}${callbacks.length === 0 ? null : paragraph(logSentence(callbacks, isFirst, hasMore))}${table(
    {
      caption: 'Callbacks, newest first',
      head: logHead,
      rows: callbacks.map((one) => logRow(visit, one)),
      empty: !isFirst
        ? 'There are no older callbacks.'
        : type || status
          ? 'There are no callbacks of this type and state.'
          : 'No callback has been made yet.',
    },
  )}${pagination({
    previous: isFirst ? null : { href: at(`/developers/callbacks${first}`), text: 'Newest callbacks' },
    next: hasMore ? { href: at(`/developers/callbacks?${next}`), text: 'Older callbacks' } : null,
  })}${button({ text: 'Replay what failed', href: at('/developers/callbacks/replay'), classes: 'govuk-button--secondary' })}`;
}

/** The states on this page of the log, in a sentence. `hasMore`: older ones are on further pages. */
export function logSentence(callbacks: readonly Callback[], isFirst: boolean, hasMore: boolean): string {
  const counts = callbackStates
    .map((state) => [stateWord(state), callbacks.filter(({ status }) => status === state).length] as const)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word.toLowerCase()}`);
  const which = !isFirst
    ? `Of these ${callbacks.length}`
    : hasMore
      ? `Of the last ${callbacks.length}`
      : 'In the log';
  return `${which}: ${counts.join(', ')}.`;
}

type Try = Readonly<{
  number: number;
  at: string;
  outcome: 'delivered' | 'retry' | 'failed' | null;
  code: string | null;
  detail: string | null;
  milliseconds: number | null;
}>;
type CallbackWithTries = Callback & Readonly<{ body: unknown; tries: readonly Try[] }>;

async function readCallback({ api, service, params }: ServiceVisit): Promise<CallbackWithTries> {
  const id = encodeURIComponent(params['callback'] ?? '');
  return (await api.get<{ data: CallbackWithTries }>(`/service/${service.id}/callbacks/${id}`)).data;
}

export const oneCallback = servicePage('/developers/callbacks/:callback', 'manage_api_keys', {
  live: true,
  async get(visit) {
    const { at, fields, zone } = visit;
    const one = await readCallback(visit);
    const advice = one.status === 'delivered' ? null : codeAdvice(one.last_code);
    const tries = one.tries.map((each) => [
      { content: String(each.number), header: true },
      timeOf(each.at, zone),
      outcomeText(each),
      html`<bdi>${each.detail ?? ''}</bdi>`,
      { content: each.milliseconds === null ? '' : `${each.milliseconds}`, numeric: true },
    ]);
    const state = html`${summaryList({
      rows: [
        { key: 'State', value: stateTag(one.status) },
        { key: 'Type', value: typeNames[one.callback_type] },
        { key: 'Queued', value: timeOf(one.created_at, zone) },
        ...(one.next_attempt_at === null
          ? []
          : [{ key: 'Next try', value: timeOf(one.next_attempt_at, zone) }]),
        ...subjectRows(visit, one),
      ],
    })}${advice === null ? null : insetText(advice)}${table({
      caption: 'Tries',
      head: ['Try', 'At', 'Answer', 'Detail', { text: 'Milliseconds', numeric: true }],
      rows: tries,
      empty: 'It has not been tried yet.',
    })}`;
    const main = html`${heading(1, 'A callback')}${visit.region('callback', state, one.status === 'pending' ? undefined : `It is ${stateWord(one.status).toLowerCase()}.`)}${heading(2, 'Body')}${
      one.body === null
        ? paragraph('What was posted cannot be shown: it was encrypted under a secret that is gone.')
        : html`<pre class="app-code" tabindex="0" dir="auto">${JSON.stringify(one.body, null, 2)}</pre>`
    }${
      one.status === 'pending'
        ? null
        : postForm(
            { action: at(`/developers/callbacks/${one.id}/replay`), fields },
            button({ text: 'Replay it', classes: 'govuk-button--secondary', preventDoubleClick: true }),
          )
    }`;
    return page('A callback', main, {
      wide: true,
      back: { href: at('/developers/callbacks'), text: 'Callbacks' },
    });
  },
});

function outcomeText({ outcome, code }: Try): string {
  if (outcome === null) return 'Under way';
  return outcome === 'retry' ? `${codeText(code)}; it is tried again` : codeText(code);
}

function subjectRows({ at }: ServiceVisit, { notification_id: message, inbound_sms_id: text }: Callback) {
  if (message !== null)
    return [{ key: 'Message', value: link(at(`/messages/${message}`), 'See the message') }];
  return text === null
    ? []
    : [{ key: 'Text', value: link(at(`/received/${text}`), 'See the received text') }];
}

export const replayOne = servicePage('/developers/callbacks/:callback/replay', 'manage_api_keys', {
  async post(visit, form): Promise<Answer> {
    const { api, at, service, params } = visit;
    const id = encodeURIComponent(params['callback'] ?? '');
    const path = `/service/${service.id}/callbacks/${id}/replay`;
    const done = await api.send<{ count: number }>('POST', path, {}, form.id);
    if (!done.ok) throw new Unexpected(done);
    const said =
      done.data.count === 1
        ? 'The callback is queued again.'
        : 'It was not queued: it waits already, or no address is set for it.';
    return redirect(at(`/developers/callbacks/${id}`), said);
  },
});

export const signature = servicePage('/developers/callbacks/signature', 'manage_api_keys', {
  get: ({ at }) =>
    page(
      'Checking the signature of callbacks',
      html`${heading(1, 'Checking the signature of callbacks')}${signatureRecipe()}`,
      {
        wide: true,
        back: { href: at('/developers/callbacks'), text: 'Callbacks' },
      },
    ),
});
