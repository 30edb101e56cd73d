import type { NewDocument } from '../../content/document/file.ts';
import { maySendTo, notAllowedText, type RecipientSet } from '../../content/recipient/allow-list.ts';
import { asciiForm } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Content, Render, Template } from '../../content/template/template.ts';
import type { KeyType, NotificationType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, parseDatetime } from '../../ground/clock.ts';
import { type IdSource, idTime, parseUuid } from '../../ground/id.ts';
import { badRequest } from '../../ground/problem.ts';
import type { Caller } from '../../tenant/key/authenticate.ts';
import { defaultSender, platformServiceId, type Sender, type Service } from '../../tenant/service/service.ts';
import { deliverQueueFor, priorities } from '../delivery/queue.ts';
import type { AcceptedMessage } from './store.ts';

export const trialModeUrl = 'https://www.notifications.service.gov.uk/trial-mode';

export type AcceptDeps = Readonly<{
  cipher: Cipher;
  clock: Clock;
  newId: IdSource;
  rates: Rates;
  templates: TemplateCaches;
  render: Render;
  /** Simulated recipients: requests get the usual response, but nothing is stored or sent (spec 01, section 5.1). */
  simulated: RecipientSet;
  fromNumber: string;
  emailDomain: string;
  adminBaseUrl: string;
  /** For files: DOCUMENT_MAX_BYTES, and DOCUMENT_BASE_URL or null. */
  files: Readonly<{ maxBytes: number; baseUrl: string | null }>;
  /** Types of message that no provider takes here. */
  unprovided: readonly NotificationType[];
}>;

/** The sending caller, and the trace id that the message's log lines and tasks carry. */
export type Sending = Caller &
  Readonly<{
    requestId: string;
    /** The API's base URL as this caller sees it; links start with it. */
    baseUrl: string;
  }>;

/** A request that has passed its own checks; the limits and the commit are left (submit.ts). */
export type Prepared = Readonly<{
  message: AcceptedMessage;
  template: Template;
  /** The content as the response shows it (spec 01, sections 3.3 and 3.4). */
  content: Readonly<Record<string, string | null>>;
  /** Email only: the values that `sanitise_content_for` changed. */
  sanitised?: Readonly<Record<string, unknown>>;
  /** Email only: the files that its links open, to be stored with it. */
  documents?: readonly NewDocument[];
  isSimulated: boolean;
}>;

const typeNames = { sms: 'text messages', email: 'emails' } as const;

/** Step 7: throws a Problem if nobody would send the message. Whatever the key, since no message of the type can end. */
export function refuseUnprovided(
  { unprovided }: Pick<AcceptDeps, 'unprovided'>,
  type: NotificationType,
): void {
  if (unprovided.includes(type)) throw badRequest(`This installation has no provider for ${typeNames[type]}`);
}

/** The template checks in step 8 of spec 01 section 4.3. Throws a Problem. */
export async function usableTemplate<Type extends NotificationType>(
  deps: AcceptDeps,
  service: Service,
  type: Type,
  templateId: string,
): Promise<{ template: Template; content: Extract<Content, { type: Type }> }> {
  const template = await deps.templates.templates.get(parseUuid(templateId) ?? templateId);
  if (!template || template.serviceId !== service.id || template.hidden)
    throw badRequest('Template not found');
  const { content } = template.current;
  if (content.type !== type)
    throw badRequest(`${content.type} template is not suitable for ${type} notification`);
  if (template.archived) throw badRequest('Template has been deleted');
  return { template, content: content as Extract<Content, { type: Type }> };
}

/** `Missing personalisation: name, date`, in the template's spelling and order (spec 01, section 3.6). */
export function refuseMissing(missing: readonly string[]): void {
  if (missing.length > 0) throw badRequest(`Missing personalisation: ${missing.join(', ')}`);
}

/** Step 9: the requested sender, else the service's default; undefined if it has none. Throws a Problem. */
export function chosenSender(
  senders: readonly Sender[],
  field: 'sms_sender_id' | 'email_reply_to_id' | 'reply_to_id',
  wanted: string | undefined,
  serviceId: string,
): Sender | undefined {
  if (wanted === undefined) return defaultSender(senders);
  const id = parseUuid(wanted);
  const found = senders.find((sender) => sender.id === id);
  if (!found) throw badRequest(`${field} ${wanted} does not exist in database for service id ${serviceId}`);
  return found;
}

/**
 * Throws a Problem if the service's own addresses cannot be written into an email: they are not checked where they are
 * stored. `replyTo`: undefined if it has none.
 */
export function refuseOwnAddresses(
  { emailDomain }: Pick<AcceptDeps, 'emailDomain'>,
  { emailFrom }: Pick<Service, 'emailFrom'>,
  replyTo: string | undefined,
): void {
  if (asciiForm(`${emailFrom}@${emailDomain}`) === null)
    throw badRequest(
      'The address that your service sends from is not a valid email address: change it first',
    );
  if (replyTo !== undefined && asciiForm(replyTo) === null)
    throw badRequest('The reply-to address of your service is not a valid email address: change it first');
}

/** The caller's reference, or null. Throws a Problem. */
export function readReference(reference: string | undefined): string | null {
  // PostgreSQL cannot store it in a text column, and no client sends it on purpose.
  if (reference?.includes('\0')) throw badRequest('reference must not contain the null character');
  return reference ?? null;
}

/**
 * Step 10: throws a Problem if this key may not send to the recipient (spec 01, section 5.3). `recipient` is the
 * normalised form.
 */
export function refuseRecipient(
  {
    service,
    key,
  }: Readonly<{ service: Pick<Service, 'restricted' | 'allowed'>; key: Pick<Caller['key'], 'keyType'> }>,
  recipient: string,
): void {
  const { restricted, allowed } = service;
  if (!maySendTo(recipient, { keyType: key.keyType, restricted, allowed }))
    throw badRequest(notAllowedText(key.keyType, trialModeUrl));
}

/** When a message is due; null without `scheduled_for`, or if the service may not schedule and it is ignored. */
export function readSchedule({ service }: Caller, scheduledFor: string | null | undefined): Date | null {
  if (scheduledFor === undefined || scheduledFor === null || !service.permissions.has('schedule'))
    return null;
  return parseDatetime(scheduledFor);
}

/** The fields of an accepted message that do not depend on its type. */
export function commonFields(
  deps: AcceptDeps,
  {
    service,
    key,
    requestId,
  }: Readonly<{
    service: Service;
    key: Readonly<{ id: string | null; keyType: KeyType }>;
    requestId: string;
  }>,
  template: Template,
  message: Readonly<{
    reference: string | null;
    personalisation: Readonly<Record<string, unknown>>;
    scheduledFor: Date | null;
  }>,
) {
  const id = deps.newId();
  const queue = deliverQueueFor({
    isPlatform: service.id === platformServiceId,
    researchMode: service.researchMode,
    keyType: key.keyType,
    type: template.type,
  });
  return {
    id,
    serviceId: service.id,
    templateId: template.id,
    templateVersion: template.current.version,
    jobId: null,
    jobRowNumber: null,
    apiKeyId: key.id,
    keyType: key.keyType,
    // The day by which it is kept and the partition that it is in are the same.
    createdAt: new Date(idTime(id)),
    clientReference: message.reference,
    scheduledFor: message.scheduledFor,
    personalisation: deps.cipher.seal(JSON.stringify(message.personalisation), id),
    queue: queue.name,
    priority: template.current.priority ? priorities.priorityTemplate : priorities.api,
    requestId,
    createdBy: null,
  };
}
