import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults, sentenceOf } from '../words/faults.ts';
import { defaultBox, entryTable, type ReplyTo } from './senders.ts';
import { sentences } from './service.ts';

/** An address that is being tried, as the browser keeps it, sealed: it stands in no address. */
type Trial = Readonly<{ replyTo: string; serviceId: string; messageId: string; isDefault: boolean }>;

async function readAll({ api, service }: ServiceVisit): Promise<readonly ReplyTo[]> {
  return api.get<readonly ReplyTo[]>(`/service/${service.id}/email-reply-to`);
}

async function listPage(visit: ServiceVisit, form: Form | null, faults: Faults): Promise<Answer> {
  const { at, fields } = visit;
  const entries = (await readAll(visit)).map(({ id, email_address: text, is_default: isDefault }) => ({
    ...{ id, text, isDefault, note: null },
  }));
  return page(
    'Where replies go',
    html`${faultSummary(faults)}${heading(1, 'Where replies go')}${paragraph('Answers to your emails go to one of these addresses.')}${entryTable(visit, '/settings/reply-to', 'Addresses', 'Address', entries)}${heading(2, 'Add an address')}${paragraph('We send an email to it first, to see that it exists.')}${postForm(
      { action: at('/settings/reply-to'), fields },
      input({
        name: 'address',
        label: 'Email address',
        type: 'email',
        value: form?.text('address') ?? '',
        error: errorAt(faults, 'address'),
        classes: 'govuk-input--width-30',
        attributes: { spellcheck: 'false', autocomplete: 'off' },
      }),
      defaultBox(entries.length === 0),
      button({ text: 'Send the email', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), wide: true, back: { href: at('/settings'), text: 'Settings' } },
  );
}

const list = servicePage('/settings/reply-to', 'manage_settings', {
  get: (visit) => listPage(visit, null, noFaults),
  async post(visit, form) {
    const { api, service, at } = visit;
    const email = form.text('address').trim();
    if (email === '') return listPage(visit, form, { address: 'Enter an email address.' });
    const path = `/service/${service.id}/email-reply-to/verify`;
    const sent = await api.send<{ data: { id: string } }>('POST', path, { email }, form.id);
    if (!sent.ok)
      return listPage(visit, form, { address: sentenceOf(sent.fields['email']?.[0] ?? sentences(sent)) });
    const waiting: Trial = {
      ...{ replyTo: email, serviceId: service.id, messageId: sent.data.data.id },
      isDefault: form.text('default') === 'yes',
    };
    return redirect(at('/settings/reply-to/try'), undefined, { waiting });
  },
});

const statuses: Readonly<Record<string, 'arrived' | 'failed'>> = {
  delivered: 'arrived',
  'permanent-failure': 'failed',
  'temporary-failure': 'failed',
  'technical-failure': 'failed',
};

function trialOf({ waiting, service }: ServiceVisit): Trial | null {
  const trial = waiting as Trial | null;
  return trial?.serviceId === service.id && trial.messageId ? trial : null;
}

async function stateOf(
  { api, service }: ServiceVisit,
  trial: Trial,
): Promise<'arrived' | 'failed' | 'waiting'> {
  const path = `/service/${service.id}/email-reply-to/verify/${trial.messageId}`;
  const { data } = await api.get<{ data: { status: string } }>(path);
  return statuses[data.status] ?? 'waiting';
}

async function tryPage(visit: ServiceVisit, trial: Trial, faults: Faults): Promise<Answer> {
  const { at, fields, path, region } = visit;
  const state = await stateOf(visit, trial);
  const parts: Readonly<Record<typeof state, Html>> = {
    waiting: html`${paragraph('The email is on its way. It takes some seconds, at times a minute.')}${paragraph(link(path, 'Look again'))}`,
    arrived: html`${paragraph('The email has arrived: the address exists.')}${postForm({ action: path, fields }, button({ text: 'Add the address', preventDoubleClick: true }))}`,
    failed: html`${paragraph('The email could not be delivered. Check how the address is spelled, and whether its mailbox takes emails from outside.')}${paragraph(link(at('/settings/reply-to'), 'Try another address'))}`,
  };
  const said = {
    waiting: undefined,
    arrived: 'The email has arrived.',
    failed: 'It could not be delivered.',
  };
  return page(
    'Trying the address',
    html`${faultSummary(faults)}${heading(1, 'Trying the address')}${insetText(html`<span dir="auto">${trial.replyTo}</span>`)}${region('trial', parts[state], said[state])}`,
    { ...answering(faults), back: { href: at('/settings/reply-to'), text: 'Where replies go' } },
  );
}

const attempt = servicePage('/settings/reply-to/try', 'manage_settings', {
  live: true,
  async get(visit) {
    const trial = trialOf(visit);
    return trial ? tryPage(visit, trial, noFaults) : redirect(visit.at('/settings/reply-to'));
  },
  async post(visit, form) {
    const { api, service, at } = visit;
    const trial = trialOf(visit);
    if (!trial) return redirect(at('/settings/reply-to'));
    if ((await stateOf(visit, trial)) !== 'arrived') return tryPage(visit, trial, noFaults);
    const body = { email_address: trial.replyTo, is_default: trial.isDefault };
    const added = await api.send('POST', `/service/${service.id}/email-reply-to`, body, form.id);
    if (!added.ok) return tryPage(visit, trial, { '': sentenceOf(sentences(added)) });
    return redirect(at('/settings/reply-to'), 'The address is added.', { waiting: null });
  },
});

const one = servicePage('/settings/reply-to/:address', 'manage_settings', {
  get: ({ at }) => redirect(at('/settings/reply-to')),
  async post(visit, form) {
    const { api, service, at, params } = visit;
    const path = `/service/${service.id}/email-reply-to/${encodeURIComponent(params['address']!)}`;
    const isRemoval = form.text('do') === 'remove';
    const now = await api.get<ReplyTo>(path);
    const done = isRemoval
      ? await api.send('POST', `${path}/archive`, {}, form.id)
      : await api.send('POST', path, { email_address: now.email_address, is_default: true }, form.id);
    if (!done.ok) return listPage(visit, null, { '': sentenceOf(sentences(done)) });
    return redirect(at('/settings/reply-to'), isRemoval ? 'The address is removed.' : 'Saved.');
  },
});

export const replyToPages: readonly Page[] = [list, attempt, one];
