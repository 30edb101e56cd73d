import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, summaryList, warningText } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Outcome } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { membersOnly } from '../frame/members.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { counted, inFigures, inPounds } from '../words/counts.ts';

/**
 * Sending messages again, by a POST with `ids`, or `job` and `status` (spec 07, section 8, journey 5): first the check
 * page, then, with `sure`, the messages.
 */

/** What the API says of it (spec 04, section 7.2). */
type Plan = Readonly<{
  data: Readonly<{ id: string }> | null;
  count: number;
  left_out: readonly Readonly<{ reason: string; count: number }>[];
  unreachable: readonly Readonly<{ id: string; recipient: string }>[];
  may_arrive_twice: number;
  cost_units: number;
  cost_in_pounds: number;
  resent_as: readonly Readonly<{ id: string; job: string }>[];
}>;

const reasonWords: Readonly<Record<string, (count: string, isOne: boolean) => string>> = {
  'not-found': (count, isOne) => `${count} ${isOne ? 'is' : 'are'} not kept any more`,
  repeated: (count, isOne) => `${count} ${isOne ? 'was' : 'were'} sent again before`,
  'under-way': (count, isOne) => `${count} ${isOne ? 'is' : 'are'} still under way`,
  'test-key': (count, isOne) => `${count} ${isOne ? 'was' : 'were'} sent with a test key`,
  recipient: (count, isOne) =>
    `${count} cannot reach ${isOne ? 'its recipient' : 'their recipients'}: give another one below`,
  content: (count, isOne) => `${count} ${isOne ? 'has' : 'have'} a content that cannot be sent`,
  values: (count, isOne) => `${count} ${isOne ? 'has' : 'have'} values that cannot be repeated`,
};

const either = ['send_texts', 'send_emails'] as const;
const isId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** Which messages, as the API and the next form name them. */
type Selection = Readonly<{
  body: Readonly<Record<string, unknown>>;
  fields: readonly (readonly [string, string])[];
}>;

function selectionIn(form: Form): Selection | null {
  const ids = [...new Set(form.all('ids').filter(isId))];
  if (ids.length > 0) return { body: { ids }, fields: ids.map((id) => ['ids', id] as const) };
  const job = form.text('job');
  if (!isId(job)) return null;
  const statuses = form.all('status').filter((status) => /^[a-z-]{1,30}$/.test(status));
  return {
    body: { job_id: job, ...(statuses.length > 0 && { status: statuses }) },
    fields: [['job', job], ...statuses.map((status) => ['status', status] as const)],
  };
}

/** Other recipients that were filled in, with the one that each stands for. */
type Other = Readonly<{ id: string; was: string; text: string }>;

function othersIn(form: Form): readonly Other[] {
  return form.names.flatMap((name) => {
    const id = name.startsWith('recipient-') ? name.slice('recipient-'.length) : '';
    const text = form.text(name).trim();
    return isId(id) && text !== '' ? [{ id, was: form.text(`was-${id}`), text }] : [];
  });
}

const again = servicePage('/messages/again', either, {
  get: (visit) => nothingChosen(visit, 200),
  async post(visit, form) {
    membersOnly(visit);
    const selection = selectionIn(form);
    if (selection === null) return nothingChosen(visit, 400);
    const others = othersIn(form);
    const ask = (recipients: readonly Other[], isDry: boolean, key?: string): Promise<Outcome<Plan>> =>
      visit.api.send<Plan>(
        'POST',
        `/service/${visit.service.id}/notifications/resend`,
        {
          ...selection.body,
          ...{ created_by: visit.person.id, dry_run: isDry },
          ...(recipients.length > 0 && {
            recipients: Object.fromEntries(recipients.map(({ id, text }) => [id, text])),
          }),
        },
        key,
      );
    const planned = await ask(others, true);
    if (!planned.ok) {
      const wrong = planned.fields['recipients'];
      const without = wrong ? await ask([], true) : null;
      if (!wrong || !without?.ok) return refused(visit, Object.values(planned.fields).flat());
      return checkPage(visit, { selection, others, plan: without.data, wrong, changed: false });
    }
    const plan = planned.data;
    const shown = { selection, others, plan, wrong: [] };
    if (!form.has('sure')) return checkPage(visit, { ...shown, changed: false });
    // What is sent is what was shown, or it is shown anew.
    if (form.text('seen') !== seenOf(plan)) return checkPage(visit, { ...shown, changed: true });
    const done = await ask(others, false, form.id);
    if (!done.ok) return refused(visit, Object.values(done.fields).flat());
    if (done.data.data === null) return checkPage(visit, { ...shown, plan: done.data, changed: true });
    return redirect(
      visit.at(`/files/${done.data.data.id}`),
      `${counted(done.data.count, 'message is', 'messages are')} being sent again.`,
    );
  },
});

/** What the button of a check page promised. */
function seenOf({ count, may_arrive_twice: twice, cost_units: units }: Plan): string {
  return `${count} ${twice} ${units}`;
}

type Shown = Readonly<{
  selection: Selection;
  others: readonly Other[];
  plan: Plan;
  /** Sentences of the API about other recipients, each with the id of the message. */
  wrong: readonly string[];
  changed: boolean;
}>;

function checkPage(visit: ServiceVisit, { selection, others, plan, wrong, changed }: Shown): Answer {
  const { fields, at } = visit;
  const { count } = plan;
  const all = count + plan.left_out.reduce((sum, left) => sum + left.count, 0);
  const title = 'Send messages again';
  const faults = wrong.map((text) => {
    const [, sentence, id] = /^(.*?)\s*\(([0-9a-f-]{36})\)$/.exec(text) ?? [];
    return { text: sentence ?? text, id: id ?? null };
  });
  const inputs = recipientFields(plan, others, faults);
  return page(
    title,
    html`${errorSummary(faults.map(({ text, id }) => ({ text, ...(id !== null && { href: `#recipient-${id}` }) })))}${heading(1, title)}${
      changed
        ? insetText('Something has changed since this page was made. Look at it again before you send.')
        : null
    }${paragraph(sentenceOf(count, all), 'govuk-body-l')}${leftOut(plan, at)}${
      plan.may_arrive_twice > 0
        ? warningText(
            `${inFigures(plan.may_arrive_twice)} may arrive twice: ${plan.may_arrive_twice === 1 ? 'it' : 'they'} arrived before, or nobody knows what became of ${plan.may_arrive_twice === 1 ? 'it' : 'them'}.`,
          )
        : null
    }${
      count === 0
        ? null
        : summaryList({
            rows: [
              { key: 'Messages', value: inFigures(count) },
              { key: 'Cost', value: inPounds(plan.cost_in_pounds) },
            ],
          })
    }${postForm(
      { action: at('/messages/again'), fields },
      html`${selection.fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<input type="hidden" name="seen" value="${seenOf(plan)}">`,
      inputs,
      html`<div class="app-actions">${count === 0 ? null : button({ text: `Send ${counted(count, 'message')} again`, name: 'sure', value: '1', preventDoubleClick: true })}${inputs === null ? null : button({ text: 'Check again', classes: 'govuk-button--secondary' })}</div>`,
    )}${count === 0 ? null : paragraph('The messages keep their own values and the version of the template that they had. Each is sent again once, whatever is clicked.', 'app-quiet')}`,
    {
      back: { href: at('/messages'), text: 'Messages' },
      isError: faults.length > 0,
      status: faults.length > 0 ? 400 : 200,
    },
  );
}

function sentenceOf(count: number, all: number): string {
  if (count === 0)
    return all === 1
      ? 'This message cannot be sent again as it is.'
      : 'None of these messages can be sent again as they are.';
  if (count === all) return `${counted(count, 'message')} can be sent again.`;
  return `${inFigures(count)} of ${counted(all, 'message')} can be sent again.`;
}

function leftOut({ left_out: left, resent_as: resent }: Plan, at: ServiceVisit['at']): Html | null {
  if (left.length === 0) return null;
  const jobs = [...new Set(resent.map(({ job }) => job))].slice(0, 5);
  return html`${paragraph('Left out, because sending again would not help:')}<ul class="govuk-list govuk-list--bullet">${left.map(
    ({ reason, count }) => {
      const words = reasonWords[reason]?.(inFigures(count), count === 1) ?? `${inFigures(count)}: ${reason}`;
      const links = jobs.map(
        (job, index) =>
          html` ${link(at(`/files/${job}`), `See the file${jobs.length > 1 ? ` (${index + 1})` : ''}`)}`,
      );
      return html`<li>${words}${reason === 'repeated' ? links : null}</li>`;
    },
  )}</ul>`;
}

function recipientFields(
  { unreachable }: Plan,
  others: readonly Other[],
  faults: readonly Readonly<{ text: string; id: string | null }>[],
): Html | null {
  const given = new Map(others.map((other) => [other.id, other]));
  const open = unreachable
    .filter(({ id }) => !given.has(id))
    .map(({ id, recipient }) => ({ id, was: recipient, text: '' }));
  const shown = [...others, ...open];
  if (shown.length === 0) return null;
  return html`${heading(2, 'Other recipients')}${paragraph('Give another recipient to whom the message is sent instead. What is left empty is not sent.')}${shown.map(
    ({ id, was, text }) => {
      const fault = faults.find((one) => one.id === id);
      return html`<input type="hidden" name="was-${id}" value="${was}">${input({
        name: `recipient-${id}`,
        label: html`Instead of <span dir="auto">${was}</span>`,
        value: text,
        error: fault ? { text: fault.text } : null,
        attributes: { dir: 'auto', autocomplete: 'off', spellcheck: 'false' },
      })}`;
    },
  )}`;
}

function nothingChosen({ at }: ServiceVisit, status: number): Answer {
  return page(
    'Send messages again',
    html`${heading(1, 'Send messages again')}${paragraph(html`No message is chosen. Tick some of ${link(at('/messages?status=failed'), 'those that failed')}, or open ${link(at('/files'), 'a file')} and send its failed ones again.`)}`,
    { status },
  );
}

function refused({ at }: ServiceVisit, sentences: readonly string[]): Answer {
  return page(
    'These messages cannot be sent again',
    html`${heading(1, 'These messages cannot be sent again')}${sentences.map((sentence) => paragraph(html`<span dir="auto">${sentence}</span>`))}${paragraph(html`Nothing was sent. ${link(at('/messages'), 'Choose others')}.`)}`,
    { status: 400 },
  );
}

export const againPages: readonly Page[] = [again];
