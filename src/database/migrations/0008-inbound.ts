import { type Kysely, sql } from 'kysely';

/** Numbers that people can text, how long a service keeps personal data, and when periodic tasks last ran. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table inbound_numbers (
      id uuid primary key,
      -- as providers name it, British ones with 0 in place of 44: 07700900456
      number text not null unique,
      provider text not null,
      -- null: free to be given to a service
      service_id uuid references services,
      active boolean not null default true,
      created_at timestamptz not null,
      updated_at timestamptz
    )`,
    // A service has one number at most.
    sql`create unique index inbound_numbers_service on inbound_numbers (service_id)`,
    // The sender that a service got with its number.
    sql`alter table service_sms_senders add column inbound_number_id uuid references inbound_numbers`,

    // A text that its provider posts twice is kept once.
    sql`create unique index inbound_sms_reference on inbound_sms (provider, provider_reference)
      where provider_reference is not null`,

    // No row: 7 days. Received texts use the row for sms.
    sql`create table service_data_retention (
      id uuid primary key,
      service_id uuid not null references services,
      notification_type text not null check (notification_type in ('sms', 'email', 'letter')),
      days_of_retention integer not null check (days_of_retention between 3 and 90),
      created_at timestamptz not null,
      updated_at timestamptz,
      unique (service_id, notification_type)
    )`,

    // The start of the last successful run.
    sql`create table periodic_tasks (
      name text primary key,
      last_run timestamptz not null
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
