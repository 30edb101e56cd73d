import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, checkboxes, errorSummary, input, postForm, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, Missing, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import {
  type Fault,
  faultAt,
  faultsOfReason,
  notNow,
  reasonInput,
  recordReason,
  summaryOf,
} from './forms.ts';
import { type Behaviour, callSandbox, SandboxAway } from './sandbox-line.ts';

const path = '/platform/sandbox';

const rates = [
  ['refusal_rate', 'Refused for good'],
  ['failure_rate', 'Failed for now'],
  ['timeout_rate', 'Accepted, but not answered'],
  ['reset_rate', 'Accepted, and the connection broken'],
  ['receipt_drop_rate', 'Without a receipt'],
  ['receipt_duplicate_rate', 'With two receipts'],
] as const;
const waits = [
  ['latency_ms', 'An answer takes'],
  ['receipt_delay_ms', 'A receipt comes after'],
] as const;
const switches = [
  ['outage', 'It is down: every request to send fails'],
  ['receipt_shuffle', 'Receipts come in random order'],
] as const;
const recipientChoices = [
  ['', 'Nothing special: forget what was set'],
  ['permanent-failure', 'Reported as not existing'],
  ['temporary-failure', 'Reported as not accepting messages'],
  ['delivered', 'Reported as delivered'],
  ['refuse', 'Refused for good'],
  ['unknown', 'Refused: the recipient doesn’t exist'],
  ['full', 'Refused: the mailbox is full'],
  ['fail', 'Failed for now'],
  ['timeout', 'Accepted, but not answered'],
  ['reset', 'Accepted, and the connection broken'],
  ['receipt_drop', 'Without a receipt'],
] as const;

/** Trying trouble where no message leaves the installation (spec 07, section 7). */
const sandbox = operatorPage(path, {
  get: (visit) => sandboxPage(visit, [], null),
  async post(visit, form) {
    const url = visit.site.sandboxUrl;
    if (url === null) throw new Missing('There is no sandbox');
    const what = form.text('do');
    const id = what === 'recipient' ? 'reason-recipient' : 'reason';
    const read = what === 'reset' ? null : what === 'recipient' ? recipientIn(form) : settingsIn(form);
    const faults = [...(read?.faults ?? []), ...faultsOfReason(form, id)];
    if (faults.length > 0) return sandboxPage(visit, faults, form);
    await recordReason(visit, form, what === 'reset' ? 'reset_sandbox' : 'set_sandbox');
    try {
      const refused =
        read === null ? await callSandbox(url, 'DELETE') : await callSandbox(url, 'PUT', read.change);
      if ('fault' in refused) return sandboxPage(visit, [{ id: null, text: refused.fault }], form);
    } catch (error) {
      if (!(error instanceof SandboxAway)) throw error;
      return sandboxPage(
        visit,
        [{ id: null, text: 'The sandbox does not answer. Nothing was changed.' }],
        form,
      );
    }
    return redirect(
      path,
      what === 'reset' ? 'The sandbox behaves as at the start.' : 'The sandbox behaves as you set it.',
    );
  },
});

type Read = Readonly<{ change: object; faults: readonly Fault[] }>;

const mostWait = 86_400_000;

function settingsIn(form: Form): Read {
  const faults: Fault[] = [];
  const change: Record<string, unknown> = {};
  for (const [name, label] of rates) {
    const percent = Number(form.text(name).trim() || '0');
    if (!(percent >= 0 && percent <= 100))
      faults.push({ id: name, text: `${label} must be a number from 0 to 100.` });
    change[name] = percent / 100;
  }
  for (const [name, label] of waits) {
    const [min, max] = ['min', 'max'].map((end) => Number(form.text(`${name}-${end}`).trim() || '0'));
    const areWhole = [min, max].every((wait) => Number.isInteger(wait) && wait! >= 0 && wait! <= mostWait);
    if (!areWhole || min! > max!)
      faults.push({
        id: `${name}-min`,
        text: `${label}: enter whole milliseconds up to ${mostWait}, the second not less than the first.`,
      });
    change[name] = { min, max };
  }
  const seed = form.text('seed').trim();
  if (seed !== '' && !/^-?\d{1,15}$/.test(seed))
    faults.push({ id: 'seed', text: 'The seed must be a whole number, or empty.' });
  change['seed'] = seed === '' ? null : Number(seed);
  for (const [name] of switches) change[name] = form.all('switches').includes(name);
  return { change, faults };
}

function recipientIn(form: Form): Read {
  const recipient = form.text('recipient').trim();
  const what = form.text('what');
  const faults = [
    ...(recipient !== '' && recipient.length <= 320
      ? []
      : [{ id: 'recipient', text: 'Enter a phone number or an email address.' }]),
    ...(recipientChoices.some(([value]) => value === what)
      ? []
      : [{ id: 'what', text: 'Choose what happens.' }]),
  ];
  const isOutcome = ['permanent-failure', 'temporary-failure', 'delivered'].includes(what);
  const behaviour = what === '' ? null : isOutcome ? { outcome: what } : { [what]: true };
  return { change: { recipients: { [recipient]: behaviour } }, faults };
}

async function sandboxPage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const url = visit.site.sandboxUrl;
  const title = 'Sandbox';
  const more = { isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 };
  if (url === null)
    return page(
      title,
      html`${heading(1, title)}${paragraph('No message of this installation goes through the sandbox: every type has a provider, or is refused.')}`,
    );
  const found = await callSandbox(url, 'GET').catch((error: unknown) => {
    if (error instanceof SandboxAway) return null;
    throw error;
  });
  const behaviour = found && 'behaviour' in found ? found.behaviour : null;
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${paragraph(html`What the sandbox takes lands in ${link(url, 'its inbox')} and never leaves this installation. Here it can be made to fail as providers do.`)}${
      behaviour === null
        ? notNow('How the sandbox behaves')
        : html`${settingsForm(behaviour, visit, faults, form)}${recipientForm(behaviour, visit, faults, form)}`
    }`,
    more,
  );
}

function settingsForm(
  behaviour: Behaviour,
  visit: PersonVisit,
  faults: readonly Fault[],
  given: Form | null,
): Html {
  const form = given && given.text('do') !== 'recipient' ? given : null;
  const on = form ? form.all('switches') : switches.flatMap(([name]) => (behaviour[name] ? [name] : []));
  const number = (name: string, value: number) => form?.text(name) ?? String(value);
  return html`${heading(2, 'How it behaves')}${postForm(
    { action: path, fields: visit.fields },
    checkboxes({
      ...{ name: 'switches', legend: 'What is wrong with it' },
      items: switches.map(([value, text]) => ({ value, text, selected: on.includes(value) })),
    }),
    ...rates.map(([name, label]) =>
      input({
        ...{ name, label: `${label}, in per cent of messages`, classes: 'govuk-input--width-5' },
        ...{ value: number(name, round(behaviour[name] * 100)), error: faultAt(faults, name) },
        attributes: { inputmode: 'decimal' },
      }),
    ),
    ...waits.flatMap(([name, label]) =>
      (['min', 'max'] as const).map((end) =>
        input({
          name: `${name}-${end}`,
          label: `${label}, in milliseconds: at ${end === 'min' ? 'least' : 'most'}`,
          ...{ classes: 'govuk-input--width-10', error: faultAt(faults, `${name}-${end}`) },
          ...{ value: number(`${name}-${end}`, behaviour[name][end]), attributes: { inputmode: 'numeric' } },
        }),
      ),
    ),
    input({
      ...{ name: 'seed', label: 'Seed', hint: 'To repeat a run. Leave empty for a different one each time.' },
      ...{ value: form?.text('seed') ?? (behaviour.seed === null ? '' : String(behaviour.seed)) },
      ...{ classes: 'govuk-input--width-10', error: faultAt(faults, 'seed') },
    }),
    reasonInput(faults, form),
    html`<div class="app-actions">${button({ text: 'Save how it behaves', name: 'do', value: 'set', preventDoubleClick: true })}${button({ text: 'Reset everything', name: 'do', value: 'reset', classes: 'govuk-button--secondary', preventDoubleClick: true })}</div>`,
  )}`;
}

const round = (value: number) => Math.round(value * 1000) / 1000;

function recipientForm(
  behaviour: Behaviour,
  visit: PersonVisit,
  faults: readonly Fault[],
  given: Form | null,
): Html {
  const form = given?.text('do') === 'recipient' ? given : null;
  const set = Object.entries(behaviour.recipients);
  return html`${heading(2, 'For one recipient')}${
    set.length === 0
      ? null
      : table({
          ...{ caption: 'What is set', captionClasses: 'govuk-visually-hidden' },
          head: ['Recipient', 'What happens'],
          rows: set
            .slice(0, 100)
            .map(([name, what]) => [
              { content: html`<span dir="auto">${name}</span>`, header: true },
              behaviourText(what),
            ]),
        })
  }${postForm(
    { action: path, fields: visit.fields },
    input({
      ...{ name: 'recipient', label: 'Phone number or email address', value: form?.text('recipient') ?? '' },
      ...{ error: faultAt(faults, 'recipient'), attributes: { autocomplete: 'off', spellcheck: 'false' } },
    }),
    select({
      ...{ name: 'what', label: 'What happens to messages for it', error: faultAt(faults, 'what') },
      items: recipientChoices.map(([value, text]) => ({
        ...{ value, text, selected: value === (form?.text('what') ?? 'permanent-failure') },
      })),
    }),
    reasonInput(faults, form, 'reason-recipient'),
    button({
      ...{ text: 'Set for this recipient', name: 'do', value: 'recipient', preventDoubleClick: true },
      classes: 'govuk-button--secondary',
    }),
  )}`;
}

function behaviourText(what: Readonly<Record<string, unknown>>): string {
  const keys = Object.entries(what).flatMap(([name, value]) =>
    name === 'outcome' ? [String(value)] : value === true ? [name] : [],
  );
  return keys.map((key) => recipientChoices.find(([value]) => value === key)?.[1] ?? key).join('; ');
}

export const sandboxPages = [sandbox];
