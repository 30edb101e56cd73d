import { type Kysely, sql } from 'kysely';

/** The queues in a table of our own (docs/decisions/0030). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [
    sql`create table tasks (
      queue text not null,
      id uuid not null,
      -- ready: any worker may take it; held: one works on it; waiting: for its next try; parked: left to an operator
      state text not null check (state in ('ready', 'held', 'waiting', 'parked')),
      -- higher goes first
      priority integer not null,
      -- ready: since when; held: when another worker may take it; waiting: when it becomes ready; parked: since when
      due_at timestamptz not null,
      -- when it was written, taken, put back or parked, whichever was last
      since timestamptz not null default now(),
      -- how often it was taken: tells one hold from a later one
      holds integer not null default 0,
      -- how often it was put back to be tried again
      attempt integer not null default 0,
      -- how often it was lost with its worker since then
      losses integer not null default 0,
      payload jsonb not null,
      -- the id of the request that it results from, and its trace
      request_id text,
      -- what makes it ready early when it happens, and how many seconds early that was
      waits_for text,
      early_seconds integer,
      -- why it is parked
      reason text,
      primary key (queue, id)
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`,
    sql`create index tasks_ready on tasks (queue, priority desc, due_at, id) where state = 'ready'`,
    sql`create index tasks_due on tasks (queue, due_at) where state in ('held', 'waiting')`,
    sql`create index tasks_parked on tasks (queue, id) where state = 'parked'`,
  ])
    await statement.execute(db);
}
