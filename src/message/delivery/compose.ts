import type { Branding } from '../../content/template/email-page.ts';
import type { Given } from '../../content/template/personalisation.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import {
  largeLength,
  lengthOf,
  openValues,
  type Render,
  type TemplateVersion,
} from '../../content/template/template.ts';
import type { Db } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { EmailMessage, Message, SmsMessage } from '../../provider/contract.ts';
import { defaultSender, type Service } from '../../tenant/service/service.ts';
import { unsubscribeUrl } from '../suppression/link.ts';
import { type Candidate, findPersonalisation } from './store.ts';

export type Composer = Readonly<{
  cipher: Cipher;
  render: Render;
  fromNumber: string;
  emailDomain: string;
  /** Base URL of our own API, as recipients reach it. */
  apiUrl: string;
}>;

export type Composed = Readonly<{ message: Message | null; billableUnits: number }>;

/** Of a test key, or a service in research mode: nobody gets it, so it is not composed either. */
export const unsent: Composed = { message: null, billableUnits: 0 };

/**
 * Renders the message for a provider, from the template version stored with the notification (spec 05, sections 3.1 and
 * 3.3). null: it is large. Throws if that version, or the key that decrypts the personalisation, is missing, and a
 * Problem for a message that is too large to send, or rejects with it.
 */
export function compose(
  deps: Composer,
  template: TemplateVersion | null,
  notification: Candidate,
  service: Service,
): Composed | null | Promise<Composed> {
  if (!notification.personalisation) return null;
  if (!template) throw withoutVersion(notification);
  const values = openValues(deps.cipher.open(notification.personalisation, notification.id));
  if (lengthOf(template.content, values) > largeLength) return null;
  return composeWith(deps, notification, service, template, values);
}

/** The same for a large message, which is composed by itself. */
export async function composeLarge(
  deps: Composer & Readonly<{ db: Db; metrics: Metrics; templates: TemplateCaches }>,
  notification: Candidate,
  service: Service,
): Promise<Composed> {
  const { id, templateId, templateVersion } = notification;
  const template = await deps.templates.version(templateId, templateVersion);
  if (!template) throw withoutVersion(notification);
  const sealed = notification.personalisation ?? (await findPersonalisation(deps, deps.db, id));
  if (!sealed) throw new Error(`Notification ${id} is not stored`);
  return await composeWith(deps, notification, service, template, deps.cipher.open(sealed, id));
}

function withoutVersion({ templateId, templateVersion }: Candidate): Error {
  return new Error(`Template ${templateId} has no version ${templateVersion}`);
}

function composeWith(
  { cipher, render, fromNumber, emailDomain, apiUrl }: Composer,
  notification: Candidate,
  service: Service,
  template: TemplateVersion,
  values: Given | string,
): Composed | Promise<Composed> {
  const { id } = notification;
  const { content } = template;
  if (content.type === 'sms') {
    const rendered = render('sms', content, values, service.prefixSms ? service.name : null);
    return whenRendered(rendered, ({ text, fragments }) => {
      const message: SmsMessage = {
        type: 'sms',
        reference: id,
        to: notification.normalisedRecipient,
        from: notification.replyToText ?? defaultSender(service.smsSenders)?.text ?? fromNumber,
        body: text,
        international: notification.international,
      };
      return { message, billableUnits: fragments };
    });
  }
  const unsubscribeLink = template.hasUnsubscribeLink ? unsubscribeUrl(apiUrl, cipher, notification) : null;
  const rendered = render('email', content, values, { unsubscribeLink, branding: brandingOf(service) });
  return whenRendered(rendered, ({ subject, text, html }) => {
    const message: EmailMessage = {
      type: 'email',
      reference: id,
      to: notification.recipient,
      fromName: service.name,
      fromAddress: `${service.emailFrom}@${emailDomain}`,
      // If the message names none, the service's default at send time (users' description); never carried through queues.
      replyTo: notification.replyToText ?? defaultSender(service.emailReplyTos)?.text ?? null,
      ...{ subject, text, html },
      // The caller's own is for the headers only (spec 02, section 5.2).
      unsubscribeUrl: notification.unsubscribeUrl ?? unsubscribeLink,
    };
    return { message, billableUnits: 0 };
  });
}

function whenRendered<Rendered>(
  rendered: Rendered | Promise<Rendered>,
  message: (rendered: Rendered) => Composed,
): Composed | Promise<Composed> {
  return rendered instanceof Promise ? rendered.then(message) : message(rendered);
}

/** The brand row of the service's organisation (spec 02, section 7). */
function brandingOf({ organisation }: Service): Branding | null {
  if (!organisation) return null;
  const { name, colour, logo } = organisation;
  return { text: name, colour, logo: logo === null ? null : { url: logo, alternative: '' }, layout: 'row' };
}
