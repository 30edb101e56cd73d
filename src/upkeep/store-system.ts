import { sql } from 'kysely';
import type { DbOrTrx } from '../database/connection.ts';

/** Sizes in bytes, of the tables with their indexes and partitions. */
export type DatabaseFacts = Readonly<{
  /** Of PostgreSQL. */
  version: string;
  bytes: number;
  tables: readonly Readonly<{ name: string; bytes: number }>[];
}>;

const mostTables = 20;

/** The size of the database and of its largest tables. It asks the file system, and reads no rows. */
export async function findDatabaseFacts(db: DbOrTrx): Promise<DatabaseFacts> {
  const { rows } = await sql<DatabaseFacts>`
    with sized as (
      select coalesce(pg_partition_root(c.oid), c.oid) as root, pg_total_relation_size(c.oid) as bytes
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname in (current_schema(), 'pgboss')
    ), largest as (
      select root, coalesce(sum(bytes), 0)::int8 as bytes from sized group by root order by 2 desc limit ${mostTables}
    )
    select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
      (select json_agg(json_build_object('name', root::regclass::text, 'bytes', bytes) order by bytes desc) from largest)
        as tables`.execute(db);
  return rows[0]!;
}
