import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../database/connection.ts';
import { deliverQueues } from '../message/delivery/queue.ts';
import { researchReceipts } from '../message/receipt/research/queue.ts';
import { type QueueName, queueNames, taskQueueNames } from '../queue/define.ts';

/** The queues that can have something parked. Callbacks end as failed, and are replayed by their service. */
export const parkingQueues = queueNames.filter((name) => name !== 'service-callbacks');

/** A task or an accepted message that no worker takes any more. */
export type Parked = Readonly<{
  id: string;
  queue: QueueName;
  /** The message that it is about; null where that cannot be told. */
  notificationId: string | null;
  serviceId: string | null;
  parkedAt: Date | null;
  /** Tries that failed. */
  tries: number;
  /** What is known of the cause, without anything personal; null if a person parked it. */
  reason: string | null;
}>;

export type ParkedFilter = Readonly<{ queue: QueueName | null; id: string | null; olderThan: string | null }>;

/** Queues whose tasks have the id of their message. */
const ofMessages: readonly string[] = [...deliverQueues, researchReceipts].map(({ name }) => name);

/** Tasks as `j` that are parked: put aside, or lost with their workers again and again. */
const isParkedTask = sql`j.state = 'parked'`;
/** Accepted messages as `a` that are parked. */
const isParkedMessage = sql`a.due_at is null and a.turn_at is null`;

/** Names without the prefix; from the columns of `j`. */
const queueOf = (prefix: string) => sql`substr(j.queue, ${prefix.length + 1}::int)`;

/** The queues of a filter, as task queues with their prefix, and as types of accepted messages. */
function splitQueues(prefix: string, queue: QueueName | null) {
  const wanted: readonly string[] = queue === null ? parkingQueues : [queue];
  return {
    tasks: taskQueueNames.filter((name) => wanted.includes(name)).map((name) => prefix + name),
    types: ['sms', 'email'].filter((type) => wanted.includes(`db-${type}`)),
  };
}

function columnsOfTasks(prefix: string): RawBuilder<unknown> {
  return sql`j.id, ${queueOf(prefix)} as queue, h.id as "notificationId", h.service_id as "serviceId",
    j.due_at as "parkedAt", j.attempt as tries,
    case j.reason when 'lost' then 'It was lost with its worker again and again'
      when 'unreadable' then 'Its payload does not fit its queue: another release wrote it'
    end as reason`;
}

const columnsOfMessages = sql`a.id, 'db-' || a.notification_type as queue, a.id as "notificationId", a.service_id as "serviceId",
    a.parked_at as "parkedAt", a.attempt as tries, a.failure as reason`;

/** At most `limit` that are parked, those with the greatest ids first. */
export async function findParked(
  db: DbOrTrx,
  prefix: string,
  { queue, id, olderThan }: ParkedFilter,
  limit: number,
): Promise<readonly Parked[]> {
  const { tasks, types } = splitQueues(prefix, queue);
  const range = (column: RawBuilder<unknown>) => sql`
    ${id === null ? sql`true` : sql`${column} = ${id}`} and ${olderThan === null ? sql`true` : sql`${column} < ${olderThan}`}`;
  const { rows } = await sql<Parked>`
    select * from (
      (select ${columnsOfTasks(prefix)} from (
          select j.* from tasks j where j.queue = any(${tasks}) and ${isParkedTask} and ${range(sql`j.id`)}
          order by j.id desc limit ${limit}
        ) j
        left join notification_history h on h.id = j.id and ${queueOf(prefix)} = any(${ofMessages}))
      union all
      (select ${columnsOfMessages} from accepted a
        where a.notification_type = any(${types}) and ${isParkedMessage} and ${range(sql`a.id`)}
        order by a.id desc limit ${limit})
    ) parked order by id desc, queue limit ${limit}`.execute(db);
  return rows;
}

/** How much is parked in each queue, at most `most` in each; a queue without any is left out. */
export async function countParked(
  db: DbOrTrx,
  prefix: string,
  most: number,
): Promise<ReadonlyMap<QueueName, number>> {
  const { tasks, types } = splitQueues(prefix, null);
  const { rows } = await sql<{ queue: QueueName; count: number }>`
    select substr(queue.name, ${prefix.length + 1}::int) as queue, c.count
    from unnest(${tasks}::text[]) as queue (name) cross join lateral (
      select count(*)::int as count from (
        select from tasks j where j.queue = queue.name and ${isParkedTask} limit ${most}
      ) counted
    ) c
    union all
    select 'db-' || type, c.count from unnest(${types}::text[]) as type cross join lateral (
      select count(*)::int as count from (
        select from accepted a where a.notification_type = type and ${isParkedMessage} limit ${most}
      ) counted
    ) c`.execute(db);
  return new Map(rows.filter(({ count }) => count > 0).map(({ queue, count }) => [queue, count]));
}

/**
 * Makes what is parked due again, with all its tries: at most `limit`, those with the smallest ids. Returns them as they
 * were.
 */
export async function releaseParked(
  trx: Trx,
  prefix: string,
  { queue, id }: Pick<ParkedFilter, 'queue' | 'id'>,
  limit: number,
): Promise<readonly Parked[]> {
  const { tasks, types } = splitQueues(prefix, queue);
  const chosen = (column: RawBuilder<unknown>) => (id === null ? sql`true` : sql`${column} = ${id}`);
  // Where the lot is full with tasks, no messages are looked at; a filter by queue has either.
  const released = await sql<Parked>`
    with chosen as materialized (
      select j.* from tasks j where j.queue = any(${tasks}) and ${isParkedTask} and ${chosen(sql`j.id`)}
      order by j.id limit ${limit} for update skip locked
    ), changed as (
      update tasks j set state = 'ready', due_at = now(), attempt = 0, losses = 0, reason = null
      from chosen where j.queue = chosen.queue and j.id = chosen.id
      returning j.id
    )
    select ${columnsOfTasks(prefix)} from chosen j
    left join notification_history h on h.id = j.id and ${queueOf(prefix)} = any(${ofMessages})
    where j.id in (select id from changed)`.execute(trx);
  const left = limit - released.rows.length;
  if (left === 0 || types.length === 0) return released.rows;
  const messages = await sql<Parked>`
    with chosen as materialized (
      select a.* from accepted a
      where a.notification_type = any(${types}) and ${isParkedMessage} and ${chosen(sql`a.id`)}
      order by a.id limit ${left} for update skip locked
    ), changed as (
      update accepted a set due_at = now(), attempt = 0, failure = null, parked_at = null
      from chosen where a.id = chosen.id returning a.id
    )
    select ${columnsOfMessages} from chosen a where a.id in (select id from changed)`.execute(trx);
  return [...released.rows, ...messages.rows];
}

/** Deletes the parked tasks with this id. Returns them as they were. */
export async function deleteParkedTasks(trx: Trx, prefix: string, id: string): Promise<readonly Parked[]> {
  const { tasks } = splitQueues(prefix, null);
  const { rows } = await sql<Parked>`
    with deleted as (
      delete from tasks j where j.queue = any(${tasks}) and ${isParkedTask} and j.id = ${id} returning j.*
    )
    select ${columnsOfTasks(prefix)} from deleted j
    left join notification_history h on h.id = j.id and ${queueOf(prefix)} = any(${ofMessages})`.execute(trx);
  return rows;
}

/** Whether the message is stored and waits to be handed over; locks it. */
export async function lockCreated(trx: Trx, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from notification_history where id = ${id} and status = 'created' for update`.execute(trx);
  return rows.length > 0;
}
