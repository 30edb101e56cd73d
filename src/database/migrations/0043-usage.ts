import { type Kysely, sql } from 'kysely';

/** What texts cost: the rates of a unit, and what each service has free (spec 06, section 3.5). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    // From the start of a day in the business zone until the next one of the type.
    sql`create table unit_rates (
      id uuid primary key default gen_random_uuid(),
      notification_type text not null check (notification_type in ('sms')),
      valid_from date not null,
      -- pounds, without VAT
      rate numeric(9, 6) not null check (rate >= 0),
      reason text,
      created_at timestamptz not null default now(),
      updated_at timestamptz,
      unique (notification_type, valid_from)
    )`,
    sql`insert into unit_rates (notification_type, valid_from, rate) values
      ('sms', '2016-05-18', 0.0165), ('sms', '2017-04-01', 0.0158), ('sms', '2021-04-01', 0.0160),
      ('sms', '2022-04-01', 0.0161), ('sms', '2022-05-01', 0.0172), ('sms', '2023-04-01', 0.0197),
      ('sms', '2024-04-01', 0.0227), ('sms', '2025-04-01', 0.0233), ('sms', '2026-04-01', 0.0240)`,

    // Units that are free in a financial year, by its first calendar year; without a row, those of the last year that
    // has one.
    sql`create table free_allowances (
      service_id uuid not null references services (id),
      year integer not null,
      units integer not null check (units >= 0),
      updated_at timestamptz not null,
      primary key (service_id, year)
    )`,
    sql`create index jobs_service_began on jobs (service_id, (coalesce(scheduled_for, created_at)))`,
  ];
  for (const statement of statements) await statement.execute(db);
}
