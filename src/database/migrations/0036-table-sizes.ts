import { type Kysely, sql } from 'kysely';

/** How large tables were at night, so that operators see what grows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table table_sizes (
    name text not null,
    measured_at timestamptz not null,
    -- with indexes and partitions
    bytes bigint not null,
    primary key (name, measured_at)
  )`.execute(db);
}
