import { type Cipher, CipherError } from '../cipher.ts';
import type { NotificationType } from '../database/tables.ts';
import { parseLossless } from '../literal.ts';
import type { NewNotification } from '../notification/store.ts';
import type { PersistPayload } from './queue.ts';

/** What of an accepted message is sealed in its task: everything that is personal, and what belongs with it. */
type Sealed = {
  template: string;
  template_version: number;
  to: string;
  normalised_to: string;
  personalisation: unknown;
  client_reference: string | null;
  reply_to_text: string | null;
  unsubscribe_url: string | null;
  international: boolean;
  phone_prefix: string | null;
  rate_multiplier: number | null;
};

/** An accepted message before it is stored; `personalisation` is the caller's object. */
export type AcceptedMessage = Omit<NewNotification, 'personalisation' | 'jobId' | 'jobRowNumber'> &
  Readonly<{ personalisation: object }>;

export function sealAccepted(cipher: Cipher, message: AcceptedMessage): PersistPayload {
  const sealed: Sealed = {
    template: message.templateId,
    template_version: message.templateVersion,
    to: message.recipient,
    normalised_to: message.normalisedRecipient,
    personalisation: message.personalisation,
    client_reference: message.clientReference,
    reply_to_text: message.replyToText,
    unsubscribe_url: message.unsubscribeUrl,
    international: message.international,
    phone_prefix: message.phonePrefix,
    rate_multiplier: message.rateMultiplier,
  };
  return {
    service_id: message.serviceId,
    api_key_id: message.apiKeyId,
    key_type: message.keyType,
    created_at: message.createdAt.toISOString(),
    sealed: cipher.seal(JSON.stringify(sealed), message.id).toString('base64'),
  };
}

/**
 * The message again, its personalisation sealed for the row. null when the payload was not sealed by us for this id:
 * that can never change, so it is not tried again.
 */
export function openAccepted(
  cipher: Cipher,
  type: NotificationType,
  id: string,
  payload: PersistPayload,
): NewNotification | null {
  let sealed: Sealed;
  try {
    sealed = parseLossless(cipher.open(Buffer.from(payload.sealed, 'base64'), id)) as Sealed;
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
  return {
    id,
    serviceId: payload.service_id,
    templateId: sealed.template,
    templateVersion: sealed.template_version,
    jobId: null,
    jobRowNumber: null,
    apiKeyId: payload.api_key_id,
    keyType: payload.key_type,
    type,
    createdAt: new Date(payload.created_at),
    clientReference: sealed.client_reference,
    international: sealed.international,
    phonePrefix: sealed.phone_prefix,
    rateMultiplier: sealed.rate_multiplier,
    recipient: sealed.to,
    normalisedRecipient: sealed.normalised_to,
    personalisation: cipher.seal(JSON.stringify(sealed.personalisation), id),
    replyToText: sealed.reply_to_text,
    unsubscribeUrl: sealed.unsubscribe_url,
  };
}
