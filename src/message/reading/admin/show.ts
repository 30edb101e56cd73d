import type { Content } from '../../../content/template/template.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { parseLossless } from '../../../ground/json.ts';
import { Problem } from '../../../ground/problem.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { isCompleted } from '../../status/status.ts';
import { unsubscribeUrl } from '../../suppression/link.ts';
import type { ReadingDeps } from '../v2/show.ts';
import { reasonOf } from './reason.ts';
import type { Circumstances } from './store.ts';

/**
 * A message as the admin API shows it, with its text rendered (spec 04, section 7.2). `baseUrl`: of the links in the
 * HTML of an email, as it is sent; null leaves the HTML out, as lists do.
 */
export async function showForAdmin(
  { cipher, templates, render }: ReadingDeps,
  notification: StoredNotification,
  circumstances: Circumstances | undefined,
  baseUrl: string | null,
) {
  const { id, type, status, templateId, templateVersion, apiKeyId, jobId } = notification;
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  const { content, name, hasUnsubscribeLink } = template;
  const values = cipher.open(notification.personalisation, id);
  const timestamp = (time: Date | null) => time && isoMicroseconds(time);
  const rendered =
    content.type === 'sms'
      ? { body: (await render('sms', content, values, null)).text, subject: null }
      : await render('show', content, values, null);
  const link = baseUrl !== null && hasUnsubscribeLink ? unsubscribeUrl(baseUrl, cipher, notification) : null;
  return {
    id,
    to: notification.recipient,
    normalised_to: notification.normalisedRecipient,
    notification_type: type,
    status,
    reason: circumstances ? reasonOf(notification, circumstances) : null,
    next_attempt_at: timestamp(circumstances?.nextAttemptAt ?? null),
    key_type: notification.keyType,
    key_name: circumstances?.keyName ?? null,
    api_key: apiKeyId,
    service: notification.serviceId,
    job: jobId === null ? null : { id: jobId, original_file_name: circumstances?.fileName ?? null },
    job_row_number: notification.jobRowNumber,
    resent_from: circumstances?.resentFrom ?? null,
    resent_as: circumstances?.resentAs ?? null,
    template: {
      ...{ id: templateId, name, template_type: type, version: templateVersion },
      ...writtenTexts(content),
      redact_personalisation: circumstances?.isRedacted ?? false,
    },
    template_version: templateVersion,
    personalisation: parseLossless(values),
    ...rendered,
    ...(baseUrl !== null && { html: await htmlOf(content, values, link) }),
    reference: notification.reference,
    client_reference: notification.clientReference,
    sent_by: notification.sentBy,
    reply_to_text: notification.replyToText,
    billable_units: notification.billableUnits,
    international: notification.international,
    phone_prefix: notification.phonePrefix,
    rate_multiplier: notification.rateMultiplier,
    created_at: isoMicroseconds(notification.createdAt),
    scheduled_for: timestamp(notification.scheduledFor),
    sent_at: timestamp(notification.sentAt),
    updated_at: timestamp(notification.updatedAt),
    completed_at: isCompleted(status) ? timestamp(notification.updatedAt) : null,
    created_by: showCreator(notification.createdBy),
    postage: null,
    document_download_count: null,
  };

  /** The page that a provider is given; null for a text, and for an email that is too large to be sent. */
  async function htmlOf(
    content: Content,
    values: string,
    unsubscribeLink: string | null,
  ): Promise<string | null> {
    if (content.type === 'sms') return null;
    try {
      return (await render('email', content, values, { unsubscribeLink })).html;
    } catch (error) {
      if (error instanceof Problem && error.status === 400) return null;
      throw error;
    }
  }
}

function showCreator(creator: StoredNotification['createdBy']) {
  return creator && { id: creator.id, name: creator.name, email_address: creator.emailAddress };
}

function writtenTexts(content: Content): { subject: string | null; content: string } {
  return content.type === 'sms'
    ? { subject: null, content: content.sms.text.content }
    : { subject: content.email.subject.content, content: content.email.content.content };
}
