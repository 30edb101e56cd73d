import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { stopwatch } from '../ground/clock.ts';
import type { Db, Trx } from './connection.ts';

/**
 * How long a change of a table may wait for its lock. Whoever needs the table meanwhile waits behind it, so this is also
 * how long sending may pause.
 */
const lockMilliseconds = 50;
const pauses = { first: 50, most: 1000 } as const;

/**
 * Runs a transaction that takes locks which shut out everybody else, such as those for making and dropping partitions.
 * It waits only for a moment, gives way if the table is in use for longer, and tries again, for `seconds` in all; then it
 * throws the database's error. `before` is done first and may wait.
 */
export async function withShortLock<T>(
  db: Db,
  work: (trx: Trx) => Promise<T>,
  {
    before = async () => {},
    seconds = 30,
  }: { before?: (trx: Trx) => Promise<unknown>; seconds?: number } = {},
): Promise<T> {
  const elapsed = stopwatch();
  for (let pause: number = pauses.first; ; pause = Math.min(pause * 2, pauses.most)) {
    try {
      return await db.transaction().execute(async (trx) => {
        await before(trx);
        await sql`set local lock_timeout = ${sql.lit(lockMilliseconds)}`.execute(trx);
        return await work(trx);
      });
    } catch (error) {
      if (!isLockTimeout(error) || elapsed() > seconds * 1000) throw error;
      await sleep(pause);
    }
  }
}

/** True if a lock was not free in time. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === '55P03';
}
