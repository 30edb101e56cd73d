import { sql } from 'kysely';
import type { Db } from '../database/connection.ts';
import { type QueueName, queueNames, taskQueueNames } from '../queue/define.ts';

/** What waits in a queue, named as its metrics are (process/api.ts). */
export type Backlog = Readonly<{
  despatch_queue_due_tasks: number;
  despatch_queue_delayed_tasks: number;
  despatch_queue_oldest_due_seconds: number;
}>;

/** Rows looked at per queue: the most urgent and oldest come first, and what is behind them changes no decision. */
const mostRows = sql.lit(100_000);
const longestMilliseconds = 2000;

/** From the rows `s` with the column `due_at`, when each can be taken. */
const measured = sql`
  select count(*) filter (where due_at <= now()) as due, count(*) filter (where due_at > now()) as delayed,
    coalesce(extract(epoch from now() - min(due_at) filter (where due_at <= now())), 0)::float8 as oldest`;

/**
 * The backlog of every queue, in all processes together. Each part walks an index that has only what waits, for a
 * bounded number of rows. Throws after 2 seconds. Parked tasks and messages are not counted.
 */
export function findBacklog(db: Db, prefix: string): Promise<ReadonlyMap<QueueName, Backlog>> {
  return db.transaction().execute(async (trx) => {
    await sql`select set_config('statement_timeout', ${String(longestMilliseconds)}, true)`.execute(trx);
    const { rows } = await sql<{ queue: QueueName; due: number; delayed: number; oldest: number }>`
      select queue.name as queue, w.* from unnest(${taskQueueNames}::text[]) as queue (name) cross join lateral (
        ${measured} from (
          (select due_at from tasks t where t.queue = ${prefix} || queue.name and state = 'ready'
            order by priority desc, due_at limit ${mostRows})
          union all
          (select due_at from tasks t where t.queue = ${prefix} || queue.name and state in ('held', 'waiting')
              and state = 'waiting'
            order by due_at limit ${mostRows})
        ) s
      ) w
      union all
      select 'db-' || type, w.* from unnest(array['sms', 'email']) as type cross join lateral (
        ${measured} from (
          (select due_at from accepted where notification_type = type and turn_at is not null
            order by turn_at limit ${mostRows})
          union all
          (select due_at from accepted where notification_type = type and turn_at is null and due_at is not null
            order by due_at limit ${mostRows})
        ) s
      ) w
      union all
      select 'service-callbacks', w.* from (
        ${measured} from (
          select due_at from service_callbacks where due_at is not null
          order by service_id, callback_type, due_at limit ${mostRows}
        ) s
      ) w`.execute(trx);
    const found = new Map(rows.map((row) => [row.queue, row]));
    return new Map(
      queueNames.map((name) => {
        const { due = 0, delayed = 0, oldest = 0 } = found.get(name) ?? {};
        return [
          name,
          {
            despatch_queue_due_tasks: due,
            despatch_queue_delayed_tasks: delayed,
            despatch_queue_oldest_due_seconds: oldest,
          },
        ] as const;
      }),
    );
  });
}

/** How many tasks of each queue are being worked on, at most 100,000. Those that are tables of their own are left out. */
export async function findActive(db: Db, prefix: string): Promise<ReadonlyMap<QueueName, number>> {
  const { rows } = await sql<{ queue: QueueName; active: number }>`
    select queue.name as queue, held.count + coalesce(batches.count, 0) as active from unnest(${taskQueueNames}::text[]) as queue (name)
    cross join lateral (
      select count(*)::int as count from (
        select from tasks t where t.queue = ${prefix} || queue.name and state in ('held', 'waiting') and state = 'held'
        limit ${mostRows}
      ) counted
    ) held
    left join (select queue, sum(cardinality(tasks))::int as count from held_batches group by queue) batches
      on batches.queue = ${prefix} || queue.name`.execute(db);
  return new Map(rows.map(({ queue, active }) => [queue, active]));
}
