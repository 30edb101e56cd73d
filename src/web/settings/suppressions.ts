import { html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, checkboxes, input, postForm } from '../components/form.ts';
import { pagination } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { isMember } from '../frame/members.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { phoneText, recipientView } from '../words/phones.ts';
import { timeOf } from '../words/times.ts';

type Suppression = Readonly<{
  id: string;
  notification_type: 'sms' | 'email';
  recipient: string;
  reason: string;
  created_at: string;
  expires_at: string | null;
}>;
type List = Readonly<{ suppressions: readonly Suppression[]; links: Readonly<{ next?: string }> }>;

export const suppressionReasons: Readonly<Record<string, string>> = {
  manual: 'Added by somebody in the team',
  unsubscribed: 'Unsubscribed',
  complaint: 'Complained about an email',
  'permanent-failure': 'The number or address does not exist',
};

/** `search`: a recipient that is looked for; null: all. It comes and goes in the body of a form only. */
async function suppressionsPage(
  visit: ServiceVisit,
  search: string | null,
  form: Form | null,
  faults: Faults,
): Promise<Answer> {
  const { api, service, at, fields, zone, query } = visit;
  const base = `/service/${service.id}/suppressions`;
  const asked = new URLSearchParams();
  if (search !== null) asked.set('recipient', search);
  const older = query.get('older_than');
  if (older !== null && search === null) asked.set('older_than', older);
  const [list, setting] = await Promise.all([
    api.get<List>(`${base}?${asked}`),
    api.get<{ suppress_failed_recipients: boolean }>(`${base}/settings`),
  ]);
  const seesPeople = isMember(visit);
  const rows = list.suppressions.map(
    ({ id, recipient, reason, created_at, expires_at, notification_type }) => [
      {
        content: seesPeople
          ? recipientView(phoneText(recipient))
          : notification_type === 'sms'
            ? 'A phone number'
            : 'An email address',
        header: true,
      },
      suppressionReasons[reason] ?? reason,
      timeOf(created_at, zone),
      expires_at === null ? 'No end' : timeOf(expires_at, zone),
      postForm(
        { action: at(`/settings/suppressions/${id}`), fields },
        button({
          text: html`Allow again<span class="govuk-visually-hidden"> messages to ${seesPeople ? phoneText(recipient) : 'this recipient'}</span>`,
          classes: 'govuk-button--secondary',
        }),
      ),
    ],
  );
  const last = list.suppressions.at(-1);
  const hasNext = list.links.next !== undefined && list.suppressions.length >= 250 && last !== undefined;
  return page(
    'Suppressed recipients',
    html`${faultSummary(faults)}${heading(1, 'Suppressed recipients')}${paragraph('No messages are sent to them, whoever asks for it. A message to one of them fails at once, and costs nothing.')}${
      seesPeople
        ? postForm(
            { action: at('/settings/suppressions'), fields, attributes: { class: 'app-actions' } },
            input({
              name: 'recipient',
              label: 'Phone number or email address',
              value: form?.text('recipient') ?? search ?? '',
              error: errorAt(faults, 'recipient'),
              classes: 'govuk-input--width-20',
              attributes: { autocomplete: 'off', spellcheck: 'false' },
            }),
            button({ text: 'Search', name: 'do', value: 'search', classes: 'govuk-button--secondary' }),
            button({ text: 'Add', name: 'do', value: 'add', preventDoubleClick: true }),
          )
        : null
    }${table({ caption: search === null ? 'Recipients' : 'Recipients that were found', head: ['Recipient', 'Why', 'Since', 'Until', 'Change'], rows, empty: search === null ? 'There are none.' : 'Nobody like that is suppressed.' })}${pagination(
      {
        next: hasNext ? { href: `${at('/settings/suppressions')}?older_than=${last.id}` } : null,
      },
    )}${heading(2, 'Numbers and addresses that do not exist')}${postForm(
      { action: at('/settings/suppressions'), fields },
      checkboxes({
        name: 'failed',
        legend: 'Recipients that failed for good',
        legendClasses: 'govuk-visually-hidden',
        items: [
          {
            value: 'yes',
            text: 'Suppress recipients whose number or address turned out not to exist',
            selected: setting.suppress_failed_recipients,
          },
        ],
      }),
      button({ text: 'Save', name: 'do', value: 'setting', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), wide: true, back: { href: at('/settings'), text: 'Settings' } },
  );
}

const suppressions = servicePage('/settings/suppressions', 'manage_settings', {
  get: (visit) => suppressionsPage(visit, null, null, noFaults),
  async post(visit, form) {
    const { api, service, at } = visit;
    const base = `/service/${service.id}/suppressions`;
    const here = at('/settings/suppressions');
    const recipient = form.text('recipient').trim();
    if (form.text('do') === 'setting') {
      const body = { suppress_failed_recipients: form.text('failed') === 'yes' };
      await api.send('POST', `${base}/settings`, body, form.id);
      return redirect(here, 'Saved.');
    }
    if (!isMember(visit)) return redirect(here);
    if (recipient === '')
      return form.text('do') === 'search'
        ? redirect(here)
        : suppressionsPage(visit, null, form, { recipient: 'Enter a phone number or email address.' });
    const wrong = { recipient: 'Enter a whole phone number or email address.' };
    if (form.text('do') === 'search') {
      const isKnown = await api.send('GET', `${base}?${new URLSearchParams({ recipient })}`, undefined);
      return isKnown.ok
        ? suppressionsPage(visit, recipient, form, noFaults)
        : suppressionsPage(visit, null, form, wrong);
    }
    const added = await api.send('POST', base, { recipient, reason: 'manual' }, form.id);
    if (!added.ok) return suppressionsPage(visit, null, form, wrong);
    return redirect(here, 'Nothing is sent to this recipient any more.');
  },
});

const suppression = servicePage('/settings/suppressions/:suppression', 'manage_settings', {
  get: ({ at }) => redirect(at('/settings/suppressions')),
  async post({ api, service, at, params }) {
    await api.send(
      'DELETE',
      `/service/${service.id}/suppressions/${encodeURIComponent(params['suppression']!)}`,
      undefined,
    );
    return redirect(at('/settings/suppressions'), 'Messages can be sent to this recipient again.');
  },
});

export const suppressionPages: readonly Page[] = [suppressions, suppression];
