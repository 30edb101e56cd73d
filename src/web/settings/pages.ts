import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, type SummaryRow, summaryList } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { isMember } from '../frame/members.ts';
import { type Page, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { counted, messagesOf } from '../words/counts.ts';
import { timeOf } from '../words/times.ts';
import { goLivePages } from './go-live.ts';
import { guestPages } from './guests.ts';
import { namePages } from './name.ts';
import { replyToPages } from './reply-to.ts';
import { defaultDays, type Retention, retentionPages } from './retention.ts';
import { type ReplyTo, type Sender, senderPages } from './senders.ts';
import { type FullService, readService, whatServicesDo } from './service.ts';
import { suppressionPages } from './suppressions.ts';

/** How a service sends (spec 07, section 6). */
const settings = servicePage('/settings', 'manage_settings', {
  async get(visit) {
    const { api, service, at, zone } = visit;
    const base = `/service/${service.id}`;
    const [full, senders, replyTos, retention] = await Promise.all([
      readService(visit),
      api.getSoon<readonly Sender[]>(`${base}/sms-sender`),
      api.getSoon<readonly ReplyTo[]>(`${base}/email-reply-to`),
      api.getSoon<readonly Retention[]>(`${base}/data-retention`),
    ]);
    return page(
      'Settings',
      html`${heading(1, 'Settings')}${heading(2, 'Service')}${summaryList({ rows: serviceRows(visit, full) })}${heading(2, 'Text messages')}${summaryList(
        {
          rows: [
            row(
              'Sender',
              defaultOf(senders?.map((each) => [each.sms_sender, each.is_default])),
              at('/settings/senders'),
            ),
            row(
              'Begins with the name of the service',
              full.prefix_sms ? 'Yes' : 'No',
              at('/settings/prefix'),
            ),
            fact('At most a day', messagesOf('sms', full.sms_message_limit)),
            fact(
              'To other countries, at most a day',
              messagesOf('sms', full.international_sms_message_limit),
            ),
          ],
        },
      )}${heading(2, 'Emails')}${summaryList({
        rows: [
          row(
            'Replies go to',
            defaultOf(replyTos?.map((each) => [each.email_address, each.is_default])),
            at('/settings/reply-to'),
          ),
          fact('At most a day', messagesOf('email', full.email_message_limit)),
        ],
      })}${heading(2, 'All messages')}${summaryList({
        rows: [
          row('Kept for', keptFor(retention), at('/settings/retention')),
          fact('At most a minute', `${counted(full.rate_limit, 'request')} with each type of key`),
          row('Suppressed recipients', 'People to whom nothing is sent', at('/settings/suppressions')),
          ...(isMember(visit)
            ? [row('Guest list', 'People to whom a service in trial may send', at('/settings/guests'))]
            : []),
        ],
      })}${paragraph('Limits are changed by the operators of the platform.')}${paragraph(link(at('/history'), 'History: who changed what'))}${
        full.go_live_at === null
          ? null
          : paragraph(html`Live since ${timeOf(full.go_live_at.replace(' ', 'T').concat('Z'), zone)}.`)
      }`,
      { wide: true },
    );
  },
});

function serviceRows({ at }: ServiceVisit, full: FullService): readonly SummaryRow[] {
  const state = !full.active
    ? 'Suspended: nothing is sent'
    : full.restricted
      ? full.has_active_go_live_request
        ? 'In trial. You have asked to go live'
        : 'In trial: it sends only to its team and its guest list'
      : 'Live';
  const sends = full.permissions.map((permission) => whatServicesDo[permission]).filter(Boolean);
  return [
    row('Name', html`<span dir="auto">${full.name}</span>`, at('/settings/name')),
    row('Emails come from', html`<span dir="auto">${full.email_from}</span>@…`, at('/settings/name')),
    // What is live stays so, but for the operators.
    full.restricted ? row('State', state, at('/settings/go-live')) : fact('State', state),
    row(
      'Contact',
      full.contact_link === null ? 'None' : html`<span dir="auto">${full.contact_link}</span>`,
      at('/settings/contact'),
    ),
    fact('Kinds of messages', sends.join(', ').replace(/, [A-Z]/g, (start) => start.toLowerCase()) || 'None'),
  ];
}

function row(key: string, value: string | Html, href: string): SummaryRow {
  return { key, value, actions: [{ href, text: 'Change', visuallyHiddenText: key.toLowerCase() }] };
}

function fact(key: string, value: string): SummaryRow {
  return { key, value };
}

const late = 'Not available at the moment';

function defaultOf(entries: readonly [text: string, isDefault: boolean][] | undefined): string | Html {
  if (!entries) return late;
  const found = entries.find(([, isDefault]) => isDefault)?.[0];
  if (found === undefined) return 'None';
  const more = entries.length - 1;
  return html`<span dir="auto">${found}</span>${more === 0 ? '' : `, and ${more} more`}`;
}

function keptFor(retention: readonly Retention[] | null): string {
  if (!retention) return late;
  const days = (type: string) =>
    retention.find(({ notification_type }) => notification_type === type)?.days_of_retention ?? defaultDays;
  const [sms, email] = [days('sms'), days('email')];
  return sms === email
    ? counted(sms, 'day')
    : `Text messages ${counted(sms, 'day')}, emails ${counted(email, 'day')}`;
}

export const settingsPages: readonly Page[] = [
  ...[settings, ...namePages, ...senderPages, ...replyToPages, ...retentionPages],
  ...[...guestPages, ...goLivePages, ...suppressionPages],
];
