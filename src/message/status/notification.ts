import { sql } from 'kysely';
import type { KeyType, NotificationStatus, NotificationType } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';

/** A message, joined from both tables. `personalisation` is still sealed. */
export type StoredNotification = Readonly<{
  id: string;
  serviceId: string;
  templateId: string;
  templateVersion: number;
  jobId: string | null;
  jobRowNumber: number | null;
  apiKeyId: string | null;
  keyType: KeyType;
  type: NotificationType;
  status: NotificationStatus;
  createdAt: Date;
  /** When it is, or was, to be sent; null: at once. */
  scheduledFor: Date | null;
  sentAt: Date | null;
  updatedAt: Date | null;
  sentBy: string | null;
  reference: string | null;
  clientReference: string | null;
  billableUnits: number;
  international: boolean;
  phonePrefix: string | null;
  rateMultiplier: number | null;
  recipient: string;
  normalisedRecipient: string;
  personalisation: Buffer;
  replyToText: string | null;
  unsubscribeUrl: string | null;
  /** Who sent it by hand; null: it came with an API key. */
  createdBy: Readonly<{ id: string; name: string; emailAddress: string }> | null;
}>;

export type StoreDeps = Readonly<{ metrics: Metrics }>;

/** The columns of a StoredNotification without the values and who sent it, from `n` (notifications) and `h` (notification_history). */
export const factColumns = sql`
  n.id, n.service_id as "serviceId", h.template_id as "templateId", h.template_version as "templateVersion",
  h.job_id as "jobId", h.job_row_number as "jobRowNumber", h.api_key_id as "apiKeyId", h.key_type as "keyType",
  h.notification_type as "type", h.status, h.created_at as "createdAt", h.scheduled_for as "scheduledFor", h.sent_at as "sentAt",
  h.updated_at as "updatedAt", h.sent_by as "sentBy", h.reference, h.client_reference as "clientReference",
  h.billable_units as "billableUnits", h.international, h.phone_prefix as "phonePrefix",
  h.rate_multiplier::float8 as "rateMultiplier", n.recipient, n.normalised_recipient as "normalisedRecipient",
  n.reply_to_text as "replyToText", n.unsubscribe_url as "unsubscribeUrl"`;

/** All columns of a StoredNotification. */
export const notificationColumns = sql`${factColumns}, n.personalisation,
  (select json_build_object('id', u.id, 'name', u.name, 'emailAddress', u.email_address) from users u
    where u.id = h.created_by) as "createdBy"`;

/** What is known about a message when it is accepted. */
export type NewNotification = Omit<
  StoredNotification,
  'status' | 'sentAt' | 'updatedAt' | 'sentBy' | 'reference' | 'billableUnits' | 'createdBy'
> &
  Readonly<{ createdBy: string | null }>;
