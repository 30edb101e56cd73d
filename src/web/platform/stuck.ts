import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table, warningText } from '../components/content.ts';
import { button, errorSummary, postForm, select, tickBox } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import { counted, inFigures } from '../words/counts.ts';
import { shortTime, shortTimeOf } from '../words/times.ts';
import type { Links, StuckMessage, StuckTotals } from './facts.ts';
import {
  chosenIn,
  each,
  type Fault,
  faultsOfReason,
  hiddenIds,
  reasonInput,
  reasonOf,
  recordReason,
  summaryOf,
} from './forms.ts';
import { idText, serviceLink, statusOf, typeName, waitMeanings } from './words.ts';

const path = '/platform/stuck';

const kinds = {
  accepted: 'Accepted, not stored',
  created: 'Due, not sent',
  sending: 'Sent, without a receipt',
  callback: 'Final, its service not told',
} as const;
type Kind = keyof typeof kinds;

const spans = [
  [300, '5 minutes'],
  [900, '15 minutes'],
  [3600, 'an hour'],
  [21_600, '6 hours'],
  [86_400, 'a day'],
] as const;

/** Messages that hang, by what they wait for (spec 07, section 7). */
const stuck = operatorPage(path, {
  get: (visit) => stuckPage(visit, [], null),
  async post(visit, form) {
    const ids = chosenIn(form);
    const what = form.text('do');
    if (ids.length === 0) return stuckPage(visit, [{ id: 'messages', text: 'Choose the messages.' }], form);
    if (what === 'ask-give-up') return giveUpPage(visit, ids, [], form);
    const faults = faultsOfReason(form);
    if (what === 'give-up')
      return faults.length > 0 ? giveUpPage(visit, ids, faults, form) : giveUp(visit, ids, form);
    if (faults.length > 0) return stuckPage(visit, faults, form);
    return queueAgain(visit, ids, form);
  },
});

/** Parked ones are released; the others are queued, which leaves those that are queued in their place. */
async function queueAgain(visit: PersonVisit, ids: readonly string[], form: Form): Promise<Answer> {
  const { api } = visit;
  await recordReason(visit, form, 'queue_again', { ids });
  const released = await each(ids, (id) =>
    api.send(
      'POST',
      `/platform/parked/${id}/release`,
      { reason: reasonOf(form) },
      `${form.id}-${id}-release`,
    ),
  );
  const { done, gone } = await each(ids, (id) =>
    api.send('POST', `/deliver/notification/${id}`, {}, `${form.id}-${id}`),
  );
  return redirect(
    path,
    `${counted(done, 'message')} queued again${released.done === 0 ? '' : `, ${inFigures(released.done)} of which had been parked`}. What has been sent stays as it is.${gone === 0 ? '' : ` ${counted(gone, 'message')} could not be found any more.`}`,
  );
}

async function giveUp(visit: PersonVisit, ids: readonly string[], form: Form): Promise<Answer> {
  const { done, gone, refusals } = await each(ids, (id) =>
    visit.api.send('POST', `/platform/parked/${id}/drop`, { reason: reasonOf(form) }, `${form.id}-${id}`),
  );
  if (refusals.length > 0 || (done === 0 && gone > 0))
    return stuckPage(
      visit,
      [
        ...refusals.map((text) => ({ id: 'messages', text })),
        ...(gone === 0
          ? []
          : [
              {
                id: 'messages',
                text: `${counted(gone, 'message')} cannot be given up: only what is parked can. The others go on by themselves, and end at the latest when they time out.`,
              },
            ]),
      ],
      null,
    );
  return redirect(
    path,
    `${counted(done, 'message')} given up.${gone === 0 ? '' : ` ${inFigures(gone)} ${gone === 1 ? 'was' : 'were'} not parked and ${gone === 1 ? 'goes' : 'go'} on.`}`,
  );
}

function giveUpPage(
  visit: PersonVisit,
  ids: readonly string[],
  faults: readonly Fault[],
  form: Form,
): Answer {
  const title = `Give up ${counted(ids.length, 'message')}`;
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${warningText('This cannot be undone. A message that is given up is never sent: it becomes a technical failure, and its service is told.')}${paragraph('Only messages that are parked are given up. Those that wait for something else go on as they are.')}${postForm(
      { action: path, fields: visit.fields },
      ...hiddenIds(ids),
      reasonInput(faults, form),
      html`<div class="app-actions">${button({ text: `Give ${ids.length === 1 ? 'it' : 'them'} up for good`, name: 'do', value: 'give-up', classes: 'govuk-button--warning', preventDoubleClick: true })}${link(path, 'Leave everything as it is')}</div>`,
    )}`,
    {
      isError: faults.length > 0,
      status: faults.length > 0 ? 400 : 200,
      back: { href: path, text: 'Stuck' },
    },
  );
}

async function stuckPage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const { api, query } = visit;
  const kind = query.get('kind') ?? '';
  const isKind = Object.hasOwn(kinds, kind);
  const given = Number(query.get('seconds'));
  const seconds = spans.find(([each]) => each === given)?.[0] ?? 300;
  const older = query.get('older_than');
  const filter = new URLSearchParams({
    seconds: String(seconds),
    ...(isKind && { kind }),
    ...(older !== null && { older_than: older }),
  });
  const found = await api.getSoon<{
    totals: StuckTotals | null;
    messages: readonly StuckMessage[];
    links: Links;
  }>(`/platform/stuck?${filter}`);
  const next = found?.links.next === undefined ? null : new URL(found.links.next).searchParams;
  return page(
    'Stuck messages',
    html`${errorSummary(summaryOf(faults))}${heading(1, 'Stuck messages')}<form method="get" action="${path}" class="app-filter">${select(
      {
        ...{ name: 'kind', label: 'Which' },
        items: [
          { value: '', text: 'All', selected: !isKind },
          ...Object.entries(kinds).map(([value, text]) => ({ value, text, selected: value === kind })),
        ],
      },
    )}${select({
      ...{ name: 'seconds', label: 'For longer than' },
      items: spans.map(([value, text]) => ({ value: String(value), text, selected: value === seconds })),
    })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</form>${
      found === null
        ? insetText('They cannot be looked for at the moment. Load the page again in a few seconds.')
        : html`${totalsPart(found.totals, visit)}${messagesPart(found.messages, visit, faults, form)}`
    }${pagination({ next: next === null || found?.messages.length === 0 ? null : { href: `${path}?${next}`, text: 'Older ones' } })}`,
    { wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
  );
}

function totalsPart(totals: StuckTotals | null, visit: PersonVisit): Html | null {
  if (totals === null) return null;
  const back = totals.counted_back_to;
  return html`<ul class="app-figures govuk-body">${(Object.keys(kinds) as Kind[]).map(
    (kind) =>
      html`<li><span class="app-figures__number">${inFigures(totals[kind])}</span> ${kinds[kind]}</li>`,
  )}</ul>${back === null ? null : paragraph(`Of what is stored, messages accepted since ${shortTime(back, visit)} were looked at: there may be more before.`, 'app-quiet')}`;
}

function messagesPart(
  messages: readonly StuckMessage[],
  visit: PersonVisit,
  faults: readonly Fault[],
  form: Form | null,
): Html {
  if (messages.length === 0)
    return html`<div id="messages">${paragraph(`No message is stuck: all is well, as of ${shortTime(visit.now, visit)}.`)}</div>`;
  const groups = Map.groupBy(messages, (one) => one.waits_for);
  const parts = [...groups].map(([cause, some]) =>
    table({
      caption: `${waitMeanings[cause] ?? cause} (${inFigures(some.length)})`,
      head: ['Choose', 'Message', 'Service', 'Type', 'Status', 'Since', 'Next try'],
      rows: some.map((one) => [
        tickBox({ id: `id-${one.id}`, name: 'id', value: one.id, what: `Choose ${one.id}` }),
        { content: link(`/services/${one.service}/messages/${one.id}`, idText(one.id)), header: true },
        serviceLink(one.service, one.service_name),
        typeName[one.notification_type] ?? one.notification_type,
        statusOf(one.notification_type, one.status),
        shortTimeOf(one.since, visit),
        shortTimeOf(one.next_attempt_at, visit, '–'),
      ]),
    }),
  );
  return html`<div id="messages">${postForm(
    { action: path, fields: visit.fields },
    ...parts,
    reasonInput(faults, form),
    html`<div class="app-actions">${button({ text: 'Queue again what is chosen', name: 'do', value: 'again', preventDoubleClick: true })}${button({ text: 'Give up what is chosen', name: 'do', value: 'ask-give-up', classes: 'govuk-button--warning' })}</div>`,
  )}</div>`;
}

export const stuckPages = [stuck];
