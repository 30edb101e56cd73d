import { type Kysely, sql } from 'kysely';

/** Amounts at which the people of a service want to be told (spec 04, section 7.4). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table cost_alerts (
      service_id uuid not null references services (id),
      -- year: the financial year
      period text not null check (period in ('month', 'year')),
      -- pounds
      amount numeric(12, 2) not null check (amount > 0),
      updated_at timestamptz not null,
      primary key (service_id, period)
    )`,
    // Written together with the messages, so that each amount is told of once in each period.
    sql`create table cost_alerts_told (
      service_id uuid not null references services (id),
      period text not null,
      -- the first day of the month or year
      starts_on date not null,
      amount numeric(12, 2) not null,
      told_at timestamptz not null,
      primary key (service_id, period, starts_on, amount)
    )`,
  ];
  for (const statement of statements) await statement.execute(db);
}
