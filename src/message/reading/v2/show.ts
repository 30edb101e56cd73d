import type { TemplateCaches } from '../../../content/template/store.ts';
import type { Render } from '../../../content/template/template.ts';
import type { Cipher } from '../../../ground/cipher.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { jsonFloat } from '../../../ground/json.ts';
import type { UnitRate } from '../../rate/rate.ts';
import type { UnitRates } from '../../rate/store.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { isCompleted } from '../../status/status.ts';
import { unsubscribeUrl } from '../../suppression/link.ts';
import { costOf } from '../cost.ts';

export type ReadingDeps = Readonly<{ cipher: Cipher; templates: TemplateCaches; render: Render }>;

/** A message as `GET /v2/notifications/{id}` shows it, always with all these keys (spec 01, section 3.7). */
export async function showNotification(
  deps: ReadingDeps & Readonly<{ unitRates: UnitRates }>,
  notification: StoredNotification,
  baseUrl: string,
) {
  const { id, type, recipient, status, templateId, templateVersion, createdAt, sentAt, updatedAt } =
    notification;
  const timestamp = (time: Date | null) => (time ? isoMicroseconds(time) : null);
  return {
    id,
    reference: notification.clientReference,
    email_address: type === 'email' ? recipient : null,
    phone_number: type === 'sms' ? recipient : null,
    line_1: null,
    line_2: null,
    line_3: null,
    line_4: null,
    line_5: null,
    line_6: null,
    postcode: null,
    type,
    status,
    template: {
      id: templateId,
      version: templateVersion,
      uri: `${baseUrl}/v2/template/${templateId}/version/${templateVersion}`,
    },
    ...(await renderContent(deps, notification)),
    created_at: timestamp(createdAt),
    created_by_name: notification.createdBy?.name ?? null,
    sent_at: timestamp(sentAt),
    completed_at: isCompleted(status) ? timestamp(updatedAt) : null,
    scheduled_for: timestamp(notification.scheduledFor),
    postage: null,
    one_click_unsubscribe_url:
      notification.unsubscribeUrl ?? (await ownUnsubscribeUrl(deps, notification, baseUrl)),
    ...showCost(notification, await deps.unitRates.get('sms')),
  };
}

/** The link in the email itself, if its template has one. */
async function ownUnsubscribeUrl(
  { cipher, templates }: ReadingDeps,
  notification: StoredNotification,
  baseUrl: string,
): Promise<string | null> {
  const template = await templates.version(notification.templateId, notification.templateVersion);
  return template?.hasUnsubscribeLink ? unsubscribeUrl(baseUrl, cipher, notification) : null;
}

/** Official clients insist on floats, also where they are whole (spec 01, section 3.7). */
function showCost(notification: StoredNotification, rates: readonly UnitRate[]) {
  const { cost_in_pounds: pounds, cost_details: details, ...cost } = costOf(notification, rates);
  const { international_rate_multiplier: multiplier, sms_rate: rate } = details;
  return {
    ...cost,
    cost_in_pounds: pounds === null ? null : jsonFloat(pounds),
    cost_details:
      multiplier === undefined || rate === undefined
        ? details
        : { ...details, international_rate_multiplier: jsonFloat(multiplier), sms_rate: jsonFloat(rate) },
  };
}

/** Body and subject, rendered as in the response to the POST. */
async function renderContent(
  { cipher, templates, render }: ReadingDeps,
  notification: StoredNotification,
): Promise<{ body: string; subject: string | null }> {
  const { id, templateId, templateVersion, personalisation } = notification;
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  const values = cipher.open(personalisation, id);
  const { content } = template;
  if (content.type === 'sms')
    return { body: (await render('sms', content, values, null)).text, subject: null };
  return await render('show', content, values, null);
}
