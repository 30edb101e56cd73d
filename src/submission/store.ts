import { sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import type { Metrics } from '../metrics.ts';
import type { NewNotification } from '../notification/store.ts';
import type { QueueName } from '../queue/names.ts';

/** An accepted message as it is stored; `personalisation` is sealed under the message's id. */
export type AcceptedMessage = NewNotification &
  Readonly<{
    /** Where its delivery is queued, and how urgent it is. */
    queue: QueueName;
    priority: number;
    requestId: string | null;
  }>;

/** Makes accepted messages durable: one statement for any number of them. */
export async function insertAccepted(db: DbOrTrx, messages: readonly AcceptedMessage[]): Promise<void> {
  const column = <T>(pick: (message: AcceptedMessage) => T) => messages.map(pick);
  await sql`
    insert into accepted (id, notification_type, service_id, template_id, template_version, job_id, job_row_number,
      api_key_id, key_type, created_at, client_reference, international, phone_prefix, rate_multiplier, recipient,
      normalised_recipient, personalisation, reply_to_text, unsubscribe_url, queue, priority, request_id)
    select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ type }) => type)}::text[],
      ${column(({ serviceId }) => serviceId)}::uuid[], ${column(({ templateId }) => templateId)}::uuid[],
      ${column(({ templateVersion }) => templateVersion)}::int[], ${column(({ jobId }) => jobId)}::uuid[],
      ${column(({ jobRowNumber }) => jobRowNumber)}::int[], ${column(({ apiKeyId }) => apiKeyId)}::uuid[],
      ${column(({ keyType }) => keyType)}::text[], ${column(({ createdAt }) => createdAt.toISOString())}::timestamptz[],
      ${column(({ clientReference }) => clientReference)}::text[],
      ${column(({ international }) => international)}::boolean[],
      ${column(({ phonePrefix }) => phonePrefix)}::text[], ${column(({ rateMultiplier }) => rateMultiplier)}::numeric[],
      ${column(({ recipient }) => recipient)}::text[],
      ${column(({ normalisedRecipient }) => normalisedRecipient)}::text[],
      ${column(({ personalisation }) => personalisation)}::bytea[], ${column(({ replyToText }) => replyToText)}::text[],
      ${column(({ unsubscribeUrl }) => unsubscribeUrl)}::text[], ${column(({ queue }) => queue)}::text[],
      ${column(({ priority }) => priority)}::int[], ${column(({ requestId }) => requestId)}::text[])`.execute(
    db,
  );
}

/** A message that has just been stored, as its delivery task needs it. */
export type Persisted = Readonly<{
  id: string;
  queue: QueueName;
  priority: number;
  requestId: string | null;
}>;

export type Moved = Readonly<{
  /** How many rows left `accepted`; a full lot means that there may be more. */
  count: number;
  /** Those that were stored now: the others were there already, and their delivery is queued. */
  persisted: readonly Persisted[];
}>;

/**
 * Moves accepted messages into the tables, status `created`, within the transaction: a message that is stored already
 * collides on its id and is not stored again. What other workers are moving is passed over. `only`: this one alone.
 */
export function moveAccepted(
  { metrics }: Readonly<{ metrics: Metrics }>,
  db: DbOrTrx,
  type: NotificationType,
  now: Date,
  limit: number,
  only: string | null = null,
): Promise<Moved> {
  return metrics.timed('dao', 'dao_create_notification', async () => {
    const one = only === null ? sql`` : sql`and id = ${only}`;
    const { rows } = await sql<Persisted & { count: number; stored: boolean }>`
      with chosen as materialized (
        select id from accepted where notification_type = ${type} and due_at <= ${now} ${one}
        order by id limit ${limit} for update skip locked
      ), moved as (
        delete from accepted a using chosen where a.notification_type = ${type} and a.id = chosen.id returning a.*
      ), facts as (
        insert into notification_history (id, service_id, template_id, template_version, job_id, job_row_number,
          api_key_id, key_type, notification_type, status, created_at, client_reference, international, phone_prefix,
          rate_multiplier)
        select id, service_id, template_id, template_version, job_id, job_row_number, api_key_id, key_type,
          notification_type, 'created', created_at, client_reference, international, phone_prefix, rate_multiplier
        from moved on conflict (id) do nothing returning id
      ), personal as (
        insert into notifications (id, service_id, recipient, normalised_recipient, personalisation, reply_to_text,
          unsubscribe_url)
        select m.id, m.service_id, m.recipient, m.normalised_recipient, m.personalisation, m.reply_to_text,
          m.unsubscribe_url
        from moved m join facts on facts.id = m.id
      )
      select m.id, m.queue, m.priority, m.request_id as "requestId", facts.id is not null as stored
      from moved m left join facts on facts.id = m.id`.execute(db);
    return { count: rows.length, persisted: rows.filter(({ stored }) => stored) };
  });
}

/** Accepted messages that may be moved now, oldest first. */
export async function findDue(
  db: DbOrTrx,
  type: NotificationType,
  now: Date,
  limit: number,
): Promise<readonly { id: string; attempt: number }[]> {
  return await db
    .selectFrom('accepted')
    .select(['id', 'attempt'])
    .where('notification_type', '=', type)
    .where('due_at', '<=', now)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Counts a try that failed; `dueAt` null leaves the message to an operator. */
export async function postponeAccepted(
  db: DbOrTrx,
  type: NotificationType,
  id: string,
  dueAt: Date | null,
): Promise<void> {
  await db
    .updateTable('accepted')
    .set((row) => ({ attempt: row('attempt', '+', 1), due_at: dueAt }))
    .where('notification_type', '=', type)
    .where('id', '=', id)
    .execute();
}
