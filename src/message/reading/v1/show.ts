import type { Content, Render } from '../../../content/template/template.ts';
import type { StoredNotification } from '../../status/notification.ts';
import type { ReadingDeps } from '../v2/show.ts';
import type { DayCount } from './store.ts';

/** A message as v1 shows it, by id and in lists: always these keys, `subject` only for email (spec 01, section 2.2). */
export async function showNotificationV1(
  { cipher, templates, render }: ReadingDeps,
  notification: StoredNotification,
) {
  const { id, type, jobId, templateId, templateVersion } = notification;
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  const values = cipher.open(notification.personalisation, id);
  return {
    id,
    service: notification.serviceId,
    api_key: notification.apiKeyId,
    to: notification.recipient,
    job: jobId === null ? null : { id: jobId, original_file_name: null },
    job_row_number: notification.jobRowNumber,
    template: { id: templateId, name: template.name, template_type: type, version: templateVersion },
    template_version: templateVersion,
    billable_units: notification.billableUnits,
    notification_type: type,
    status: notification.status,
    created_at: isoOffset(notification.createdAt),
    sent_at: notification.sentAt && isoOffset(notification.sentAt),
    updated_at: notification.updatedAt && isoOffset(notification.updatedAt),
    sent_by: notification.sentBy,
    reference: notification.reference,
    ...(await renderContent(render, template.content, values)),
  };
}

async function renderContent(render: Render, content: Content, values: string) {
  if (content.type === 'email') {
    const { subject, body } = await render('show', content, values, null);
    return { body, content_char_count: null, subject };
  }
  const { text, charactersWithoutPrefix } = await render('sms', content, values, null);
  return { body: text, content_char_count: charactersWithoutPrefix };
}

/** UTC with offset; a zero fraction is omitted: `2017-05-12T13:15:00.123000+00:00` (spec 01, section 2). */
export function isoOffset(time: Date): string {
  const [seconds, fraction] = time.toISOString().slice(0, -1).split('.');
  return `${seconds}${fraction === '000' ? '' : `.${fraction}000`}+00:00`;
}

/** The only row of `GET /notifications/statistics` (spec 01, section 2.4); its id is null if nothing was sent. */
export function showDay(serviceId: string, day: string, counts: readonly DayCount[]) {
  const countsOf = (type: string) =>
    counts.find((count) => count.type === type) ?? { requested: 0, delivered: 0, failed: 0 };
  const [email, sms] = [countsOf('email'), countsOf('sms')];
  return {
    id: counts.length > 0 ? dayId(serviceId, day) : null,
    day,
    service: serviceId,
    emails_requested: email.requested,
    emails_delivered: email.delivered,
    emails_failed: email.failed,
    sms_requested: sms.requested,
    sms_delivered: sms.delivered,
    sms_failed: sms.failed,
  };
}

/** These rows are no longer stored, so a stable id is derived from the service and the day. */
function dayId(serviceId: string, day: string): string {
  return `${serviceId.slice(0, 14)}8${serviceId.slice(15, 24)}0000${day.replaceAll('-', '')}`;
}
