import { type Html, html } from '../../ground/html.ts';
import { own } from '../../ground/own.ts';
import { heading, paragraph, summaryList, table } from '../components/content.ts';
import { button, errorSummary, input, postForm, radios } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Outcome } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, Missing, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import { stackedBars } from '../plots/bars.ts';
import { figuresCsv, type PlotRow, rangeSentence } from '../plots/plot.ts';
import { counted, inFigures, percent } from '../words/counts.ts';
import { delayText, shortTime, shortTimeOf } from '../words/times.ts';
import { dayNow } from './days.ts';
import type { Calls, Figures, Provider } from './facts.ts';
import {
  type Fault,
  faultAt,
  faultsOf,
  faultsOfReason,
  notNow,
  reasonInput,
  reasonOf,
  recordReason,
  summaryOf,
} from './forms.ts';
import { figuresOf, stateOf } from './providers.ts';

const minute = 60_000;
const hour = 60 * minute;
const outcomes = ['accepted', 'refused', 'failed', 'unknown'] as const;
const outcomeNames = ['Taken', 'Refused for good', 'Failed', 'Without an answer'] as const;

const provider = operatorPage('/platform/providers/:provider', {
  get: (visit) => providerPage(visit, [], null),
  async post(visit, form) {
    const id = visit.params['provider']!;
    const action = own(actions, form.text('do'));
    if (!action) throw new Missing('No such action');
    const faults = action.check(form);
    if (faults.length > 0) return providerPage(visit, faults, form);
    const outcome = await action.send(visit, id, form);
    if (!outcome.ok) return providerPage(visit, faultsOf(outcome, action.ids), form);
    return redirect(`/platform/providers/${id}`, action.said(outcome.data));
  },
});

type Action = Readonly<{
  check: (form: Form) => readonly Fault[];
  send: (visit: PersonVisit, id: string, form: Form) => Promise<Outcome<unknown>>;
  said: (data: unknown) => string;
  /** Fields of the page by the API's names. */
  ids: Readonly<Record<string, string>>;
}>;

const wholeNumber = (text: string) => /^\d{1,7}$/.test(text);

const actions: Readonly<Record<string, Action>> = {
  change: {
    check(form) {
      const priority = form.text('priority').trim();
      const rate = form.text('rate_limit').trim();
      return [
        ...(wholeNumber(priority) && Number(priority) <= 100
          ? []
          : [{ id: 'priority', text: 'The priority must be a whole number from 0 to 100.' }]),
        ...(rate === '' || (wholeNumber(rate) && Number(rate) >= 1 && Number(rate) <= 1_000_000)
          ? []
          : [
              {
                id: 'rate_limit',
                text: 'The rate must be a whole number from 1 to 1,000,000, or empty for no limit.',
              },
            ]),
        ...(['yes', 'no'].includes(form.text('active'))
          ? []
          : [{ id: 'active', text: 'Say whether it is used.' }]),
        ...faultsOfReason(form, 'reason-change'),
      ];
    },
    send({ api }, id, form) {
      const rate = form.text('rate_limit').trim();
      const body = {
        priority: Number(form.text('priority')),
        rate_limit: rate === '' ? null : Number(rate),
        active: form.text('active') === 'yes',
        reason: reasonOf(form),
      };
      return api.send('POST', `/provider-details/${id}`, body, form.id);
    },
    said(data) {
      const { display_name: name, active } = providerIn(data);
      return `${name} is changed. It is ${active ? 'on' : 'off'}.`;
    },
    ids: { priority: 'priority', rate_limit: 'rate_limit', active: 'active', reason: 'reason-change' },
  },
  open: {
    check(form) {
      const minutes = form.text('minutes').trim();
      return [
        ...(minutes === '' || (wholeNumber(minutes) && Number(minutes) >= 1 && Number(minutes) <= 10_080)
          ? []
          : [
              {
                id: 'minutes',
                text: 'The minutes must be a whole number from 1 to 10,080, or empty for no end.',
              },
            ]),
        ...faultsOfReason(form, 'reason-circuit'),
      ];
    },
    send({ api }, id, form) {
      const minutes = form.text('minutes').trim();
      const body = {
        ...{ state: 'open', reason: reasonOf(form) },
        ...(minutes !== '' && { minutes: Number(minutes) }),
      };
      return api.send('POST', `/provider-details/${id}/circuit`, body, form.id);
    },
    said: (data) => `${providerIn(data).display_name} is left alone. Other providers get its messages.`,
    ids: { minutes: 'minutes', reason: 'reason-circuit' },
  },
  close: {
    check: (form) => faultsOfReason(form, 'reason-circuit'),
    send: ({ api }, id, form) =>
      api.send(
        'POST',
        `/provider-details/${id}/circuit`,
        { state: 'closed', reason: reasonOf(form) },
        form.id,
      ),
    said: (data) => `The circuit of ${providerIn(data).display_name} is closed: it gets messages again.`,
    ids: { reason: 'reason-circuit' },
  },
  test: {
    check: (form) => faultsOfReason(form, 'reason-test'),
    async send(visit, id, form) {
      const { api, person } = visit;
      await recordReason(visit, form, 'test_provider');
      const recipient = form.text('type') === 'email' ? person.email : (person.mobile ?? '');
      return api.send('POST', `/provider-details/${id}/test`, { recipient }, form.id);
    },
    said(data) {
      const { outcome, code, detail, milliseconds } = (data as { data: TestResult }).data;
      const took = `within ${inFigures(milliseconds)} milliseconds`;
      if (outcome === 'accepted') return `The provider took the test message ${took}.`;
      const why = [code, detail].filter((text) => text !== null).join(', ');
      const what = {
        rejected: 'refused the test message for good',
        failed: 'did not take the test message',
        unknown: 'did not answer: it may have the test message',
      }[outcome];
      return `The provider ${what} ${took}${why === '' ? '' : `: ${why}`}.`;
    },
    ids: { recipient: 'reason-test' },
  },
};

type TestResult = Readonly<{
  outcome: 'accepted' | 'rejected' | 'failed' | 'unknown';
  code: string | null;
  detail: string | null;
  milliseconds: number;
}>;

const providerIn = (data: unknown) => (data as { provider_details: Provider }).provider_details;

async function providerPage(
  visit: PersonVisit,
  faults: readonly Fault[],
  form: Form | null,
): Promise<Answer> {
  const { api, now, params } = visit;
  const id = params['provider']!;
  const today = dayNow(now);
  const [{ provider_details: all }, versions, calls, figures] = await Promise.all([
    api.get<{ provider_details: readonly Provider[] }>('/provider-details'),
    api.get<{ data: readonly Provider[] }>(`/provider-details/${id}/versions`),
    api.getSoon<{ data: readonly Calls[] }>(callsPath(id, now)),
    api.getSoon<{ data: readonly Figures[] }>(`/platform/figures?from=${today}&to=${today}&by=provider`),
  ]);
  const one = all.find((each) => each.id === id);
  if (!one) throw new Missing('No such provider');
  return page(
    one.display_name,
    html`${errorSummary(summaryOf(faults))}${heading(1, one.display_name)}${summary(one, figures?.data ?? null, visit)}${
      calls === null ? notNow('Its calls') : callsPart(one, calls.data, visit)
    }<div class="app-columns"><div>${changeForm(one, visit, faults, form)}</div><div>${circuitForm(one, visit, faults, form)}${testForm(one, visit, faults, form)}</div></div>${versionTable(versions.data, visit)}`,
    {
      ...{ wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: '/platform/providers', text: 'Providers' },
    },
  );
}

function callsPath(id: string, now: number): string {
  const from = new Date(now - 24 * hour).toISOString();
  return `/provider-details/${encodeURIComponent(id)}/calls?from=${encodeURIComponent(from)}`;
}

function summary(one: Provider, figures: readonly Figures[] | null, visit: PersonVisit): Html {
  const of = figures && figuresOf(one, figures);
  const whole = (figures ?? [])
    .filter((each) => each.notification_type === one.notification_type)
    .reduce((sum, { requested }) => sum + requested, 0);
  const receipts = of?.delivered_after;
  return summaryList({
    rows: [
      {
        key: 'State',
        value: html`${stateOf(one, visit)}${one.reason === null ? null : html`<br><span dir="auto">${one.reason}</span>`}`,
      },
      { key: 'Priority', value: String(one.priority) },
      {
        key: 'Rate',
        value: one.rate_limit === null ? 'No limit' : `${inFigures(one.rate_limit)} messages a second`,
      },
      {
        key: 'Share today',
        value:
          figures === null
            ? 'Not available at the moment'
            : whole === 0
              ? 'Nothing was handed over yet'
              : `${percent(of?.requested ?? 0, whole)}: ${inFigures(of?.requested ?? 0)} of ${counted(whole, 'message')}, of which ${inFigures(of?.failed ?? 0)} failed`,
      },
      {
        key: 'Receipts today',
        value:
          figures === null
            ? 'Not available at the moment'
            : receipts && receipts.count > 0
              ? `Half within ${delayText(receipts.p50)}, 95% within ${delayText(receipts.p95)}, 99% within ${delayText(receipts.p99)}`
              : 'None yet',
      },
      ...(one.notification_type === 'sms'
        ? [{ key: 'Texts abroad', value: one.supports_international ? 'Yes' : 'No' }]
        : []),
    ],
  });
}

function sumOf(calls: readonly Calls[]): readonly number[] {
  return outcomes.map((outcome) => calls.reduce((sum, one) => sum + one[outcome], 0));
}

/** Calls of the last 24 hours, hour by hour. */
function hourRows(calls: readonly Calls[], visit: Pick<PersonVisit, 'now' | 'zone'>): readonly PlotRow[] {
  const first = Math.floor((visit.now - 23 * hour) / hour) * hour;
  return Array.from({ length: 24 }, (_, index) => {
    const from = first + index * hour;
    const within = calls.filter((one) => {
      const at = Date.parse(one.from);
      return at >= from && at < from + hour;
    });
    // The axis spans a day: it needs no date.
    const short = shortTime(from, { zone: visit.zone, now: from });
    return { label: shortTime(from, visit), short, values: sumOf(within), unfinished: index === 23 };
  });
}

const series = [
  { name: outcomeNames[0], look: 1 },
  { name: outcomeNames[1], look: 3 },
  { name: outcomeNames[2], look: 2 },
  { name: outcomeNames[3], look: 4 },
] as const;

function callsPart(one: Provider, calls: readonly Calls[], visit: PersonVisit): Html {
  const last = Math.floor(visit.now / minute) * minute - minute;
  const lastMinute = calls.filter(({ from }) => Date.parse(from) >= last);
  const periods = [
    ['The last minute', lastMinute],
    ['The last hour', calls.filter(({ from }) => Date.parse(from) >= visit.now - hour)],
    ['The last 24 hours', calls],
  ] as const;
  const rows = hourRows(calls, visit);
  const totals = rows.map(({ values }) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0));
  return html`${table({
    caption: 'Calls by outcome',
    head: ['Period', ...outcomeNames.map((text) => ({ text, numeric: true }))],
    rows: periods.map(([name, some]) => [
      { content: name, header: true },
      ...sumOf(some).map((count) => ({ content: inFigures(count), numeric: true })),
    ]),
  })}${stackedBars({
    ...{ id: 'calls', heading: 'Calls of the last 24 hours', series, rows, rowHeader: 'Hour from' },
    sentence: totals.some((count) => count > 0)
      ? `${rangeSentence(totals, 'calls an hour')}.`
      : 'It was not called in the last 24 hours.',
    csvHref: `/platform/providers/${one.id}/calls.csv`,
  })}`;
}

const callsFile = operatorPage('/platform/providers/:provider/calls.csv', {
  async get(visit) {
    const { data } = await visit.api.get<{ data: readonly Calls[] }>(
      callsPath(visit.params['provider']!, visit.now),
    );
    return figuresCsv('calls-by-hour', { series, rows: hourRows(data, visit), rowHeader: 'Hour from' });
  },
});

/** What the form was filled in with, if it was this one. */
function filled(form: Form | null, ...what: readonly string[]): Form | null {
  return form && what.includes(form.text('do')) ? form : null;
}

function changeForm(one: Provider, visit: PersonVisit, faults: readonly Fault[], given: Form | null): Html {
  const form = filled(given, 'change');
  const active = form ? form.text('active') : one.active ? 'yes' : 'no';
  return html`${heading(2, 'Change it')}${postForm(
    { action: visit.path, fields: visit.fields },
    radios({
      ...{ name: 'active', legend: 'Is it used?', error: faultAt(faults, 'active') },
      items: [
        { value: 'yes', text: 'On', selected: active === 'yes' },
        { value: 'no', text: 'Off', hint: 'It gets nothing.', selected: active === 'no' },
      ],
    }),
    input({
      ...{ name: 'priority', label: 'Priority', hint: '0 to 100. The lowest of its type is tried first.' },
      ...{ value: form?.text('priority') ?? String(one.priority), classes: 'govuk-input--width-3' },
      ...{ error: faultAt(faults, 'priority'), attributes: { inputmode: 'numeric' } },
    }),
    input({
      ...{ name: 'rate_limit', label: 'Messages a second', hint: 'Leave empty for no limit.' },
      value: form?.text('rate_limit') ?? (one.rate_limit === null ? '' : String(one.rate_limit)),
      ...{ classes: 'govuk-input--width-5', attributes: { inputmode: 'numeric' } },
      error: faultAt(faults, 'rate_limit'),
    }),
    reasonInput(faults, form, 'reason-change'),
    button({ text: 'Save changes', name: 'do', value: 'change', preventDoubleClick: true }),
  )}`;
}

function circuitForm(one: Provider, visit: PersonVisit, faults: readonly Fault[], given: Form | null): Html {
  const form = filled(given, 'open', 'close');
  const isClosed = one.circuit === 'closed';
  return html`${heading(2, isClosed ? 'Leave it alone for a while' : 'Use it again')}${paragraph(
    isClosed
      ? 'Every message goes to the other providers at once. Without another one of the type, messages wait and are tried again.'
      : 'Its circuit is open: it failed too often, or somebody stopped it. Closed, it gets messages at once.',
  )}${postForm(
    { action: visit.path, fields: visit.fields },
    isClosed
      ? input({
          ...{
            name: 'minutes',
            label: 'For how many minutes',
            hint: 'Leave empty: until somebody uses it again.',
          },
          ...{ value: form?.text('minutes') ?? '', classes: 'govuk-input--width-5' },
          ...{ error: faultAt(faults, 'minutes'), attributes: { inputmode: 'numeric' } },
        })
      : null,
    reasonInput(faults, form, 'reason-circuit'),
    button({
      text: isClosed ? 'Leave it alone' : 'Use it again',
      ...{ name: 'do', value: isClosed ? 'open' : 'close', preventDoubleClick: true },
      classes: isClosed ? 'govuk-button--warning' : '',
    }),
  )}`;
}

function testForm(one: Provider, visit: PersonVisit, faults: readonly Fault[], given: Form | null): Html {
  const type = one.notification_type;
  const { mobile, email } = visit.person;
  const recipient = type === 'sms' ? mobile : email;
  if (recipient === null)
    return html`${heading(2, 'Send a test message')}${paragraph(html`You have no mobile number to send one to: ${link('/account', 'add it to your account')}.`)}`;
  return html`${heading(2, 'Send a test message')}${paragraph(html`A real message to yourself, <span dir="auto">${recipient}</span>, through this provider alone, whether it is on or not.`)}${postForm(
    { action: visit.path, fields: visit.fields },
    html`<input type="hidden" name="type" value="${type}">`,
    reasonInput(faults, filled(given, 'test'), 'reason-test'),
    button({
      ...{ text: 'Send it to me', name: 'do', value: 'test', preventDoubleClick: true },
      classes: 'govuk-button--secondary',
    }),
  )}`;
}

function versionTable(versions: readonly Provider[], visit: PersonVisit): Html {
  return table({
    ...{ caption: 'Versions, newest first', id: 'versions' },
    head: [
      ...['When', 'Who', 'Reason', 'State'],
      ...['Priority', 'Rate a second'].map((text) => ({ text, numeric: true })),
    ],
    rows: versions.map((one) => [
      shortTimeOf(one.updated_at, visit, 'At the start'),
      html`<span dir="auto">${one.created_by?.name ?? 'Nobody: it happened by itself'}</span>`,
      html`<span dir="auto">${one.reason ?? '–'}</span>`,
      !one.active
        ? 'Off'
        : { closed: 'On', open: 'Left alone', 'half-open': 'Being tried again' }[one.circuit],
      { content: String(one.priority), numeric: true },
      { content: one.rate_limit === null ? 'no limit' : inFigures(one.rate_limit), numeric: true },
    ]),
  });
}

export const providerPages = [provider, callsFile];
