import type { Api } from '../frame/api.ts';
import type { TemplateType } from './template.ts';

/** From whom a message comes: a name on the phone, or where an email is answered (spec 04, section 1.12). */
export type Sender = Readonly<{ id: string; text: string; isDefault: boolean }>;

type ApiSender = Readonly<{ id: string; is_default: boolean; sms_sender?: string; email_address?: string }>;

/** The senders of a service for a type, the default one first; null if they are late. */
export async function readSenders(
  api: Api,
  serviceId: string,
  type: TemplateType,
): Promise<readonly Sender[] | null> {
  const kind = type === 'sms' ? 'sms-sender' : 'email-reply-to';
  const found = await api.getSoon<readonly ApiSender[]>(`/service/${serviceId}/${kind}`);
  return (
    found?.map(({ id, is_default: isDefault, sms_sender, email_address }) => ({
      ...{ id, isDefault },
      text: sms_sender ?? email_address ?? '',
    })) ?? null
  );
}
