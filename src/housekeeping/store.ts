import { sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';

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

/** When the last run of a task that ended well began; null when there was none. */
export async function findLastRun(db: DbOrTrx, task: string): Promise<Date | null> {
  const row = await db
    .selectFrom('periodic_tasks')
    .select('last_run')
    .where('name', '=', task)
    .executeTakeFirst();
  return row?.last_run ?? null;
}

export async function recordRun(db: DbOrTrx, task: string, began: Date): Promise<void> {
  await db
    .insertInto('periodic_tasks')
    .values({ name: task, last_run: began })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ last_run: began }))
    .execute();
}
