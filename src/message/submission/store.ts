import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { QueueName } from '../../queue/names.ts';
import { notifyInternal, priorities } from '../delivery/queue.ts';
import type { NewNotification } from '../status/notification.ts';
import { mostBehind, spacingMilliseconds } from './fair-order.ts';

/** An accepted message as it is stored; `personalisation` is sealed under the message's id. */
export type AcceptedMessage = NewNotification &
  Readonly<{
    /** Where its delivery is queued, and how urgent it is. */
    queue: QueueName;
    priority: number;
    requestId: string | null;
  }>;

/** A message that has just been stored, as its delivery task needs it. */
export type Persisted = Readonly<{
  id: string;
  queue: QueueName;
  priority: number;
  /** Milliseconds by which it goes later than it came (turn.ts). */
  behind: number;
  requestId: string | null;
}>;

export type Moved = Readonly<{
  /** How many rows left `accepted`; a full lot means that there may be more. */
  count: number;
  /** Those that were stored now: the others were there already, and their delivery is queued. */
  persisted: readonly Persisted[];
}>;

/**
 * SQL: how long after it comes a message has its turn, from the columns `behind`, `queue` and `priority` of `row`. The
 * platform's own messages and those of priority templates go before all others.
 */
export function orderOffset(row: string): string {
  return `(${row}.behind * interval '1 millisecond' - case when ${row}.queue = '${notifyInternal.name}' then interval '2 hours'
      when ${row}.priority >= ${priorities.priorityTemplate} then interval '1 hour' else interval '0' end)`;
}

/**
 * Moves accepted messages into the tables, status `created`, within the transaction, in their turns: a message that is
 * stored already collides on its id and is not stored again. What other workers are moving is passed over. `only`: this
 * one alone.
 */
export function moveAccepted(
  { metrics }: Readonly<{ metrics: Metrics }>,
  db: DbOrTrx,
  type: NotificationType,
  limit: number,
  only: string | null = null,
): Promise<Moved> {
  return metrics.timed('dao', 'dao_create_notification', async () => {
    const one = only === null ? sql`` : sql`and id = ${only}`;
    const { rows } = await sql<Persisted & { stored: boolean }>`
      with chosen as materialized (
        select id from accepted where notification_type = ${type} and turn_at is not null ${one}
        order by turn_at, id limit ${limit} for update skip locked
      ), moved as (
        delete from accepted a using chosen where a.notification_type = ${type} and a.id = chosen.id returning a.*
      ), ${storeMoved('created', null)}
      select m.id, m.queue, m.priority, m.behind, m.request_id as "requestId", facts.id is not null as stored
      from moved m left join facts on facts.id = m.id`.execute(db);
    return { count: rows.length, persisted: rows.filter(({ stored }) => stored) };
  });
}

/**
 * Gives messages that were scheduled or postponed their turns once they are due, at most `limit`: those of one service
 * and class that are due at once are spaced as if they came now (turn.ts). Answers how many.
 */
export async function orderDue(
  db: DbOrTrx,
  type: NotificationType,
  now: Date,
  limit: number,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with due as materialized (
      select id, service_id, priority, queue, due_at from accepted
      where notification_type = ${type} and turn_at is null and due_at <= ${now}
      order by due_at limit ${limit} for update skip locked
    ), placed as (
      select id, priority, queue, least(${mostBehind}::int, ${spacingMilliseconds}::int *
        (row_number() over (partition by service_id, priority order by due_at, id) - 1))::int as behind
      from due
    )
    update accepted a set behind = p.behind, turn_at = ${now}::timestamptz + ${sql.raw(orderOffset('p'))}
    from placed p where a.notification_type = ${type} and a.id = p.id`.execute(db);
  return Number(numAffectedRows);
}

/** The rows that the CTE `moved` took out of `accepted`, into the tables; CTE `facts` has those not stored before. */
function storeMoved(status: 'created' | 'cancelled', updatedAt: Date | null): RawBuilder<unknown> {
  return sql`facts as (
        insert into notification_history (id, service_id, template_id, template_version, job_id, job_row_number,
          api_key_id, key_type, notification_type, status, created_at, scheduled_for, updated_at, client_reference,
          international, phone_prefix, rate_multiplier)
        select id, service_id, template_id, template_version, job_id, job_row_number, api_key_id, key_type,
          notification_type, ${sql.lit(status)}, created_at, scheduled_for, ${updatedAt}::timestamptz,
          client_reference, international, phone_prefix, rate_multiplier
        from moved on conflict (id) do nothing returning id
      ), personal as (
        insert into notifications (id, service_id, recipient, normalised_recipient, personalisation, reply_to_text,
          unsubscribe_url)
        select m.id, m.service_id, m.recipient, m.normalised_recipient, m.personalisation, m.reply_to_text,
          m.unsubscribe_url
        from moved m join facts on facts.id = m.id
      )`;
}

/** Accepted messages that may be moved now, in their turns. */
export async function findDue(
  db: DbOrTrx,
  type: NotificationType,
  limit: number,
): Promise<readonly { id: string; attempt: number }[]> {
  return await db
    .selectFrom('accepted')
    .select(['id', 'attempt'])
    .where('notification_type', '=', type)
    .where('turn_at', 'is not', null)
    .orderBy('turn_at')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Whether a message is accepted and not yet persisted. */
export async function isAccepted(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('accepted').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
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
    .set((row) => ({ attempt: row('attempt', '+', 1), due_at: dueAt, turn_at: null }))
    .where('notification_type', '=', type)
    .where('id', '=', id)
    .execute();
}

/** The answer kept under an Idempotency-Key, still sealed; null when there is none of the last 24 hours. */
export async function findAnswer(
  db: DbOrTrx,
  serviceId: string,
  key: string,
): Promise<{ fingerprint: Buffer; answer: Buffer } | null> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'answer'])
    .where('service_id', '=', serviceId)
    .where('key', '=', key)
    .executeTakeFirst();
  return row ?? null;
}

/** Forgets keys older than `before`, at most `limit`. Answers how many. */
export async function deleteAnswers(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from idempotency_keys where ctid = any(array(
      select ctid from idempotency_keys where created_at < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** Takes back a scheduled message that is not due yet: it is stored as `cancelled`. Any other is left as it is. */
export async function cancelScheduled(db: DbOrTrx, serviceId: string, id: string, now: Date): Promise<void> {
  await sql`
    with moved as (
      delete from accepted where id = ${id} and service_id = ${serviceId} and scheduled_for > ${now} and due_at > ${now}
      returning *
    ), ${storeMoved('cancelled', now)}
    select id from facts`.execute(db);
}
