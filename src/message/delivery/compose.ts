import { renderEmail } from '../../content/template/email.ts';
import { personalisationOf } from '../../content/template/personalisation.ts';
import { renderSms } from '../../content/template/sms.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { parseLossless } from '../../ground/json.ts';
import type { EmailMessage, Message, SmsMessage } from '../../provider/contract.ts';
import { defaultSender, type Service } from '../../tenant/service/service.ts';
import type { StoredNotification } from '../status/notification.ts';

export type Composer = Readonly<{
  cipher: Cipher;
  templates: TemplateCaches;
  fromNumber: string;
  emailDomain: string;
}>;

/**
 * Renders the message for a provider, from the template version stored with the notification (spec 05, sections 3.1 and
 * 3.3). Throws if that version, or the key that decrypts the personalisation, is missing.
 */
export async function composeMessage(
  { cipher, templates, fromNumber, emailDomain }: Composer,
  notification: StoredNotification,
  service: Service,
): Promise<Readonly<{ message: Message; billableUnits: number }>> {
  const { id, templateId, templateVersion } = notification;
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  const values = personalisationOf(
    parseLossless(cipher.open(notification.personalisation, id)) as Record<string, unknown>,
  );
  const { content } = template;
  if (content.type === 'sms') {
    const rendered = renderSms(content.sms, values, service.prefixSms ? service.name : null);
    const message: SmsMessage = {
      type: 'sms',
      reference: id,
      to: notification.normalisedRecipient,
      from: notification.replyToText ?? defaultSender(service.smsSenders)?.text ?? fromNumber,
      body: rendered.text,
      international: notification.international,
    };
    return { message, billableUnits: rendered.fragments };
  }
  const { subject, text, html } = renderEmail(content.email, values);
  const message: EmailMessage = {
    type: 'email',
    reference: id,
    to: notification.recipient,
    fromName: service.name,
    fromAddress: `${service.emailFrom}@${emailDomain}`,
    // If the message names none, the service's default at send time (users' description); never carried through queues.
    replyTo: notification.replyToText ?? defaultSender(service.emailReplyTos)?.text ?? null,
    subject,
    text,
    html,
    unsubscribeUrl: notification.unsubscribeUrl,
  };
  return { message, billableUnits: 0 };
}
