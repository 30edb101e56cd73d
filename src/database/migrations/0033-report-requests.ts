import { type Kysely, sql } from 'kysely';

/** Downloads that are made in the background and kept for a day or two (spec 03, section 6.4). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table report_requests (
      id uuid primary key,
      service_id uuid not null references services,
      -- who asked for it
      user_id uuid not null,
      notification_type text not null,
      notification_status text not null,
      -- of the messages of one job only
      job_id uuid,
      -- the other filters, as they were given
      filter jsonb not null,
      status text not null check (status in ('pending', 'in progress', 'stored', 'failed')),
      -- why it failed, in words
      reason text,
      -- so many parts are written, with so many messages and characters before they were packed
      parts integer not null,
      row_count integer not null,
      characters bigint not null,
      -- where reading goes on after the last part; null: at the beginning
      place jsonb,
      created_at timestamptz not null,
      updated_at timestamptz
    )`,
    sql`create index report_requests_service on report_requests (service_id, created_at)`,
    sql`create index report_requests_created_at on report_requests (created_at)`,

    // The file in parts, packed and sealed.
    sql`create table report_parts (
      report_id uuid not null references report_requests on delete cascade,
      number integer not null,
      content bytea not null,
      primary key (report_id, number)
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
