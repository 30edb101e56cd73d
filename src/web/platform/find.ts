import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import { type Answer, operatorPage, type PersonVisit, page } from '../frame/page.ts';
import { shortTimeOf } from '../words/times.ts';
import { idText, serviceLink, statusOf, typeName } from './words.ts';

type Found = Readonly<{
  messages: readonly Readonly<{
    id: string;
    service: string;
    service_name: string;
    notification_type: 'sms' | 'email';
    status: string;
    created_at: string;
  }>[];
  others: readonly Readonly<{
    kind: string;
    id: string;
    name: string | null;
    service: string | null;
    service_name: string | null;
  }>[];
}>;

const kindNames: Readonly<Record<string, string>> = {
  service: 'Service',
  user: 'Person',
  template: 'Template',
  api_key: 'API key',
  provider: 'Provider',
  sms_sender: 'Sender of text messages',
  reply_to: 'Reply-to address',
  inbound_number: 'Number for received texts',
  received_text: 'Received text',
  document: 'File for recipients',
  callback: 'Callback',
  complaint: 'Complaint',
  suppression: 'Suppressed recipient',
  job: 'File',
  upload: 'Upload',
  event: 'Event',
};

/** Names that belong to somebody outside the team, such as a number, are shown in the service, with a reason. */
const nameless = ['inbound_number', 'sms_sender', 'reply_to'];

/** Where each kind of thing is shown; null: it has no page of its own. */
function hrefOf({ kind, id, service }: Found['others'][number]): string | null {
  const inService = service === null ? null : `/services/${service}`;
  switch (kind) {
    case 'service':
      return `/platform/services/${id}`;
    case 'user':
      return `/platform/users/${id}`;
    case 'provider':
      return `/platform/providers/${id}`;
    case 'template':
      return inService && `${inService}/templates/${id}`;
    case 'api_key':
      return inService && `${inService}/developers/keys/${id}`;
    case 'callback':
      return inService && `${inService}/developers/callbacks/log/${id}`;
    case 'job':
      return inService && `${inService}/files/${id}`;
    default:
      return null;
  }
}

/** What an id belongs to, in all services. What is searched for can be personal: it travels in the form only. */
const find = operatorPage('/platform/find', {
  fresh: 'nothing',
  get: (visit) => findPage(visit, '', null, null),
  async post(visit, form) {
    const term = form.text('q').trim();
    if (term === '') return findPage(visit, term, null, 'Enter what to look for.');
    try {
      const found = await visit.api.get<Found>(`/platform/find?q=${encodeURIComponent(term)}`);
      return findPage(visit, term, found, null);
    } catch (error) {
      // Also what the API refuses to look for.
      if (!(error instanceof NotFound)) throw error;
      const tooShort =
        'Too short: enter at least 4 characters of a recipient, or the whole of an id or reference.';
      return findPage(visit, term, null, tooShort);
    }
  },
});

function findPage(visit: PersonVisit, term: string, found: Found | null, error: string | null): Answer {
  return page(
    'Find anything',
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#q' }])}${heading(1, 'Find anything')}${postForm(
      { action: '/platform/find', fields: visit.fields },
      input({
        ...{ name: 'q', label: 'What is this?', value: term, error: error === null ? null : { text: error } },
        hint: 'Any id: of a message, service, template, file, key or person. Or a reference, the caller’s or the provider’s, or a recipient.',
        attributes: { autocomplete: 'off', spellcheck: 'false', maxlength: 1000 },
      }),
      button({ text: 'Find' }),
    )}${found === null ? null : results(found, visit)}`,
    { wide: true, isError: error !== null, status: error === null ? 200 : 400 },
  );
}

function results({ messages, others }: Found, visit: PersonVisit): Html {
  if (messages.length === 0 && others.length === 0)
    return html`${heading(2, 'Nothing was found')}${paragraph('Nothing that is kept has this id or reference, in any service. Messages are kept as long as their service keeps them. References count only as a whole, recipients with their beginning, their end or as a whole.')}`;
  return html`${
    others.length === 0
      ? null
      : table({
          caption: 'What has this id',
          head: ['Kind', 'Name', 'Service'],
          rows: others.map((one) => {
            const href = hrefOf(one);
            const name =
              one.name === null || nameless.includes(one.kind)
                ? idText(one.id)
                : html`<span dir="auto">${one.name}</span>`;
            return [
              { content: kindNames[one.kind] ?? one.kind, header: true },
              href === null ? name : link(href, name),
              one.kind === 'service' ? '–' : serviceLink(one.service, one.service_name),
            ];
          }),
        })
  }${
    messages.length === 0
      ? null
      : html`${table({
          caption: 'Messages, newest first',
          head: ['Message', 'Service', 'Type', 'Status', 'Accepted'],
          rows: messages.map((one) => [
            { content: link(`/services/${one.service}/messages/${one.id}`, idText(one.id)), header: true },
            serviceLink(one.service, one.service_name),
            typeName[one.notification_type] ?? one.notification_type,
            statusOf(one.notification_type, one.status),
            shortTimeOf(one.created_at, visit),
          ]),
        })}${paragraph('To see the recipient and the content of a message, say why: the service sees it in its history.')}`
  }`;
}

export const findPages = [find];
