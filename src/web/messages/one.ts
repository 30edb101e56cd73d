import { type Html, html } from '../../ground/html.ts';
import {
  copyable,
  details,
  heading,
  paragraph,
  type SummaryRow,
  summaryList,
  tag,
} from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { mailPolicy } from '../frame/headers.ts';
import { type Answer, Missing, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { counted } from '../words/counts.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { timeOf } from '../words/times.ts';
import { contentOf } from './content.ts';
import { canCancel, explain } from './explain.ts';
import { readers } from './list.ts';
import type { Message, Timeline } from './message.ts';
import { timelineList } from './timeline.ts';

const apiPath = ({ service, params }: ServiceVisit) =>
  `/service/${service.id}/notifications/${encodeURIComponent(params['message'] ?? '')}`;
const pathOf = (visit: ServiceVisit) => visit.at(`/messages/${visit.params['message']}`);
const titleOf = ({ notification_type: type }: Message) => (type === 'sms' ? 'Text message' : 'Email');

/** The message and what happened to it. Throws NotFound for an id of another service. */
async function readMessage(visit: ServiceVisit): Promise<readonly [Message, Timeline]> {
  const path = apiPath(visit);
  return await Promise.all([visit.api.get<Message>(path), visit.api.get<Timeline>(`${path}/timeline`)]);
}

/** What became of one message, and why (spec 07, section 6). */
const one = servicePage('/messages/:message', readers, {
  live: true,
  async get(visit) {
    const [message, { timeline }] = await readMessage(visit);
    const explained = explain(message, timeline, visit.zone, visit.now);
    const conversation = await conversationOf(visit, message);
    const status = tag(
      statusText(message.notification_type, message.status),
      groupTone[groupOf(message.status)],
    );
    const announced = groupOf(message.status) === 'under way' ? undefined : explained.sentence;
    return page(
      titleOf(message),
      html`${heading(1, html`${titleOf(message)} <span class="govuk-caption-m" dir="auto">to ${message.to}</span>`)}${visit.region(
        'became',
        html`${paragraph(html`${status} ${explained.sentence}`, 'govuk-!-font-size-24')}${explained.next === null ? null : paragraph(explained.next)}${actions(visit, message)}`,
        announced,
      )}<div class="app-columns"><div>${heading(2, 'What was sent')}${contentOf(visit, message)}</div><div>${heading(2, 'What happened')}${visit.region(
        'timeline',
        timelineList(timeline, message.notification_type, visit.zone, explained.step),
      )}<noscript>${paragraph(link(pathOf(visit), 'Refresh'))}</noscript></div></div>${heading(2, 'About this message')}${facts(visit, message, conversation)}${details(
        {
          summary: 'Link to this message',
          content: copyable({ id: 'link', text: visit.site.baseUrl + pathOf(visit), what: 'link' }),
        },
      )}`,
      { wide: true, back: { href: visit.at('/messages'), text: 'Messages' } },
    );
  },
});

/** The newest text that its recipient sent; null: none, or it is not to be seen. */
async function conversationOf(visit: ServiceVisit, message: Message): Promise<string | null> {
  if (message.notification_type !== 'sms' || !visit.may('view_activity')) return null;
  const query = new URLSearchParams({ number: message.to });
  type Found = Readonly<{ data: readonly Readonly<{ id: string }>[] }>;
  const found = await visit.api
    .getSoon<Found>(`/service/${visit.service.id}/inbound-sms?${query}`)
    .catch(() => null);
  return found?.data[0]?.id ?? null;
}

function mayFor(visit: ServiceVisit, { notification_type: type }: Message): boolean {
  return visit.may(type === 'sms' ? 'send_texts' : 'send_emails');
}

/** What can be done with it now. */
function actions(visit: ServiceVisit, message: Message): Html | null {
  if (!mayFor(visit, message)) return null;
  if (canCancel(message, visit.now))
    return html`<div class="app-actions">${button({ text: 'Cancel this message', href: `${pathOf(visit)}/cancel`, classes: 'govuk-button--secondary' })}</div>`;
  if (groupOf(message.status) === 'under way' || message.resent_as !== null || message.key_type === 'test')
    return null;
  return postForm(
    { action: visit.at('/messages/again'), fields: visit.fields, attributes: { class: 'app-actions' } },
    html`<input type="hidden" name="ids" value="${message.id}">`,
    button({ text: 'Send it again', classes: 'govuk-button--secondary' }),
  );
}

function facts(visit: ServiceVisit, message: Message, conversation: string | null): Html {
  const { zone, at } = visit;
  const { template, job, key_name: keyName, api_key: key, created_by: by } = message;
  const when = (name: string, time: string | null): SummaryRow[] =>
    time === null ? [] : [{ key: name, value: timeOf(time, zone) }];
  const texts = (name: string, text: string | null): SummaryRow[] =>
    text === null ? [] : [{ key: name, value: html`<span dir="auto">${text}</span>` }];
  const rows: SummaryRow[] = [
    {
      key: 'Template',
      value: html`${link(at(`/templates/${template.id}`), html`<span dir="auto">${template.name}</span>`)}, version ${template.version}`,
    },
    ...(job === null
      ? []
      : [
          {
            key: 'File',
            value: html`${link(at(`/files/${job.id}`), html`<span dir="auto">${job.original_file_name ?? 'a file'}</span>`)}, row ${(message.job_row_number ?? 0) + 1}`,
          },
        ]),
    ...texts('Sent by', by?.name ?? null),
    ...(key === null
      ? []
      : [
          {
            key: 'Key',
            value: html`<span dir="auto">${keyName ?? 'a key'}</span>${message.key_type === 'normal' ? null : html` (${message.key_type})`}`,
          },
        ]),
    ...when('Accepted', message.created_at),
    ...when('To be sent', message.scheduled_for),
    ...when('Handed over', message.sent_at),
    ...when('Outcome known', message.completed_at),
    ...(message.notification_type === 'sms'
      ? [{ key: 'Charged as', value: fragments(message.billable_units) }]
      : []),
    ...texts('Your reference', message.client_reference),
    ...texts('The provider’s reference', message.reference),
    { key: 'Message ID', value: html`<code>${message.id}</code>` },
    ...(message.resent_from === null
      ? []
      : [{ key: 'Repeats', value: link(at(`/messages/${message.resent_from}`), 'an earlier message') }]),
    ...(message.resent_as === null
      ? []
      : [
          {
            key: 'Sent again',
            value: html`as ${link(at(`/files/${message.resent_as.job}`), `row ${message.resent_as.job_row_number + 1} of a file`)}`,
          },
        ]),
    ...(conversation === null
      ? []
      : [
          {
            key: 'Answers',
            value: link(at(`/received/${conversation}`), 'The conversation with this number'),
          },
        ]),
  ];
  return summaryList({ rows });
}

function fragments(units: number): string {
  return units === 0 ? 'nothing so far' : counted(units, 'text message');
}

/** An email as it was sent, as a document of its own: it loads and runs nothing (spec 07, section 13). */
const email = servicePage('/messages/:message/email', readers, {
  async get(visit): Promise<Answer> {
    const message = await visit.api.get<Message>(apiPath(visit));
    if (message.template.redact_personalisation || typeof message.html !== 'string')
      throw new Missing('There is no such document');
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': mailPolicy,
        'X-Robots-Tag': 'noindex',
      },
      // Links open beside the page, not within its frame.
      body: message.html.replace(/<head[^>]*>/i, (head) => `${head}<base target="_blank">`),
    };
  },
});

/** Asks before a message is cancelled: it cannot be sent afterwards. */
const cancel = servicePage('/messages/:message/cancel', ['send_texts', 'send_emails'], {
  async get(visit) {
    const message = await visit.api.get<Message>(apiPath(visit));
    if (!canCancel(message, visit.now))
      return redirect(pathOf(visit), { notDone: 'This message can no longer be cancelled.' });
    return cancelPage(visit, message);
  },
  async post(visit, form) {
    const outcome = await visit.api.send('POST', `${apiPath(visit)}/cancel`, {}, form.id);
    return redirect(
      pathOf(visit),
      outcome.ok
        ? 'The message is cancelled. It will not be sent.'
        : { notDone: 'This message can no longer be cancelled: it is being sent.' },
    );
  },
});

function cancelPage(visit: ServiceVisit, message: Message): Answer {
  return page(
    'Cancel a message',
    html`${heading(1, 'Are you sure you want to cancel this message?')}${paragraph(html`It was to be sent on ${timeOf(message.scheduled_for!, visit.zone)}. It will never be sent, and cannot be brought back. It still counts towards today’s limit.`)}${postForm(
      { action: `${pathOf(visit)}/cancel`, fields: visit.fields },
      button({ text: 'Yes, cancel it', classes: 'govuk-button--warning', preventDoubleClick: true }),
    )}${paragraph(link(pathOf(visit), 'No, keep it'))}`,
    { back: { href: pathOf(visit), text: 'Back to the message' } },
  );
}

export const onePages = [one, email, cancel];
