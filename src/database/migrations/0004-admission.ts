import { type Kysely, sql } from 'kysely';

/** Who may be sent how much: limits as rows, teams and guest lists; and remembered Idempotency-Key values. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`alter table services
      -- requests per minute and key type
      add column rate_limit integer not null default 3000,
      -- messages per day and type
      add column sms_limit integer not null default 250000,
      add column email_limit integer not null default 250000,
      add column letter_limit integer not null default 20000,
      add column international_sms_limit integer not null default 100`,

    // One token bucket per service and key type, updated once per batch. The row holds what the last batch wanted, so
    // that one statement can take the tokens and return how many it got.
    sql`create table rate_buckets (
      service_id uuid not null,
      key_type text not null,
      tokens integer not null,
      refilled_at timestamptz not null,
      wanted integer not null,
      capacity integer not null,
      per_second double precision not null,
      admitted integer not null,
      primary key (service_id, key_type)
    ) with (fillfactor = 30)`,

    // One counter per service, day in the business time zone, and limit (sms, email, international_sms), updated
    // likewise.
    sql`create table daily_counts (
      service_id uuid not null,
      day date not null,
      name text not null,
      used integer not null,
      wanted integer not null,
      day_limit integer not null,
      admitted integer not null,
      primary key (service_id, day, name)
    ) with (fillfactor = 30)`,

    sql`create table idempotency_keys (
      service_id uuid not null,
      key text not null,
      -- SHA-256 of the request
      fingerprint bytea not null,
      -- the sealed answer, given again for the same request
      answer bytea not null,
      created_at timestamptz not null,
      primary key (service_id, key)
    )`,
    sql`create index idempotency_keys_created on idempotency_keys (created_at)`,

    sql`create table service_guest_list (
      id uuid primary key,
      service_id uuid not null references services,
      recipient text not null,
      created_at timestamptz not null default now()
    )`,
    sql`create index service_guest_list_service on service_guest_list (service_id)`,

    sql`alter table users add column mobile_number text`,
    sql`create table service_users (
      service_id uuid not null references services,
      user_id uuid not null references users,
      primary key (service_id, user_id)
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
