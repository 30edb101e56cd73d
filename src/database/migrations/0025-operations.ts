import { type Kysely, sql } from 'kysely';

/** What operators see of the platform at work: its processes, its periodic tasks, what is parked (spec 04, section 8.5). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // Those that run, and for a day those that were killed.
    sql`create table processes (
      id uuid primary key,
      roles text[] not null,
      -- those that it serves; empty without the role worker
      queues text[] not null,
      host text not null,
      pid integer not null,
      -- of the product, and the commit if the operator says it
      version text not null,
      git_commit text not null,
      -- how far its machine's clock is ahead of the database's
      clock_skew_seconds double precision not null,
      started_at timestamptz not null,
      seen_at timestamptz not null
    )`,

    sql`alter table periodic_tasks
      -- the start of the last run, however it ended, unlike last_run
      add column began_at timestamptz,
      -- of the last successful run: how long it took, and how many items it processed
      add column last_seconds double precision,
      add column last_count bigint,
      -- the last failed run, and the class of its error
      add column failed_at timestamptz,
      add column failure text,
      -- an operator wants it to run, and asked then
      add column asked_at timestamptz,
      -- null until it has succeeded once
      alter column last_run drop not null`,

    sql`alter table accepted
      -- the class of the error of its last try
      add column failure text,
      -- when its last try failed
      add column parked_at timestamptz`,
  ];
  for (const statement of statements) await statement.execute(db);
}
