import { type RawBuilder, sql } from 'kysely';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { deliveredStatuses, failedStatuses } from './figures.ts';

/**
 * Totals (docs/decisions/0023): changes are folded into them under one lock, and a reader adds both. One statement sees
 * one moment, in which every change is in exactly one of the two.
 */

/** The lock of whoever writes totals. */
const lock = sql`hashtextextended('despatch.totals', 0)`;

/**
 * Runs `work` in a transaction that sees one moment, while nobody else writes totals. The lock is taken before the
 * transaction sees anything. Statements may take 15 minutes each.
 */
export async function alone<T>(db: Db, work: (trx: Trx) => Promise<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(${lock})`.execute(connection);
    try {
      return await connection
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (trx) => {
          await sql`set local statement_timeout = '15min'`.execute(trx);
          return work(trx);
        });
    } finally {
      await sql`select pg_advisory_unlock(${lock})`.execute(connection);
    }
  });
}

/** Whether there are changes that have not been added to the totals. */
export const hasChanges = sql<boolean>`exists (select from status_changes) or exists (select from delay_changes)`;

/**
 * Adds at most `limit` changes of statuses, and as many of delays, to the totals. Exactly once, however many processes
 * do it and whenever they end: changes are taken and added in one transaction. Returns how many; 0 also if somebody else
 * is at it.
 */
export async function foldChanges(db: Db, limit: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{
      locked: boolean;
    }>`select pg_try_advisory_xact_lock(${lock}) as locked`.execute(trx);
    return rows[0]!.locked ? foldAll(trx, limit) : 0;
  });
}

/** The same for whoever has the lock. `limit` null: all. */
export async function foldAll(trx: Trx, limit: number | null): Promise<number> {
  const statuses = await sql<{ count: number }>`
    with taken as (
      delete from status_changes where ctid = any(array(select ctid from status_changes limit ${limit})) returning *
    ), of_services as (
      insert into status_totals as t (day, service_id, template_id, notification_type, key_type, via_api, status, provider,
        international, rate_multiplier, count, units, last_at)
      select day, service_id, template_id, notification_type, key_type, via_api, status, provider, international,
        rate_multiplier, sum(count), sum(units), max(last_at)
      from taken group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
      on conflict (service_id, day, template_id, notification_type, key_type, via_api, status, provider, international,
        rate_multiplier) do update set count = t.count + excluded.count, units = t.units + excluded.units,
        last_at = greatest(t.last_at, excluded.last_at)
    ), of_months as (
      insert into month_totals as t (month, service_id, template_id, notification_type, key_type, via_api, status, provider,
        international, rate_multiplier, count, units, last_at)
      select date_trunc('month', day)::date, service_id, template_id, notification_type, key_type, via_api, status, provider,
        international, rate_multiplier, sum(count), sum(units), max(last_at)
      from taken group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
      on conflict (service_id, month, template_id, notification_type, key_type, via_api, status, provider, international,
        rate_multiplier) do update set count = t.count + excluded.count, units = t.units + excluded.units,
        last_at = greatest(t.last_at, excluded.last_at)
    ), of_platform as (
      insert into platform_totals as t (day, notification_type, key_type, via_api, status, provider, international, count,
        units, cost_units)
      select day, notification_type, key_type, via_api, status, provider, international, sum(count), sum(units),
        sum(${costUnits})
      from taken group by 1, 2, 3, 4, 5, 6, 7
      on conflict (day, notification_type, key_type, via_api, status, provider, international) do update set
        count = t.count + excluded.count, units = t.units + excluded.units, cost_units = t.cost_units + excluded.cost_units
    ), of_jobs as (
      insert into job_totals as t (job_id, status, count, cost_units)
      select job_id, status, sum(count), sum(${costUnits}) from taken where job_id is not null group by 1, 2
      on conflict (job_id, status) do update set count = t.count + excluded.count,
        cost_units = t.cost_units + excluded.cost_units
    ), of_minutes as (
      insert into minute_totals as t (minute, notification_type, accepted, sent, delivered, failed)
      select date_trunc('minute', now()), notification_type, sum(count), ${netOf(sql`provider is not null`)},
        ${netOf(sql`status = any(${[...deliveredStatuses]}::text[])`)}, ${netOf(sql`status = any(${[...failedStatuses]}::text[])`)}
      from taken where key_type <> 'test' group by 2
      on conflict (minute, notification_type) do update set accepted = t.accepted + excluded.accepted,
        sent = t.sent + excluded.sent, delivered = t.delivered + excluded.delivered, failed = t.failed + excluded.failed
    ), forgotten as (
      delete from minute_totals where minute < now() - interval '25 hours'
    )
    select count(*) as count from taken`.execute(trx);
  const delays = await sql<{ count: number }>`
    with taken as (
      delete from delay_changes where ctid = any(array(select ctid from delay_changes limit ${limit})) returning *
    ), folded as (
      insert into delay_totals as t (day, notification_type, provider, via_api, measure, bucket, count)
      select day, notification_type, provider, via_api, measure, bucket, sum(count) from taken group by 1, 2, 3, 4, 5, 6
      on conflict (day, notification_type, provider, via_api, measure, bucket) do update set count = t.count + excluded.count
    )
    select count(*) as count from taken`.execute(trx);
  return statuses.rows[0]!.count + delays.rows[0]!.count;
}

/** By how much there are more messages now for which `condition` holds. */
const netOf = (condition: RawBuilder<unknown>) => sql`coalesce(sum(count) filter (where ${condition}), 0)`;

/** Units by their multiplier, which is 1 where none is known (spec 06, section 3.5). */
export const costUnits = sql`units * coalesce(rate_multiplier, 1)`;

/** Removes what messages have left behind on the way to their last status: kinds of which there are none any more. */
export async function removeEmpty(
  db: DbOrTrx,
  { from, to }: Readonly<{ from: string; to: string }>,
): Promise<void> {
  const within = sql`day between ${from}::date and ${to}::date and count = 0`;
  await sql`delete from status_totals where ${within} and units = 0`.execute(db);
  await sql`delete from month_totals where count = 0 and units = 0 and month between
    date_trunc('month', ${from}::date) and ${to}::date`.execute(db);
  await sql`delete from platform_totals where ${within} and units = 0 and cost_units = 0`.execute(db);
  await sql`delete from delay_totals where ${within}`.execute(db);
}
