import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../database/connection.ts';
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

/** When a task's last successful run began; null if there was none. */
export async function findLastRun(db: DbOrTrx, task: string): Promise<Date | null> {
  const row = await db
    .selectFrom('periodic_tasks')
    .select('last_run')
    .where('name', '=', task)
    .executeTakeFirst();
  return row?.last_run ?? null;
}

/** When the last successful run of each task began. */
export async function findLastRuns(db: DbOrTrx): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom('periodic_tasks').select(['name', 'last_run']).execute();
  return new Map(rows.map(({ name, last_run }) => [name, last_run]));
}

export async function recordRun(db: DbOrTrx, task: string, began: Date): Promise<void> {
  await db
    .insertInto('periodic_tasks')
    .values({ name: task, last_run: began })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ last_run: began }))
    .execute();
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
