import { type Kysely, sql } from 'kysely';

/** Provider control: versions with reasons, circuits shared by all workers, and rate limits (docs/decisions/0012). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table providers
      -- why the row is as it is, in words
      add column reason text,
      -- who made it so; null: nobody who is known
      add column created_by uuid references users,
      -- messages per second over all workers; null: as fast as it goes
      add column rate_limit integer check (rate_limit > 0),
      -- open: left alone until circuit_until, after that (half-open) tried with one message at a time
      add column circuit text not null default 'closed' check (circuit in ('closed', 'open')),
      add column circuit_until timestamptz,
      -- how often in a row it was opened
      add column circuit_openings integer not null default 0,
      -- the message that tries it, how long it may take, and how many before it were taken in a row
      add column probe_id uuid,
      add column probe_until timestamptz,
      add column probe_passes integer not null default 0`,

    // A full copy of each version, written in the transaction that makes it (spec 04, section 0.5).
    sql`create table provider_versions (
      id uuid not null,
      version integer not null,
      identifier text not null,
      display_name text not null,
      notification_type text not null,
      priority integer not null,
      active boolean not null,
      supports_international boolean not null,
      updated_at timestamptz,
      reason text,
      created_by uuid references users,
      rate_limit integer,
      circuit text not null,
      circuit_until timestamptz,
      primary key (id, version)
    )`,
    sql`insert into provider_versions (id, version, identifier, display_name, notification_type, priority, active,
        supports_international, updated_at, circuit)
      select id, version, identifier, display_name, notification_type, priority, active, supports_international,
        updated_at, circuit from providers`,

    // The sliding window: outcomes of calls to a provider, in slots of a few seconds.
    sql`create table provider_calls (
      provider_id uuid not null,
      -- when these seconds began
      slot timestamptz not null,
      taken integer not null,
      failed integer not null,
      unknown integer not null,
      primary key (provider_id, slot)
    ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)`,

    // For a provider with a rate limit: the time up to which its calls are allotted, by the database's clock.
    sql`create table provider_paces (
      provider_id uuid primary key,
      free_at timestamptz not null
    ) with (fillfactor = 50)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
