import { type Html, html } from '../../ground/html.ts';
import { own } from '../../ground/own.ts';
import { heading, insetText, paragraph, summaryList, warningText } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Outcome } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import {
  type Answer,
  Missing,
  operatorPage,
  type PersonVisit,
  page,
  redirect,
  Unexpected,
} from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { shortTimeOf } from '../words/times.ts';
import { eventTable } from './event-words.ts';
import type { DetailedService, EventFacts } from './facts.ts';
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
import { byType, stateOf, totals } from './services.ts';

type Key = Readonly<{ expiry_date: string | null; last_used_at: string | null }>;

/** Limits of a service that goes live, and of one that goes back (spec 04, section 1.6). */
const liveLimit = 250_000;
const trialLimit = 50;
const mostLimit = 2_000_000_000;

const limits = [
  ['sms_message_limit', 'Text messages a day'],
  ['email_message_limit', 'Emails a day'],
  ['international_sms_message_limit', 'Text messages abroad a day'],
  ['rate_limit', 'Requests a minute, for each type of key'],
] as const;

const service = operatorPage('/platform/services/:serviceId', {
  get: (visit) => servicePage(visit, [], null),
  async post(visit, form) {
    const id = visit.params['serviceId']!;
    const action = own(actions, form.text('do'));
    if (!action) throw new Missing('No such action');
    if (action.confirm !== undefined && !form.has('confirmed'))
      return confirmPage(visit, action.confirm, [], form);
    const faults = action.check?.(form) ?? faultsOfReason(form);
    if (faults.length > 0)
      return action.confirm === undefined
        ? servicePage(visit, faults, form)
        : confirmPage(visit, action.confirm, faults, form);
    await recordReason(visit, form, form.text('do'), { service_id: id });
    const outcome = await action.send(visit, id, form);
    if (!outcome.ok) {
      const refused = outcome.status === 409 ? [{ id: null, text: stale }] : faultsOf(outcome, fieldIds);
      return servicePage(visit, refused, null);
    }
    return redirect(`/platform/services/${id}`, action.said);
  },
});

const stale =
  'Somebody else has changed this service in the meantime. Nothing was changed: look at what it is now, and change it again.';
const fieldIds: Readonly<Record<string, string>> = Object.fromEntries(
  limits.map(([field]) => [field, field]),
);

type Confirm = Readonly<{ title: string; warning: string; button: string }>;

type Action = Readonly<{
  check?: (form: Form) => readonly Fault[];
  send: (visit: PersonVisit, id: string, form: Form) => Promise<Outcome<unknown>>;
  said: string;
  /** What cannot be undone is asked for once more. */
  confirm?: Confirm;
}>;

const update =
  (body: (form: Form) => object): Action['send'] =>
  (visit, id, form) =>
    visit.api.send(
      'POST',
      `/service/${id}`,
      { ...body(form), version: Number(form.text('version')), created_by: visit.person.id },
      form.id,
    );
const post =
  (what: string): Action['send'] =>
  ({ api }, id, form) =>
    api.send('POST', `/service/${id}/${what}`, {}, form.id);

const actions: Readonly<Record<string, Action>> = {
  change_limits: {
    check: (form) => [
      ...limits.flatMap(([field, name]) => {
        const text = form.text(field).trim();
        const isGood = /^\d{1,10}$/.test(text) && Number(text) <= mostLimit;
        return isGood ? [] : [{ id: field, text: `${name} must be a whole number.` }];
      }),
      ...faultsOfReason(form, 'reason-limits'),
    ],
    send: update((form) => Object.fromEntries(limits.map(([field]) => [field, Number(form.text(field))]))),
    said: 'The limits are changed.',
  },
  make_live: {
    check: (form) => faultsOfReason(form, 'reason-state'),
    send: update(() => ({ restricted: false, message_limit: liveLimit })),
    said: `The service is live, and may send ${inFigures(liveLimit)} of each type a day. Its team is told.`,
  },
  decline_request: {
    check: (form) => faultsOfReason(form, 'reason-state'),
    send: ({ api }, id) => api.send('DELETE', `/service/${id}/go-live-request`, undefined),
    said: 'The request to go live is declined.',
  },
  back_to_trial: {
    check: (form) => faultsOfReason(form, 'reason-state'),
    send: update(() => ({ restricted: true, message_limit: trialLimit })),
    said: `The service is in trial mode, and may send ${trialLimit} of each type a day to its team and guest list.`,
  },
  resume_service: {
    check: (form) => faultsOfReason(form, 'reason-state'),
    send: post('resume'),
    said: 'The service may send again. Its team has to make new keys.',
  },
  suspend_service: {
    send: post('suspend'),
    said: 'The service is suspended.',
    confirm: {
      title: 'Suspend this service',
      warning:
        'All of its keys end at once and do not come back: when it is resumed, its team has to make new ones. Messages that are not handed over yet become technical failures, and files that wait are cancelled.',
      button: 'Suspend it',
    },
  },
  archive_service: {
    send: post('archive'),
    said: 'The service is archived.',
    confirm: {
      title: 'Archive this service',
      warning:
        'This cannot be undone. Its keys end, its templates are archived, messages that are not handed over become technical failures, and its name becomes free for others.',
      button: 'Archive it for good',
    },
  },
};

function confirmPage(
  visit: PersonVisit,
  { title, warning, button: text }: Confirm,
  faults: readonly Fault[],
  form: Form,
): Answer {
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${warningText(warning)}${postForm(
      { action: visit.path, fields: visit.fields },
      html`<input type="hidden" name="confirmed" value="yes">`,
      reasonInput(faults, form),
      html`<div class="app-actions">${button({ ...{ text, name: 'do', value: form.text('do') }, classes: 'govuk-button--warning', preventDoubleClick: true })}${link(visit.path, 'Leave it as it is')}</div>`,
    )}`,
    {
      ...{ isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: visit.path, text: 'The service' },
    },
  );
}

async function servicePage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const { api, params } = visit;
  const id = encodeURIComponent(params['serviceId']!);
  const [{ data: one }, members, keys, events] = await Promise.all([
    api.get<{ data: DetailedService }>(`/service/${id}?detailed=True`),
    api.getSoon<{ data: Readonly<{ users: readonly string[] }> }>(`/service/${id}`),
    api.getSoon<{ apiKeys: readonly Key[] }>(`/service/${id}/api-keys`),
    api.getSoon<{ events: readonly EventFacts[] }>(`/events?service_id=${id}`),
  ]);
  return page(
    'A service',
    html`${errorSummary(summaryOf(faults))}<h1 class="govuk-heading-l" dir="auto">${one.name}</h1>${
      one.has_active_go_live_request
        ? insetText(html`It asks to go live, since ${shortTimeOf(one.go_live_requested_at, visit)}.`)
        : null
    }${summary(one, members?.data.users.length ?? null, keys?.apiKeys ?? null, visit)}${paragraph(
      html`Recipients and contents of its messages are its own. ${link(`/platform/services/${one.id}/enter`, 'Look into this service')}, with a reason that it sees.`,
    )}<div class="app-columns"><div>${limitsForm(one, visit, faults, form)}</div><div>${stateForm(one, visit, faults, form)}</div></div>${
      events === null
        ? notNow('What happened')
        : html`${eventTable('What happened last', events.events.slice(0, 10), visit, false)}${paragraph(link(`/platform/events?service_id=${one.id}`, 'All events of this service'))}`
    }`,
    {
      ...{ wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: '/platform/services', text: 'All services' },
    },
  );
}

function summary(
  one: DetailedService,
  members: number | null,
  keys: readonly Key[] | null,
  visit: PersonVisit,
): Html {
  const { requested, failed } = totals(one);
  const late = 'Not available at the moment';
  const used = (keys ?? []).flatMap(({ last_used_at: at }) => at ?? []).toSorted();
  const live = (keys ?? []).filter(
    ({ expiry_date: end }) => end === null || Date.parse(end) > visit.now,
  ).length;
  return summaryList({
    rows: [
      { key: 'State', value: stateOf(one) },
      {
        key: 'Sent in the last 7 days',
        value:
          requested === 0
            ? 'Nothing'
            : html`${byType(one).map(([type, text]) => html`${type}: ${text}<br>`)}${failed === 0 ? 'None failed.' : null}`,
      },
      { key: 'Members', value: members === null ? late : inFigures(members) },
      { key: 'Keys that work', value: keys === null ? late : inFigures(live) },
      { key: 'Last call with a key', value: keys === null ? late : shortTimeOf(used.at(-1) ?? null, visit) },
      { key: 'Added', value: shortTimeOf(one.created_at, visit) },
      {
        key: 'Went live',
        value: shortTimeOf(
          one.go_live_at === null ? null : `${one.go_live_at.replace(' ', 'T')}Z`,
          visit,
          one.restricted ? 'Not yet' : 'When it was added',
        ),
      },
      { key: 'Id', value: html`<code class="app-id">${one.id}</code>` },
    ],
  });
}

function limitsForm(
  one: DetailedService,
  visit: PersonVisit,
  faults: readonly Fault[],
  given: Form | null,
): Html {
  const form = given?.text('do') === 'change_limits' ? given : null;
  return html`${heading(2, 'Limits')}${postForm(
    { action: visit.path, fields: visit.fields },
    html`<input type="hidden" name="version" value="${one.version}">`,
    ...limits.map(([field, label]) =>
      input({
        ...{ name: field, label, value: form?.text(field) ?? String(one[field]) },
        ...{ classes: 'govuk-input--width-10', attributes: { inputmode: 'numeric' } },
        error: faultAt(faults, field),
      }),
    ),
    reasonInput(faults, form, 'reason-limits'),
    button({ text: 'Change the limits', name: 'do', value: 'change_limits', preventDoubleClick: true }),
  )}`;
}

function stateForm(
  one: DetailedService,
  visit: PersonVisit,
  faults: readonly Fault[],
  given: Form | null,
): Html {
  const isArchived = one.name.startsWith('_archived_') && !one.active;
  if (isArchived) return html`${heading(2, 'State')}${paragraph('It is archived, which is for good.')}`;
  const choices: readonly (readonly [name: string, text: string, isMain: boolean])[] = !one.active
    ? [
        ['resume_service', 'Resume', true],
        ['archive_service', 'Archive', false],
      ]
    : [
        ...(one.restricted ? ([['make_live', 'Make it live', true]] as const) : []),
        ...(one.has_active_go_live_request
          ? ([['decline_request', 'Decline its request', false]] as const)
          : []),
        ...(one.restricted ? [] : ([['back_to_trial', 'Back to trial mode', false]] as const)),
        ['suspend_service', 'Suspend', false],
        ['archive_service', 'Archive', false],
      ];
  const form = given && given.text('do') !== 'change_limits' ? given : null;
  return html`${heading(2, 'State')}${paragraph(
    one.active
      ? one.restricted
        ? 'In trial mode it sends to its team and guest list only.'
        : 'It is live: it sends to anybody.'
      : 'It is suspended: it sends nothing, and its keys have ended.',
  )}${postForm(
    { action: visit.path, fields: visit.fields },
    html`<input type="hidden" name="version" value="${one.version}">`,
    reasonInput(faults, form, 'reason-state'),
    html`<div class="app-actions">${choices.map(([value, text, isMain]) =>
      button({
        ...{ text, name: 'do', value, preventDoubleClick: true },
        classes: isMain ? '' : `govuk-button--${actions[value]?.confirm ? 'warning' : 'secondary'}`,
      }),
    )}</div>`,
  )}`;
}

/** Where an operator says why they look into a service (spec 07, section 5). */
const enter = operatorPage('/platform/services/:serviceId/enter', {
  get: (visit) => enterPage(visit, visit.onward, [], null),
  async post(visit, form) {
    const onward = form.text('_onward') || null;
    // What asked for a reason brings along where to go on.
    if (!form.has('reason')) return enterPage(visit, onward, [], null);
    const faults = faultsOfReason(form);
    if (faults.length > 0) return enterPage(visit, onward, faults, form);
    const id = visit.params['serviceId']!;
    const data = { service_id: id, reason: reasonOf(form) };
    const outcome = await visit.api.send('POST', '/events', { event_type: 'enter_service', data }, form.id);
    if (!outcome.ok) throw new Unexpected(outcome);
    return visit.goOn(onward, `/services/${id}`, { entered: id });
  },
});

async function enterPage(
  visit: PersonVisit,
  onward: string | null,
  faults: readonly Fault[],
  form: Form | null,
): Promise<Answer> {
  const id = encodeURIComponent(visit.params['serviceId']!);
  const { data } = await visit.api.get<{ data: Readonly<{ id: string; name: string }> }>(`/service/${id}`);
  const title = 'Look into a service';
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${paragraph(html`<strong dir="auto">${data.name}</strong> is a service that you are not a member of. Its messages, recipients and templates are its own.`)}${insetText('Say why you look into it. The reason stands in its history with your name, and holds for 30 minutes.')}${postForm(
      { action: visit.path, fields: visit.fields },
      onward === null ? null : html`<input type="hidden" name="_onward" value="${onward}">`,
      reasonInput(faults, form),
      button({ text: 'Look into it', preventDoubleClick: true }),
    )}`,
    {
      ...{ isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: `/platform/services/${data.id}`, text: 'The service' },
    },
  );
}

export const servicePages = [service, enter];
