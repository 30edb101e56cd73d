import { sql } from 'kysely';
import { idFloor, idTime } from '../ground/id.ts';
import type { Db } from './connection.ts';

/**
 * Messages, attempts, receipts and callbacks are partitioned by UTC day, `notification_history` by UTC month, each by
 * range of the UUIDv7 of the notification or callback. So an insert touches one small index, a look-up by id one
 * partition, and deleting a day means dropping a table.
 */
const byDay = [
  'notifications',
  'attempts',
  'receipts',
  'service_callbacks',
  'service_callback_attempts',
] as const;
/** Tables whose rows are updated, so that their pages need free space. */
const updated: readonly string[] = ['attempts', 'service_callbacks', 'service_callback_attempts'];
const byMonth = ['notification_history'] as const;

const day = 86_400_000;

/** The start of the UTC day or month that is `offset` periods after the one of `time`. */
function periodStart(time: number, unit: 'day' | 'month', offset: number): Date {
  const date = new Date(time);
  return unit === 'day'
    ? new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + offset))
    : new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1));
}

type Partition = Readonly<{ table: string; name: string; lower: string; upper: string; settings: string }>;

/** The partitions that do not exist yet for messages of the days from `from` to `until` (Unix milliseconds). */
export async function missingPartitions(db: Db, from: number, until: number): Promise<readonly Partition[]> {
  const wanted: Partition[] = [];
  for (let time = from; ; time += day) {
    const plan = (table: string, unit: 'day' | 'month', settings: string) => {
      const start = periodStart(time, unit, 0);
      const name = `${table}_${start
        .toISOString()
        .slice(0, unit === 'day' ? 10 : 7)
        .replaceAll('-', '')}`;
      if (wanted.some((partition) => partition.name === name)) return;
      wanted.push({
        table,
        name,
        lower: idFloor(start.getTime()),
        upper: idFloor(periodStart(time, unit, 1).getTime()),
        settings,
      });
    };
    for (const table of byDay)
      plan(table, 'day', updated.includes(table) ? 'fillfactor = 80' : 'fillfactor = 100');
    for (const table of byMonth)
      plan(table, 'month', 'fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05');
    if (time >= until) break;
  }
  const existing = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    join pg_class p on p.oid = i.inhparent
    where p.relname = any(${[...byDay, ...byMonth]}) and p.relnamespace = to_regnamespace(current_schema())`.execute(
    db,
  );
  const known = new Set(existing.rows.map(({ name }) => name));
  return wanted.filter(({ name }) => !known.has(name));
}

/**
 * Creates the missing partitions for messages of the days from `from` to `until` (Unix milliseconds). Safe to repeat,
 * also concurrently. Returns how many were missing.
 */
export async function ensurePartitions(db: Db, from: number, until: number): Promise<number> {
  const missing = await missingPartitions(db, from, until);
  if (missing.length === 0) return 0;
  await db.transaction().execute(async (trx) => {
    // Otherwise two processes that start at once would both create the table.
    await sql`select pg_advisory_xact_lock(hashtextextended('despatch.partitions', 0))`.execute(trx);
    for (const { table, name, lower, upper, settings } of missing)
      await sql`create table if not exists ${sql.table(name)} partition of ${sql.table(table)}
        for values from (${sql.lit(lower)}) to (${sql.lit(upper)}) with (${sql.raw(settings)})`.execute(trx);
  });
  return missing.length;
}

/**
 * Creates the partitions for ids before they are written. It remembers the days that have partitions, so that a writer
 * can call it before each batch, even in a process that has outlived the partitions created at its start.
 */
export function createPartitionGuard(db: Db): (ids: readonly string[]) => Promise<void> {
  const ready = new Set<number>();
  return async (ids) => {
    for (const id of ids) {
      const dayNumber = Math.floor(idTime(id) / day);
      if (ready.has(dayNumber)) continue;
      await ensurePartitions(db, dayNumber * day, dayNumber * day);
      ready.add(dayNumber);
    }
  };
}
