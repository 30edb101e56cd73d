import { type Html, html } from '../../ground/html.ts';
import { link } from '../components/navigation.ts';
import { statusText } from '../words/statuses.ts';

/** Words that only operators read (spec 07, section 7). */

export const typeNames: Readonly<Record<string, string>> = {
  sms: 'Text messages',
  email: 'Emails',
  letter: 'Letters',
};

/** What a single message of a type is. */
export const typeName: Readonly<Record<string, string>> = { sms: 'Text message', email: 'Email' };

/** A status of a message in words; operators look for messages that are accepted and not handed over. */
export function statusOf(type: 'sms' | 'email', status: string): string {
  return status === 'created' ? 'Accepted' : statusText(type, status);
}

/** What each queue holds (docs/operations.md, "Roles and queues"). */
export const queueMeanings: Readonly<Record<string, string>> = {
  'process-job': 'files whose rows become messages',
  'process-report-request': 'downloads to make',
  'bulk-sms': 'text messages of files to accept',
  'bulk-email': 'emails of files to accept',
  'db-sms': 'accepted text messages to store',
  'db-email': 'accepted emails to store',
  'send-sms': 'text messages to hand over',
  'send-email': 'emails to hand over',
  'notify-internal': 'our own messages, such as sign-in codes',
  'research-mode': 'messages of test keys to simulate',
  'research-receipts': 'their simulated receipts',
  receipts: 'receipts of providers to process',
  'service-callbacks': 'callbacks to services',
};

/** What a message that hangs waits for (spec 04, section 8.5). */
export const waitMeanings: Readonly<Record<string, string>> = {
  storing: 'A worker has yet to store it',
  queue: 'No worker has taken it: is its queue served?',
  worker: 'A worker has it',
  retry: 'Its last try failed; the next is at the time shown',
  provider: 'No provider can be called: their circuits are open, or none is on',
  operator: 'It is parked: release or drop it',
  replay: 'It is in no queue; the next replay queues it',
  receipt: 'Its provider has sent no receipt',
  callback: 'Its service has not taken the callback',
};

/** Short enough for a table; the whole id is in the address that it leads to. */
export function idText(id: string): Html {
  return html`<code class="app-id">${id}</code>`;
}

/** The name of a service, leading to what operators see of it. */
export function serviceLink(id: string | null, name?: string | null): Html | string {
  if (id === null) return '–';
  return link(`/platform/services/${id}`, name ? html`<span dir="auto">${name}</span>` : idText(id));
}

export function userLink(id: string | null, name?: string | null): Html | string {
  if (id === null) return '–';
  return link(`/platform/users/${id}`, name ? html`<span dir="auto">${name}</span>` : idText(id));
}
