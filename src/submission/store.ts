import { type RawBuilder, sql } from 'kysely';
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

/** A message that has just been stored, as its delivery task needs it. */
export type Persisted = Readonly<{
  id: string;
  serviceId: string;
  queue: QueueName;
  priority: number;
  requestId: string | null;
}>;

export type Moved = Readonly<{
  /** Those that were stored now: the others were there already, and their delivery is queued. */
  persisted: readonly Persisted[];
  /** Whether there may be more that is due. */
  more: boolean;
}>;

/**
 * Moves accepted messages into the tables, status `created`, within the transaction: a message that is stored already
 * collides on its id and is not stored again. What other workers are moving is passed over. At most `limit`, shared
 * evenly among the services that have something due, the highest priority of each first. `only`: this one alone.
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
    const choice = only === null ? fairChoice(type, now, limit) : singleChoice(type, now, only);
    const { rows } = await sql<Persisted & { stored: boolean; more: boolean }>`
      with recursive ${choice}, moved as (
        delete from accepted a using chosen where a.notification_type = ${type} and a.id = chosen.id returning a.*
      ), ${storeMoved('created', null)}
      select m.id, m.service_id as "serviceId", m.queue, m.priority, m.request_id as "requestId",
        facts.id is not null as stored, rest.more
      from moved m left join facts on facts.id = m.id cross join rest`.execute(db);
    return {
      persisted: rows.filter(({ stored }) => stored),
      more: rows.length === limit || (rows[0]?.more ?? false),
    };
  });
}

/** CTE `chosen`: this message, if it is due and nobody is moving it; `rest`: nothing is said of others. */
function singleChoice(type: NotificationType, now: Date, id: string): RawBuilder<unknown> {
  return sql`chosen as materialized (
        select id from accepted where notification_type = ${type} and id = ${id} and due_at <= ${now}
        for update skip locked
      ), rest as (select false as more)`;
}

/**
 * CTE `chosen`: the next lot, fairly; `rest`: whether some are left that could not be looked at. The index leads from
 * group to group (a service and a priority), so a flood of one costs the others a look at its first row. Each group
 * offers twice what would be its even share, oldest first, and the services then take turns. So a lot is full where one
 * service alone has much, and no more than twice a lot is ever looked at.
 */
function fairChoice(type: NotificationType, now: Date, limit: number): RawBuilder<unknown> {
  const first = sql`order by service_id, priority, due_at limit 1`;
  return sql`groups as (
        (select service_id, priority, due_at from accepted where notification_type = ${type} ${first})
        union all
        select next.* from groups g cross join lateral (
          select service_id, priority, due_at from accepted
          where notification_type = ${type} and (service_id, priority) > (g.service_id, g.priority) ${first}
        ) next
      ), due as (
        select service_id, priority, least(${limit}::int, ceil(2.0 * ${limit}::int / count(*) over ()))::int as most
        from groups where due_at <= ${now}
      ), offered as materialized (
        select a.id, a.due_at, due.service_id, due.priority, due.most
        from due cross join lateral (
          select id, due_at from accepted
          where notification_type = ${type} and service_id = due.service_id and priority = due.priority
            and due_at <= ${now}
          order by due_at, id limit due.most for update skip locked
        ) a
      ), turns as (
        select id, due_at, row_number() over (partition by service_id order by priority desc, due_at, id) as turn
        from offered
      ), chosen as materialized (
        select id from turns order by turn, due_at, id limit ${limit}
      ), rest as (
        select coalesce(bool_or(taken >= most), false) as more
        from (select count(*) as taken, most from offered group by service_id, priority, most) filled
      )`;
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
    .set((row) => ({ attempt: row('attempt', '+', 1), due_at: dueAt }))
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
