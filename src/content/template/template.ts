import type { NotificationType } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { badRequest } from '../../ground/problem.ts';
import { type CompiledEmail, compileEmail, emailBody, emailHtmlBody, emailSubject } from './email.ts';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import { type CompiledSms, compileSms, renderSms } from './sms.ts';

/** The subject and content of one template version, parsed. */
export type Content =
  | Readonly<{ type: 'sms'; sms: CompiledSms }>
  | Readonly<{ type: 'email'; email: CompiledEmail }>;

/** Parses a subject and content, in time linear in their length. Do it once per version. */
export function compileContent(type: NotificationType, subject: string | null, content: string): Content {
  return type === 'sms'
    ? { type, sms: compileSms(content) }
    : { type, email: compileEmail(subject ?? '', content) };
}

/** Names as the template spells them, an email's subject first (spec 02, section 1.3). */
export function placeholdersIn(content: Content): readonly string[] {
  return content.type === 'sms' ? content.sms.placeholders : content.email.placeholders;
}

/** One version of a template, parsed. Never changes. */
export type TemplateVersion = Readonly<{
  templateId: string;
  version: number;
  name: string;
  /** Its messages overtake others of their type. */
  priority: boolean;
  /** Its emails end with a link to unsubscribe (spec 02, section 5.2). */
  hasUnsubscribeLink: boolean;
  content: Content;
}>;

/** A template and its current version. */
export type Template = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  archived: boolean;
  hidden: boolean;
  current: TemplateVersion;
}>;

/** One version of a template as it was written. */
export type WrittenTemplate = Readonly<{
  id: string;
  type: NotificationType;
  name: string;
  subject: string | null;
  content: string;
  version: number;
  /** When the template was created. */
  createdAt: Date;
  /** When this version was created; null for the first. */
  updatedAt: Date | null;
  /** Email address of the user who wrote this version. */
  author: string;
}>;

/** A template as `GET /v2/template/{id}` shows it (spec 01, section 3.10). Every key is always present. */
export function showTemplate(template: WrittenTemplate) {
  const { id, type, name, subject, content, version, createdAt, updatedAt, author } = template;
  const placeholders = placeholdersIn(compileContent(type, subject, content));
  return {
    id,
    type,
    name,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
    created_by: author,
    version,
    body: content,
    subject: type === 'sms' ? null : subject,
    personalisation: Object.fromEntries(placeholders.map((placeholder) => [placeholder, { required: true }])),
    postage: null,
    letter_contact_block: null,
  };
}

/**
 * The current version filled in, as `POST /v2/template/{id}/preview` shows it (spec 01, section 3.10). Throws a Problem
 * (400) when a value is missing.
 */
export function previewTemplate(
  { id, type, current }: Template,
  personalisation: Readonly<Record<string, unknown>>,
) {
  const { content, version } = current;
  const values = personalisationOf(personalisation);
  const missing = missingPlaceholders(placeholdersIn(content), values);
  if (missing.length > 0) throw badRequest(`Missing personalisation: ${missing.join(', ')}`);
  const texts =
    content.type === 'sms'
      ? { body: renderSms(content.sms, values).text, html: null, subject: null }
      : {
          body: emailBody(content.email, values),
          html: emailHtmlBody(content.email, values),
          subject: emailSubject(content.email, values),
        };
  return { id, type, version, ...texts, postage: null };
}
