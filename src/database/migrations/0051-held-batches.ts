import { type Kysely, sql } from 'kysely';

/** Tasks that are held from the moment they are written, in one row for each batch (docs/decisions/0030). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [
    sql`create table held_batches (
      id uuid primary key,
      queue text not null,
      -- when other workers may take its tasks
      due_at timestamptz not null,
      since timestamptz not null default now(),
      -- of all its tasks
      payload jsonb not null,
      -- of each of its tasks, in one order
      tasks uuid[] not null,
      priorities integer[] not null,
      request_ids text[] not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`,
    sql`create index held_batches_due on held_batches (due_at)`,
  ])
    await statement.execute(db);
}
