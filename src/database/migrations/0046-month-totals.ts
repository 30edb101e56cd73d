import { type Kysely, sql } from 'kysely';

/** Totals of whole months, so that years and all time are few rows (docs/decisions/0023). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`set local statement_timeout = 0`,
    // `status_totals`, added up.
    sql`create table month_totals (
      -- its first day
      month date not null,
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
    sql`insert into month_totals
      select date_trunc('month', day)::date, service_id, template_id, notification_type, key_type, via_api, status, provider,
        international, rate_multiplier, sum(count), sum(units), max(last_at)
      from status_totals group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`,
    sql`create unique index month_totals_key on month_totals (service_id, month, template_id, notification_type, key_type,
      via_api, status, provider, international, rate_multiplier) nulls not distinct`,
    sql`create index month_totals_month on month_totals (month)`,
    // What processes of the release before fold meanwhile is put right with the days that 0045-rare-statuses has entered.
  ];
  for (const statement of statements) await statement.execute(db);
}
