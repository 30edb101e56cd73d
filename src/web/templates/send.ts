import { type Html, html } from '../../ground/html.ts';
import { details, heading, insetText, paragraph, summaryList } from '../components/content.ts';
import { button, errorSummary, input, postForm, select } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { sendOne } from './send-one.ts';
import { readSenders, type Sender } from './senders.ts';
import {
  draftOf,
  type Placeholder,
  placeholdersOf,
  readTemplate,
  type Template,
  valueField,
  valuesOf,
} from './template.ts';
import { costOf, mailButton, mailFrame, messageBox, renderDraft, type Values } from './view.ts';

/** What has been filled in so far. */
type Filled = Readonly<{ to: string; values: Values; senderId: string }>;

type Step = Readonly<{
  template: Template;
  placeholders: readonly Placeholder[];
  senders: readonly Sender[] | null;
  filled: Filled;
}>;

const words = {
  sms: { permission: 'send_texts', to: 'Phone number', mine: 'Use my phone number' },
  email: { permission: 'send_emails', to: 'Email address', mine: 'Use my email address' },
} as const;

const recipientPurpose = ({ service }: ServiceVisit) => `recipient ${service.id}`;

/** The page that sends one message, with its recipient: sealed, as it is somebody's, and for this service only. */
export function sendPath(visit: ServiceVisit, templateId: string, to: string): string {
  return visit.at(`/templates/${templateId}/send?to=${visit.seal(recipientPurpose(visit), to)}`);
}

/** Sending one message by hand: who and what, then a look at it, then gone (spec 07, section 6). */
export const sendPage = servicePage('/templates/:template/send', ['send_texts', 'send_emails'], {
  async get(visit) {
    const step = await readStep(visit, null);
    const to = visit.unseal<string>(recipientPurpose(visit), visit.query.get('to') ?? '') ?? '';
    return fillPage(visit, { ...step, filled: { ...step.filled, to } });
  },
  async post(visit, form) {
    const step = await readStep(visit, form);
    const { template, placeholders, filled } = step;
    const todo = form.text('do');
    if (todo === 'mine')
      return fillPage(visit, { ...step, filled: { ...filled, to: ownAddress(visit, template) } });
    if (todo === 'change') return fillPage(visit, step);
    const faults = faultsOf(template, placeholders, filled);
    if (faults.length > 0) return fillPage(visit, step, faults);
    if (todo !== 'send') return checkPage(visit, step);
    const outcome = await sendOne(visit, template, {
      ...{ to: filled.to, values: filled.values, senderId: filled.senderId || null },
      key: form.id,
    });
    if ('id' in outcome) return redirect(visit.at(`/messages/${outcome.id}`), 'The message is on its way.');
    return fillPage(
      visit,
      step,
      outcome.sentences.map((text) => ({ text, field: fieldOf(text) })),
    );
  },
});

function ownAddress({ person }: ServiceVisit, { template_type: type }: Template): string {
  return (type === 'sms' ? person.mobile : person.email) ?? '';
}

async function readStep(visit: ServiceVisit, form: Form | null): Promise<Step> {
  const { api, service, params } = visit;
  const template = await readTemplate(api, service.id, params['template']!);
  const placeholders = placeholdersOf(draftOf(template));
  const filled = {
    to: form?.text('to').trim() ?? '',
    values: valuesOf(placeholders, form, () => ''),
    senderId: form?.text('sender') ?? '',
  };
  const senders = await readSenders(api, service.id, template.template_type);
  return { template, placeholders, senders, filled };
}

type Fault = Readonly<{ text: string; field: string | null }>;

/** The API checks all the rest. A placeholder that only shows or hides a text may be left empty. */
function faultsOf(
  { template_type: type }: Template,
  placeholders: readonly Placeholder[],
  filled: Filled,
): Fault[] {
  const missing = placeholders.flatMap(({ name, isConditional }, index) =>
    isConditional || filled.values[name] !== ''
      ? []
      : [{ text: `Enter a value for ${name}`, field: `value-${index + 1}` }],
  );
  const noRecipient = {
    text: `Enter ${type === 'sms' ? 'a phone number' : 'an email address'}`,
    field: 'to',
  };
  return filled.to === '' ? [noRecipient, ...missing] : missing;
}

/** The field that a refusal of the API is about; null: none. */
function fieldOf(text: string): string | null {
  if (/sender|reply to/i.test(text)) return 'sender';
  return /recipient|phone|number|email address|country|trial|team/i.test(text) ? 'to' : null;
}

function fillPage(visit: ServiceVisit, step: Step, faults: readonly Fault[] = []): Answer {
  const { at, fields, service, person, may } = visit;
  const { template, placeholders, senders, filled } = step;
  const { id, name, template_type: type, archived } = template;
  const title = 'Send to one person';
  const back = { href: at(`/templates/${id}`), text: 'Back to the template' };
  const { permission, to, mine } = words[type];
  if (archived || !may(permission))
    return page(
      title,
      html`${heading(1, title)}${insetText(archived ? 'This template is deleted: nothing can be sent with it.' : `You may not send ${type === 'sms' ? 'text messages' : 'emails'} of this service. Somebody who manages the team can let you.`)}`,
      { back, status: archived ? 400 : 403 },
    );
  const own = ownAddress(visit, template);
  const error = (field: string) => {
    const text = faults.find((fault) => fault.field === field)?.text;
    return text === undefined ? null : { text };
  };
  const choices = (senders ?? []).map(({ id: value, text, isDefault }) => ({
    value,
    text: isDefault ? `${text} (as usual)` : text,
    selected: filled.senderId === '' ? isDefault : filled.senderId === value,
  }));
  return page(
    title,
    html`${errorSummary(faults.map(({ text, field }) => ({ text, ...(field !== null && (field !== 'sender' || choices.length > 1) && { href: `#${field}` }) })))}${heading(1, title)}${paragraph(html`<strong dir="auto">${name}</strong>`)}${
      service.restricted
        ? insetText('This service is in trial: you can send to yourself and to your team only.')
        : null
    }${postForm(
      { action: at(`/templates/${id}/send`), fields },
      input({
        name: 'to',
        label: to,
        type: type === 'sms' ? 'tel' : 'email',
        value: filled.to,
        error: error('to'),
        attributes: { autocomplete: 'off', spellcheck: 'false' },
      }),
      // Whatever is sent by the Enter key is checked, and not replaced by one's own number.
      html`<button class="govuk-visually-hidden" tabindex="-1" aria-hidden="true" name="do" value="check">Continue</button>`,
      own === '' || own === filled.to
        ? null
        : button({ text: mine, name: 'do', value: 'mine', classes: 'govuk-button--secondary' }),
      html`${placeholders.map(({ name: placeholder, isConditional }, index) =>
        input({
          name: valueField(placeholder),
          id: `value-${index + 1}`,
          label: html`<span dir="auto">${placeholder}</span>`,
          value: filled.values[placeholder] ?? '',
          error: error(`value-${index + 1}`),
          ...(isConditional && { hint: '“yes” shows its text, “no” or nothing leaves it out.' }),
          attributes: { dir: 'auto', autocomplete: 'off' },
        }),
      )}`,
      choices.length > 1
        ? select({
            name: 'sender',
            label: type === 'sms' ? 'From' : 'Answers go to',
            items: choices,
            error: error('sender'),
          })
        : null,
      button({ text: 'Continue', name: 'do', value: 'check' }),
    )}${person.mobile === null && type === 'sms' ? paragraph(html`To send to yourself, add your mobile number to your <a class="govuk-link" href="/account">account</a>.`) : null}`,
    { back, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
  );
}

/** The message as it will be, and its price; nothing has been sent yet. */
async function checkPage(visit: ServiceVisit, step: Step): Promise<Answer> {
  const { api, service, at, fields } = visit;
  const { template, placeholders, senders, filled } = step;
  const { id, template_type: type } = template;
  const rendered = await renderDraft(api, service.id, draftOf(template), filled.values);
  if (!rendered.ok)
    return fillPage(
      visit,
      step,
      rendered.sentences.map((text) => ({ text, field: null })),
    );
  const sender =
    senders?.find((one) => (filled.senderId === '' ? one.isDefault : one.id === filled.senderId))?.text ??
    null;
  const mail = at(`/templates/${id}/mail`);
  const title = 'Check the message';
  return page(
    title,
    html`${heading(1, title)}${paragraph('Nothing has been sent yet.')}${postForm(
      { action: at(`/templates/${id}/send`), fields },
      hiddenValues(placeholders, filled),
      summaryList({
        rows: [
          { key: 'To', value: html`<span dir="auto">${filled.to}</span>` },
          ...(type === 'email' && sender !== null
            ? [{ key: 'Answers go to', value: html`<span dir="auto">${sender}</span>` }]
            : []),
          { key: 'Cost', value: costOf(rendered) },
        ],
      }),
      messageBox(rendered, type === 'sms' ? sender : null),
      type === 'email'
        ? html`${mailFrame({ from: null, draft: mail })}${mailButton(mail)}${details({ summary: 'The same as plain text', content: html`<p class="app-difference" dir="auto">${rendered.preview.text}</p>` })}`
        : null,
      html`<div class="app-actions">${button({ text: 'Send now', name: 'do', value: 'send', preventDoubleClick: true })}${button({ text: 'Change', name: 'do', value: 'change', classes: 'govuk-button--secondary' })}</div>`,
    )}`,
    { back: { href: at(`/templates/${id}`), text: 'Back to the template' } },
  );
}

function hiddenValues(placeholders: readonly Placeholder[], { to, values, senderId }: Filled): Html {
  const one = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`;
  return html`${one('to', to)}${one('sender', senderId)}${placeholders.map(({ name }) => one(valueField(name), values[name] ?? ''))}`;
}
