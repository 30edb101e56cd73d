import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';

/** A table with its indexes and partitions. */
export type TableSize = Readonly<{
  name: string;
  bytes: number;
  /** About how many rows, as of the last time that PostgreSQL counted some. */
  rows: number;
  /** Its bytes on the earliest night of the last week that was measured; null if none was. */
  bytesBefore: number | null;
}>;

const sized = sql`
  select c.relname as name,
    sum(pg_total_relation_size(part.oid))::int8 as bytes,
    sum(greatest(coalesce(stat.n_live_tup, part.reltuples), 0))::int8 as rows
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  cross join lateral (
    select c.oid, c.reltuples where c.relkind = 'r'
    union all select p.oid, p.reltuples from pg_partition_tree(c.oid) t join pg_class p on p.oid = t.relid
      where c.relkind = 'p' and p.relkind = 'r'
  ) part
  left join pg_stat_user_tables stat on stat.relid = part.oid
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname = current_schema()
  group by 1`;

/** All tables, the largest first. It asks the file system, and reads no rows. */
export async function findTableSizes(db: DbOrTrx, now: Date): Promise<readonly TableSize[]> {
  const { rows } = await sql<TableSize>`
    select s.name, s.bytes, s.rows, (
        select t.bytes from table_sizes t where t.name = s.name and t.measured_at > ${now}::timestamptz - interval '8 days'
        order by t.measured_at limit 1
      ) as "bytesBefore"
    from (${sized}) s order by s.bytes desc, s.name`.execute(db);
  return rows;
}

const daysKept = 35;

/** Keeps the size of every table as it is now, and deletes what was kept more than 35 days ago. Returns how many tables. */
export async function measureTables(db: DbOrTrx, now: Date): Promise<number> {
  await sql`delete from table_sizes where measured_at < ${now}::timestamptz - ${daysKept}::int * interval '1 day'`.execute(
    db,
  );
  const { numAffectedRows = 0n } = await sql`
    insert into table_sizes (name, measured_at, bytes) select s.name, ${now}, s.bytes from (${sized}) s
    on conflict do nothing`.execute(db);
  return Number(numAffectedRows);
}
