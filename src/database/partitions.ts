import { setTimeout as sleep } from 'node:timers/promises';
import { type RawBuilder, sql } from 'kysely';
import { dayAfter, dayOf, dayStart, stopwatch } from '../ground/clock.ts';
import { idFloor, idTime } from '../ground/id.ts';
import type { Db, DbOrTrx, Trx } from './connection.ts';

/**
 * Messages, attempts, receipts and callbacks are partitioned by day in the business zone, `notification_history` by UTC
 * month, each by range of the UUIDv7 of the notification or callback. So an insert touches one small index, a look-up by
 * id one partition, and deleting a day means dropping a table (docs/decisions/0024). Releases before 0024 made the days
 * UTC days; whatever exists is left as it is.
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
const tables = [...byDay, ...byMonth];
export type PartitionedTable = (typeof tables)[number];

/** From `from`, included, to `until`, excluded; Unix milliseconds of the ids. */
type Range = Readonly<{ from: number; until: number }>;

/** A partition; its name is unique. */
export type Partition = Range & Readonly<{ table: PartitionedTable; name: string }>;

/** The partitions of these tables, by table and from the oldest to the newest. */
export async function findPartitions(
  db: DbOrTrx,
  of: readonly PartitionedTable[],
): Promise<readonly Partition[]> {
  const { rows } = await sql<{ table: PartitionedTable; name: string; from: string; until: string }>`
    select p.relname as table, c.relname as name, bounds[1] as from, bounds[2] as until
    from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    cross join lateral (
      select regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \\(''(.*)''\\) TO \\(''(.*)''\\)') as bounds
    ) bound
    where p.relname = any(${of}) and p.relnamespace = to_regnamespace(current_schema()) and bounds is not null
    order by p.relname, bounds[1]`.execute(db);
  return rows.map((row) => ({ ...row, from: idTime(row.from), until: idTime(row.until) }));
}

/** What a table needs in order to have partitions for ids of the times from `from` to `until`, both included. */
function wantedRanges(table: PartitionedTable, from: number, until: number): readonly Range[] {
  const ranges: Range[] = [];
  if (table === 'notification_history') {
    for (let start = monthStart(from, 0); start <= until; start = monthStart(start, 1))
      ranges.push({ from: start, until: monthStart(start, 1) });
    return ranges;
  }
  for (let day = dayOf(from); dayStart(day) <= until; day = dayAfter(day, 1))
    ranges.push({ from: dayStart(day), until: dayStart(dayAfter(day, 1)) });
  return ranges;
}

function monthStart(time: number, offset: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
}

/** The parts of a range that none of the others, which are in order, covers. */
export function uncovered(range: Range, others: readonly Range[]): readonly Range[] {
  const holes: Range[] = [];
  let { from } = range;
  for (const other of others) {
    if (other.until <= from || other.from >= range.until) continue;
    if (other.from > from) holes.push({ from, until: other.from });
    from = other.until;
  }
  return from < range.until ? [...holes, { from, until: range.until }] : holes;
}

/** The partitions that do not exist yet for ids of the times from `from` to `until` (Unix milliseconds). */
export async function missingPartitions(
  db: DbOrTrx,
  from: number,
  until: number,
): Promise<readonly Partition[]> {
  const existing = await findPartitions(db, tables);
  const names = new Set(existing.map(({ name }) => name));
  return tables.flatMap((table) => {
    const own = existing.filter((partition) => partition.table === table);
    return wantedRanges(table, from, until)
      .flatMap((range) => uncovered(range, own))
      .map((hole) => ({ ...hole, table, name: freeName(table, hole.from, names) }));
  });
}

/**
 * Drops a partition with its rows, unless `isWanted` says that it is still needed. Nobody can write to its table between
 * that answer and the end of the transaction. Returns whether it was dropped.
 */
export function dropPartition(
  db: Db,
  { table, name }: Partition,
  isWanted: (trx: Trx) => Promise<boolean>,
): Promise<boolean> {
  return withShortLock(db, async (trx) => {
    await sql`lock table only ${sql.table(table)} in access exclusive mode`.execute(trx);
    if (await isWanted(trx)) return false;
    await sql`drop table if exists ${sql.table(name)}`.execute(trx);
    return true;
  });
}

/** Named by its day or month; a second one that begins on a day, between two that exist, also by the time. */
function freeName(table: PartitionedTable, from: number, names: ReadonlySet<string>): string {
  const day = table === 'notification_history' ? new Date(from).toISOString().slice(0, 7) : dayOf(from);
  const name = `${table}_${day.replaceAll('-', '')}`;
  return names.has(name) ? `${name}_${new Date(from).toISOString().slice(11, 16).replace(':', '')}` : name;
}

/**
 * Creates the missing partitions for ids of the times from `from` to `until` (Unix milliseconds). Safe to repeat, also
 * concurrently. Returns how many were missing.
 */
export async function ensurePartitions(db: Db, from: number, until: number): Promise<number> {
  const missing = await missingPartitions(db, from, until);
  // One table after the other, so that nobody waits for more than one lock.
  for (const table of new Set(missing.map((partition) => partition.table)))
    await withShortLock(
      db,
      async (trx) => {
        const still = await missingPartitions(trx, from, until);
        for (const { name, from: lower, until: upper } of still.filter((one) => one.table === table))
          await sql`create table ${sql.table(name)} partition of ${sql.table(table)}
            for values from (${sql.lit(idFloor(lower))}) to (${sql.lit(idFloor(upper))})
            with (${sql.raw(settingsOf(table))})`.execute(trx);
      },
      {
        // Otherwise two processes that start at once would both create the table.
        before: (trx) =>
          sql`select pg_advisory_xact_lock(hashtextextended('despatch.partitions', 0))`.execute(trx),
      },
    );
  return missing.length;
}

/**
 * Rows that are updated are so all in one batch, soon: with room for each in its page, their indexes stay as they are. Lists
 * need statistics, but no statement on the way of a message does (docs/decisions/0029), and after each analysis PostgreSQL
 * plans all of them again: so it comes once a third of the rows are new. Those of the history change twice.
 */
function settingsOf(table: PartitionedTable): string {
  const analysis = (newRows: number) =>
    `autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = ${newRows}`;
  if (table === 'notification_history')
    return `fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, ${analysis(1)}`;
  return `fillfactor = ${updated.includes(table) ? 50 : 100}, ${analysis(0.33)}`;
}

/** Ids that lie further apart are not of one batch of messages, or not ours. */
const widestSpan = 31 * 86_400_000;
const latestTime = Date.UTC(3000, 0);

/**
 * Conditions by which PostgreSQL, when it plans a statement that takes ids of messages as values, leaves out all
 * partitions that none of them is in: `and (<column> >= …) and (<column> < …)` for each of the columns, with the days of
 * the ids. Without them it opens and locks every partition at each execution, which costs more for each month that is
 * kept. They leave out no row with one of the ids. The text of the statement changes at midnight and with older ids, so
 * it stays one that is sent often. Nothing if the ids are not of one month's time.
 *
 * Each condition has an `or` that adds nothing: so it still tells partitions apart, but no index can be searched by it.
 * While a partition has no statistics, a search for a whole day looks cheaper than one for each id.
 */
export function inPartitionsOf(ids: readonly string[], ...columns: readonly string[]): RawBuilder<unknown> {
  let [least, greatest] = [ids[0], ids[0]];
  for (const id of ids) {
    if (id < least!) least = id;
    if (id > greatest!) greatest = id;
  }
  if (least === undefined || greatest === undefined) return sql``;
  const [first, last] = [idTime(least), idTime(greatest)];
  if (last - first > widestSpan || last >= latestTime) return sql``;
  const from = dayRange(first).from;
  const until = dayRange(last).until;
  return sql.raw(
    columns
      .map((column) => {
        const [least, limit] = [`'${idFloor(from)}'::uuid`, `'${idFloor(until)}'::uuid`];
        return ` and (${column} >= ${least} or ${column} = ${least}) and (${column} < ${limit} or ${column} = ${least})`;
      })
      .join(''),
  );
}

let lastRange: Range = { from: 0, until: 0 };

/** The business zone's day that a time is in. Working it out costs more than the rest of a statement's text. */
function dayRange(time: number): Range {
  if (time < lastRange.from || time >= lastRange.until) {
    const day = dayOf(time);
    lastRange = { from: dayStart(day), until: dayStart(dayAfter(day, 1)) };
  }
  return lastRange;
}

const mostRemembered = 3;

/**
 * Creates the partitions for ids before they are written. It remembers the last few days that it has seen, so that a
 * writer can call it before each batch, even in a process that has outlived the partitions created at its start. Days
 * that it has not seen lately may have been dropped since.
 */
export function createPartitionGuard(db: Db): (ids: readonly string[]) => Promise<void> {
  const ready: Range[] = [];
  return async (ids) => {
    for (const id of ids) {
      const time = idTime(id);
      if (ready.some(({ from, until }) => time >= from && time < until)) continue;
      await ensurePartitions(db, time, time);
      ready.unshift(dayRange(time));
      ready.splice(mostRemembered);
    }
  };
}

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
function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === '55P03';
}
