import { type Kysely, sql } from 'kysely';

/** Figures: changes of messages, and the totals that they are folded into (docs/decisions/0023). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // Net changes, appended by each statement that stores or changes messages, and taken away when they are folded. No
    // primary key: they are only ever read and taken as a whole.
    sql`create table status_changes (
      -- of created_at, in the business zone
      day date not null,
      service_id uuid not null,
      template_id uuid not null,
      job_id uuid,
      notification_type text not null,
      key_type text not null,
      -- made by itself with an API key, not by hand and not by a job
      via_api boolean not null,
      status text not null,
      -- sent_by, international and rate_multiplier of the messages
      provider text,
      international boolean not null,
      rate_multiplier numeric,
      count integer not null,
      -- billable units of these messages
      units integer not null,
      -- the latest created_at among them
      last_at timestamptz not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
    sql`create index status_changes_job on status_changes (job_id) where job_id is not null`,

    sql`create table status_totals (
      day date not null,
      service_id uuid not null,
      template_id uuid not null,
      notification_type text not null,
      key_type text not null,
      via_api boolean not null,
      status text not null,
      provider text,
      international boolean not null,
      rate_multiplier numeric,
      count integer not null,
      units integer not null,
      last_at timestamptz not null
    ) with (fillfactor = 80)`,
    sql`create unique index status_totals_key on status_totals (service_id, day, template_id, notification_type, key_type,
      via_api, status, provider, international, rate_multiplier) nulls not distinct`,
    sql`create index status_totals_day on status_totals (day)`,

    // The same over all services.
    sql`create table platform_totals (
      day date not null,
      notification_type text not null,
      key_type text not null,
      via_api boolean not null,
      status text not null,
      provider text,
      international boolean not null,
      count integer not null,
      units integer not null,
      -- units by their rate multipliers
      cost_units numeric not null
    ) with (fillfactor = 80)`,
    sql`create unique index platform_totals_key on platform_totals (day, notification_type, key_type, via_api, status,
      provider, international) nulls not distinct`,

    sql`alter table job_totals add column cost_units numeric not null default 0`,

    // How long messages took, in buckets (statistics/totals/delays.ts); never of test keys.
    sql`create table delay_changes (
      day date not null,
      notification_type text not null,
      provider text not null,
      via_api boolean not null,
      -- handed-over: since they were due; delivered: since they were handed over
      measure text not null check (measure in ('handed-over', 'delivered')),
      bucket smallint not null,
      count integer not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
    sql`create table delay_totals (
      day date not null,
      notification_type text not null,
      provider text not null,
      via_api boolean not null,
      measure text not null,
      bucket smallint not null,
      count integer not null,
      primary key (day, notification_type, provider, via_api, measure, bucket)
    ) with (fillfactor = 80)`,

    // Days whose totals are to be counted from the history.
    sql`create table figures_due (
      day date not null,
      due_at timestamptz not null,
      primary key (day, due_at)
    )`,
    // All days so far; and those that processes of the release before can still change, again when they are gone.
    sql`insert into figures_due (day, due_at)
      select day::date, now() + later.delay
      from (select created_at from notification_history order by id limit 1) first
      cross join (values (interval '0'), (interval '1 day')) later (delay)
      cross join generate_series((first.created_at at time zone 'Europe/London')::date::timestamp,
        (now() at time zone 'Europe/London')::date::timestamp, interval '1 day') day
      where later.delay = interval '0' or day > now() - interval '13 days'`,
  ];
  for (const statement of statements) await statement.execute(db);
}
