import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { button, checkboxes, input, postForm } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults, sentenceOf } from '../words/faults.ts';
import { phoneText, recipientView } from '../words/phones.ts';
import { sentences } from './service.ts';

export type Sender = Readonly<{
  id: string;
  sms_sender: string;
  is_default: boolean;
  inbound_number_id: string | null;
}>;
export type ReplyTo = Readonly<{ id: string; email_address: string; is_default: boolean }>;

type Entry = Readonly<{ id: string; text: string; isDefault: boolean; note: string | null }>;

/** The table of senders or reply-to addresses, with what can be done to each. */
export function entryTable(
  { at, fields }: ServiceVisit,
  path: string,
  caption: string,
  head: string,
  entries: readonly Entry[],
): Html {
  const rows = entries.map(({ id, text, isDefault, note }) => {
    const which = html`<span class="govuk-visually-hidden"> ${text}</span>`;
    const canGo = !isDefault && note === null;
    return [
      {
        content: html`${recipientView(phoneText(text))}${note === null ? null : html`<br><span class="app-quiet">${note}</span>`}`,
        header: true,
      },
      isDefault ? tag('Default', 'good') : 'When chosen',
      isDefault && !canGo
        ? ''
        : postForm(
            { action: at(`${path}/${id}`), fields, attributes: { class: 'app-actions' } },
            isDefault
              ? null
              : button({
                  text: html`Make default${which}`,
                  name: 'do',
                  value: 'default',
                  classes: 'govuk-button--secondary',
                }),
            canGo
              ? button({
                  text: html`Remove${which}`,
                  name: 'do',
                  value: 'remove',
                  classes: 'govuk-button--warning',
                })
              : null,
          ),
    ];
  });
  return table({ caption, head: [head, 'Used', 'Change'], rows, empty: 'There are none yet.' });
}

export const defaultBox = (isTicked: boolean) =>
  checkboxes({
    name: 'default',
    legend: 'Use',
    legendClasses: 'govuk-visually-hidden',
    items: [{ value: 'yes', text: 'Make it the default, for messages that choose none', selected: isTicked }],
  });

async function readSenders({ api, service }: ServiceVisit): Promise<readonly Sender[]> {
  return api.get<readonly Sender[]>(`/service/${service.id}/sms-sender`);
}

async function sendersPage(visit: ServiceVisit, form: Form | null, faults: Faults): Promise<Answer> {
  const { at, fields } = visit;
  const entries = (await readSenders(visit)).map((sender) => ({
    ...{ id: sender.id, text: sender.sms_sender, isDefault: sender.is_default },
    note:
      sender.inbound_number_id === null
        ? null
        : 'People can send texts to this number. Only operators can remove it.',
  }));
  return page(
    'Senders of text messages',
    html`${faultSummary(faults)}${heading(1, 'Senders of text messages')}${paragraph('The name or number that a phone shows as the sender.')}${entryTable(visit, '/settings/senders', 'Senders', 'Sender', entries)}${heading(2, 'Add a sender')}${postForm(
      { action: at('/settings/senders'), fields },
      input({
        name: 'sender',
        label: 'Sender',
        hint: '3 to 11 letters, digits and spaces, or a number of 5 to 15 digits. People cannot answer a name.',
        value: form?.text('sender') ?? '',
        error: errorAt(faults, 'sender'),
        classes: 'govuk-input--width-20',
        attributes: { spellcheck: 'false' },
      }),
      defaultBox(entries.length === 0),
      button({ text: 'Add', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), wide: true, back: { href: at('/settings'), text: 'Settings' } },
  );
}

const senders = servicePage('/settings/senders', 'manage_settings', {
  get: (visit) => sendersPage(visit, null, noFaults),
  async post(visit, form) {
    const { api, service, at } = visit;
    const text = form.text('sender').trim();
    if (text === '') return sendersPage(visit, form, { sender: 'Enter a sender.' });
    const body = { sms_sender: text, is_default: form.text('default') === 'yes' };
    const added = await api.send('POST', `/service/${service.id}/sms-sender`, body, form.id);
    if (!added.ok) return sendersPage(visit, form, { sender: sentenceOf(sentences(added)) });
    return redirect(at('/settings/senders'), 'The sender is added.');
  },
});

const sender = servicePage('/settings/senders/:sender', 'manage_settings', {
  get: ({ at }) => redirect(at('/settings/senders')),
  async post(visit, form) {
    const { api, service, at, params } = visit;
    const path = `/service/${service.id}/sms-sender/${encodeURIComponent(params['sender']!)}`;
    const isRemoval = form.text('do') === 'remove';
    const now = await api.get<Sender>(path);
    const done = isRemoval
      ? await api.send('POST', `${path}/archive`, {}, form.id)
      : await api.send('POST', path, { sms_sender: now.sms_sender, is_default: true }, form.id);
    if (!done.ok) return sendersPage(visit, null, { '': sentenceOf(sentences(done)) });
    return redirect(at('/settings/senders'), isRemoval ? 'The sender is removed.' : 'Saved.');
  },
});

export const senderPages: readonly Page[] = [senders, sender];
