import { isoMicroseconds } from '../../ground/clock.ts';
import { badRequest } from '../../ground/problem.ts';
import { compileContent } from './content.ts';
import { emailBody, emailHtmlBody, emailSubject } from './email.ts';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import { renderSms } from './sms.ts';
import type { Template, WrittenTemplate } from './store.ts';

/** A template as `GET /v2/template/{id}` shows it: always all of these keys (spec 01, section 3.10). */
export function showTemplate(template: WrittenTemplate) {
  const { id, type, name, subject, content, version, createdAt, updatedAt, author } = template;
  const compiled = compileContent(type, subject, content);
  const { placeholders } = compiled.type === 'sms' ? compiled.sms : compiled.email;
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

/** The current version filled in, as `POST /v2/template/{id}/preview` shows it. Throws a Problem for a missing value. */
export function previewTemplate(
  { id, type, current }: Template,
  personalisation: Readonly<Record<string, unknown>>,
) {
  const { content, version } = current;
  const values = personalisationOf(personalisation);
  const { placeholders } = content.type === 'sms' ? content.sms : content.email;
  const missing = missingPlaceholders(placeholders, values);
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
