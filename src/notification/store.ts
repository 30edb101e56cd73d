import { sql } from 'kysely';
import type { Db, DbOrTrx } from '../database/connection.ts';
import type { AttemptOutcome, KeyType, NotificationStatus, NotificationType } from '../database/tables.ts';
import type { Metrics } from '../metrics.ts';

/** A message as both tables hold it. `personalisation` is still sealed. */
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
}>;

export type StoreDeps = Readonly<{ metrics: Metrics }>;

/** The columns of a StoredNotification, from `n` (notifications) and `h` (notification_history). */
export const notificationColumns = sql`
  n.id, n.service_id as "serviceId", h.template_id as "templateId", h.template_version as "templateVersion",
  h.job_id as "jobId", h.job_row_number as "jobRowNumber", h.api_key_id as "apiKeyId", h.key_type as "keyType",
  h.notification_type as "type", h.status, h.created_at as "createdAt", h.sent_at as "sentAt",
  h.updated_at as "updatedAt", h.sent_by as "sentBy", h.reference, h.client_reference as "clientReference",
  h.billable_units as "billableUnits", h.international, h.phone_prefix as "phonePrefix",
  h.rate_multiplier::float8 as "rateMultiplier", n.recipient, n.normalised_recipient as "normalisedRecipient",
  n.personalisation, n.reply_to_text as "replyToText", n.unsubscribe_url as "unsubscribeUrl"`;

/**
 * The message, if it is the service's and has not passed its retention. One that is accepted but not yet persisted is
 * found too, as `created`: one look at both places, so that there is no moment between them (spec 05, section 1.4).
 */
export function findNotification(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<StoredNotification | null> {
  return metrics.timed('dao', 'get_notification_by_id', async () => {
    const { rows } = await sql<StoredNotification>`
      select ${notificationColumns} from notifications n join notification_history h on h.id = n.id
      where n.id = ${id} and h.id = ${id} and n.service_id = ${serviceId}
      union all
      select ${notificationColumns} from accepted n
      cross join lateral (
        select n.*, 'created' as status, null::timestamptz as sent_at, null::timestamptz as updated_at,
          null as sent_by, null as reference, 0 as billable_units
      ) h
      where n.notification_type in ('sms', 'email') and n.id = ${id} and n.service_id = ${serviceId}
      limit 1`.execute(db);
    return rows[0] ?? null;
  });
}

/** What is known of a message when it is accepted. */
export type NewNotification = Omit<
  StoredNotification,
  'status' | 'sentAt' | 'updatedAt' | 'sentBy' | 'reference' | 'billableUnits'
>;

/** One step on the timeline of a message (what happened, when, and what was said). */
export type TimelineEntry = Readonly<
  | {
      kind: 'attempt';
      at: Date;
      number: number;
      provider: string;
      finishedAt: Date | null;
      outcome: AttemptOutcome | null;
      code: string | null;
      detail: string | null;
    }
  | {
      kind: 'receipt';
      at: Date;
      provider: string;
      rawStatus: string;
      status: NotificationStatus;
      ignored: string | null;
    }
>;

/** Every attempt and receipt of a message, in order of time. */
export async function findTimeline(db: Db, id: string): Promise<readonly TimelineEntry[]> {
  const attempts = await db
    .selectFrom('attempts')
    .selectAll()
    .where('notification_id', '=', id)
    .orderBy('number')
    .execute();
  const receipts = await db
    .selectFrom('receipts')
    .selectAll()
    .where('notification_id', '=', id)
    .orderBy('id')
    .execute();
  const entries: TimelineEntry[] = [
    ...attempts.map(
      (row): TimelineEntry => ({
        kind: 'attempt',
        at: row.started_at,
        number: row.number,
        provider: row.provider,
        finishedAt: row.finished_at,
        outcome: row.outcome,
        code: row.code,
        detail: row.detail,
      }),
    ),
    ...receipts.map(
      (row): TimelineEntry => ({
        kind: 'receipt',
        at: row.received_at,
        provider: row.provider,
        rawStatus: row.raw_status,
        status: row.status,
        ignored: row.ignored,
      }),
    ),
  ];
  return entries.sort((a, b) => a.at.getTime() - b.at.getTime());
}
