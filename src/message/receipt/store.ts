import { randomUUID } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Trx } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import type { KeyType, NotificationStatus, NotificationType } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Complaint, ReadReceipt } from '../../provider/contract.ts';

/** What decides whether a receipt may change a message. */
export type ReceiptSubject = Readonly<{
  id: string;
  serviceId: string;
  keyType: KeyType;
  createdAt: Date;
  type: NotificationType;
  status: NotificationStatus;
  reference: string | null;
  sentAt: Date | null;
  sentBy: string | null;
  /** The providers of all its attempts, whatever came of them; null if it was sent by the one that reports. */
  attemptedBy: readonly string[] | null;
  international: boolean;
  phonePrefix: string | null;
  /** Units, start and provider of the open attempt, since a receipt may come before the attempt is recorded. */
  claimedUnits: number | null;
  claimedAt: Date | null;
  claimedBy: string | null;
  /** Of the request that brought it, with its trace; null once its personal data is gone. */
  carried: string | null;
  /** False if it was deleted after its retention; its facts are still there. Only what is final is deleted. */
  isKept: boolean;
}>;

export type StoreDeps = Readonly<{ metrics: Metrics }>;

/** The messages that receipts are about. `provider`: the one that all of the receipts are from; null: there are several. */
export function findSubjects(
  { metrics }: StoreDeps,
  trx: Trx,
  found: readonly ReadReceipt['found'][],
  provider: string | null,
): Promise<readonly ReceiptSubject[]> {
  const values = (by: 'id' | 'reference') =>
    [...new Set(found.filter((entry) => entry.by === by).map(({ value }) => value))].toSorted();
  return metrics.timed('dao', 'get_notifications_for_receipts', async () => {
    const references = values('reference');
    const ids = values('id');
    if (references.length > 0) {
      const named = await sql<{ id: string }>`
        select id from notification_history where reference = any(${references}::text[])`.execute(trx);
      for (const { id } of named.rows) ids.push(id);
    }
    const sorted = [...new Set(ids)].toSorted();
    const attemptsOf = sql`attempts where notification_id = h.id ${inPartitionsOf(sorted, 'notification_id')}`;
    const { rows } = await sql<ReceiptSubject>`
      select h.id, h.service_id as "serviceId", h.key_type as "keyType", h.created_at as "createdAt", h.notification_type as "type", h.status, h.reference,
        h.sent_at as "sentAt", h.sent_by as "sentBy", h.international, h.phone_prefix as "phonePrefix",
        case when h.sent_by = ${provider} then null else array(select distinct provider from ${attemptsOf}) end as "attemptedBy",
        a.billable_units as "claimedUnits", a.started_at as "claimedAt", a.provider as "claimedBy",
        n.request_id as "carried",
        h.status in ('created', 'sending', 'pending') or n.id is not null as "isKept"
      from unnest(${sorted}::uuid[]) as input (id)
      join notification_history h on ${lookUp('h.id', 'input.id')} ${inPartitionsOf(sorted, 'h.id')}
      left join notifications n on ${lookUp('n.id', 'input.id')} ${inPartitionsOf(sorted, 'n.id')}
      left join lateral (
        select billable_units, started_at, provider from ${attemptsOf} and h.status = 'created'
        order by number desc limit 1
      ) a on true
      order by h.id`.execute(trx);
    return rows;
  });
}

/** A receipt for the timeline of its message. */
export type KeptReceipt = Readonly<{
  notificationId: string;
  provider: string;
  receivedAt: Date;
  rawStatus: string;
  status: NotificationStatus;
  ignored: string | null;
}>;

/**
 * A CTE for `moveStatuses` that puts receipts on the timelines of their messages. `moved`: messages that the receipts are to
 * change; those of a message that does not change, because another transaction has changed it meanwhile, are left out.
 */
export function insertingReceipts(
  receipts: readonly KeptReceipt[],
  moved: ReadonlySet<string>,
): RawBuilder<unknown> {
  const column = <T>(pick: (receipt: KeptReceipt) => T) => receipts.map(pick);
  const isMoved = column(({ notificationId }) => moved.has(notificationId));
  return sql`kept as (
    insert into receipts (notification_id, provider, received_at, raw_status, status, ignored)
    select notification_id, provider, received_at, raw_status, status, ignored from unnest(${column(({ notificationId }) => notificationId)}::uuid[], ${column(({ provider }) => provider)}::text[],
      ${column(({ receivedAt }) => receivedAt)}::timestamptz[], ${column(({ rawStatus }) => rawStatus)}::text[],
      ${column(({ status }) => status)}::text[], ${column(({ ignored }) => ignored)}::text[], ${isMoved}::boolean[])
      as input (notification_id, provider, received_at, raw_status, status, ignored, is_moved)
    ${moved.size === 0 ? sql`` : sql`where not is_moved or notification_id in (select id from updated where changed)`}
  )`;
}

/** A complaint about a message; `receivedAt` is used where the provider does not say when it was made. */
export type KeptComplaint = Complaint & Readonly<{ subject: ReceiptSubject; receivedAt: Date }>;

export type NewComplaint = Readonly<{
  id: string;
  notificationId: string;
  serviceId: string;
  type: string | null;
}>;

/** Stores complaints, each only once however often it is posted. Returns the new ones, for callbacks. */
export async function insertComplaints(
  trx: Trx,
  complaints: readonly KeptComplaint[],
): Promise<readonly NewComplaint[]> {
  if (complaints.length === 0) return [];
  const column = <T>(pick: (complaint: KeptComplaint) => T) => complaints.map(pick);
  const { rows } = await sql<NewComplaint>`
    insert into complaints (id, notification_id, service_id, ses_feedback_id, complaint_type, complaint_date, created_at)
    select * from unnest(${column(() => randomUUID())}::uuid[], ${column(({ subject }) => subject.id)}::uuid[],
      ${column(({ subject }) => subject.serviceId)}::uuid[], ${column(({ feedbackId }) => feedbackId)}::text[],
      ${column(({ type }) => type)}::text[], ${column(({ at, receivedAt }) => (at === null ? receivedAt : new Date(at)))}::timestamptz[],
      ${column(({ receivedAt }) => receivedAt)}::timestamptz[])
    on conflict (ses_feedback_id) do nothing
    returning id, notification_id as "notificationId", service_id as "serviceId", complaint_type as type`.execute(
    trx,
  );
  return rows;
}
