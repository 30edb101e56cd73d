import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../database/connection.ts';
import type { PeriodicTaskRow } from '../database/tables.ts';
import { idFloor, idTime } from '../ground/id.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { Span } from './range.ts';

const lockOf = (task: string) => sql`hashtextextended(${`despatch.${task}`}, 0)`;

/** Takes the lock of a periodic task for this connection; false while another scheduler holds it. */
export async function lockTask(connection: DbOrTrx, task: string): Promise<boolean> {
  const { rows } = await sql<{
    locked: boolean;
  }>`select pg_try_advisory_lock(${lockOf(task)}) as locked`.execute(connection);
  return rows[0]?.locked ?? false;
}

export async function unlockTask(connection: DbOrTrx, task: string): Promise<void> {
  await sql`select pg_advisory_unlock(${lockOf(task)})`.execute(connection);
}

/** When a task's last successful run began, and when an operator asked for a run that has not been made yet. */
export type TaskState = Readonly<{ lastRun: Date | null; askedAt: Date | null }>;

export async function findTaskState(db: DbOrTrx, task: string): Promise<TaskState> {
  const row = await db
    .selectFrom('periodic_tasks')
    .select(['last_run as lastRun', 'asked_at as askedAt'])
    .where('name', '=', task)
    .executeTakeFirst();
  return row ?? { lastRun: null, askedAt: null };
}

/** Names of tasks. `asked`: those that an operator wants to run; `busy`: those of the given that have something to do. */
export type WantedTasks = Readonly<{ asked: ReadonlySet<string>; busy: ReadonlySet<string> }>;

/** `conditions`: by task, SQL for whether it has something to do. */
export async function findWantedTasks(
  db: DbOrTrx,
  conditions: readonly (readonly [name: string, hasWork: RawBuilder<boolean>])[],
): Promise<WantedTasks> {
  const busy = conditions.map(([name, hasWork]) => sql`case when ${hasWork} then ${name}::text end`);
  const { rows } = await sql<{ asked: string[]; busy: string[] }>`
    select array(select name from periodic_tasks where asked_at is not null) as asked,
      array_remove(array[${sql.join(busy)}]::text[], null) as busy`.execute(db);
  return { asked: new Set(rows[0]!.asked), busy: new Set(rows[0]!.busy) };
}

/** Asks the schedulers to run a task soon. */
export async function askForRun(db: DbOrTrx, task: string, at: Date): Promise<void> {
  await db
    .insertInto('periodic_tasks')
    .values({ name: task, asked_at: at })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ asked_at: at }))
    .execute();
}

/** Records a successful run. A run that was asked for at `askedAt` has been made with it; one asked for since has not. */
export async function recordRun(
  db: DbOrTrx,
  task: string,
  {
    began,
    seconds,
    count,
    askedAt,
  }: Readonly<{ began: Date; seconds: number; count: number; askedAt: Date | null }>,
): Promise<void> {
  await sql`
    insert into periodic_tasks as t (name, last_run, began_at, last_seconds, last_count)
    values (${task}, ${began}, ${began}, ${seconds}, ${count})
    on conflict (name) do update set last_run = excluded.last_run, began_at = excluded.began_at,
      last_seconds = excluded.last_seconds, last_count = excluded.last_count,
      asked_at = case when t.asked_at = ${askedAt} then null else t.asked_at end`.execute(db);
}

/** Records a failed run. `failure`: the class of its error. */
export async function recordFailure(
  db: DbOrTrx,
  task: string,
  { began, failure }: Readonly<{ began: Date; failure: string }>,
): Promise<void> {
  const failed = { began_at: began, failed_at: began, failure };
  await db
    .insertInto('periodic_tasks')
    .values({ name: task, ...failed })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(failed))
    .execute();
}

/** What is known of the runs of the periodic tasks, by name. */
export async function findTaskRuns(db: DbOrTrx): Promise<ReadonlyMap<string, PeriodicTaskRow>> {
  const rows = await db.selectFrom('periodic_tasks').selectAll().execute();
  return new Map(rows.map((row) => [row.name, row]));
}

export type StoreDeps = Readonly<{ metrics: Metrics }>;

/** When the oldest message's id was created, in Unix milliseconds; null if there is no message. */
export async function oldestMessage(db: DbOrTrx): Promise<number | null> {
  const row = await db
    .selectFrom('notification_history')
    .select('id')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return row ? idTime(row.id) : null;
}

/**
 * The ids of at most `limit` unfinished messages whose age counts from before `before`, with ids created within `span`
 * and after the id `after`; locked in the order of their ids until the transaction ends. A scheduled message's age
 * counts from its scheduled time.
 */
export function lockUnfinished(
  { metrics }: StoreDeps,
  trx: Trx,
  { span, before, after, limit }: Readonly<{ span: Span; before: number; after: string; limit: number }>,
): Promise<readonly string[]> {
  return metrics.timed('dao', 'dao_get_timed_out_notifications', async () => {
    const { rows } = await sql<{ id: string }>`
      select id from notification_history
      where id >= ${idFloor(span.from)} and id < ${idFloor(span.until)} and id > ${after}
        and status in ('created', 'sending', 'pending') and notification_type in ('sms', 'email')
        and greatest(created_at, scheduled_for) < ${new Date(before)}
      order by id limit ${limit} for update`.execute(trx);
    return rows.map(({ id }) => id);
  });
}
