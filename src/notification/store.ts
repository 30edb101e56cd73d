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

/** The message, if it is the service's and has not passed its retention. */
export function findNotification(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<StoredNotification | null> {
  return metrics.timed('dao', 'get_notification_by_id', async () => {
    const { rows } = await sql<StoredNotification>`
      select ${notificationColumns} from notifications n join notification_history h on h.id = n.id
      where n.id = ${id} and h.id = ${id} and n.service_id = ${serviceId}`.execute(db);
    return rows[0] ?? null;
  });
}

/** What is inserted when an accepted message is persisted. */
export type NewNotification = Omit<
  StoredNotification,
  'status' | 'sentAt' | 'updatedAt' | 'sentBy' | 'reference' | 'billableUnits'
>;

/**
 * Writes many messages, status `created`, into both tables. One whose id is there already is left alone: a task that
 * runs twice collides here. Answers the ids that were written now.
 */
export function insertNotifications(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  notifications: readonly NewNotification[],
): Promise<ReadonlySet<string>> {
  return metrics.timed('dao', 'dao_create_notification', async () => {
    const column = <T>(pick: (notification: NewNotification) => T) => notifications.map(pick);
    const { rows } = await sql<{ id: string }>`
      insert into notification_history (id, service_id, template_id, template_version, job_id, job_row_number,
        api_key_id, key_type, notification_type, status, created_at, client_reference, international, phone_prefix,
        rate_multiplier)
      select id, service_id, template_id, template_version, job_id, job_row_number, api_key_id, key_type,
        notification_type, 'created', created_at, client_reference, international, phone_prefix, rate_multiplier
      from unnest(${column(({ id }) => id)}::uuid[], ${column(({ serviceId }) => serviceId)}::uuid[],
        ${column(({ templateId }) => templateId)}::uuid[], ${column(({ templateVersion }) => templateVersion)}::int[],
        ${column(({ jobId }) => jobId)}::uuid[], ${column(({ jobRowNumber }) => jobRowNumber)}::int[],
        ${column(({ apiKeyId }) => apiKeyId)}::uuid[], ${column(({ keyType }) => keyType)}::text[],
        ${column(({ type }) => type)}::text[], ${column(({ createdAt }) => createdAt)}::timestamptz[],
        ${column(({ clientReference }) => clientReference)}::text[],
        ${column(({ international }) => international)}::boolean[],
        ${column(({ phonePrefix }) => phonePrefix)}::text[], ${column(({ rateMultiplier }) => rateMultiplier)}::numeric[])
        as input (id, service_id, template_id, template_version, job_id, job_row_number, api_key_id, key_type,
          notification_type, created_at, client_reference, international, phone_prefix, rate_multiplier)
      on conflict (id) do nothing
      returning id`.execute(db);
    const written = new Set(rows.map(({ id }) => id));
    const fresh = notifications.filter(({ id }) => written.has(id));
    const personal = <T>(pick: (notification: NewNotification) => T) => fresh.map(pick);
    if (fresh.length > 0)
      await sql`
        insert into notifications (id, service_id, recipient, normalised_recipient, personalisation, reply_to_text,
          unsubscribe_url)
        select * from unnest(${personal(({ id }) => id)}::uuid[], ${personal(({ serviceId }) => serviceId)}::uuid[],
          ${personal(({ recipient }) => recipient)}::text[],
          ${personal(({ normalisedRecipient }) => normalisedRecipient)}::text[],
          ${personal(({ personalisation }) => personalisation)}::bytea[],
          ${personal(({ replyToText }) => replyToText)}::text[],
          ${personal(({ unsubscribeUrl }) => unsubscribeUrl)}::text[])`.execute(db);
    return written;
  });
}

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
