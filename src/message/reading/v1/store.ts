import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../../../database/connection.ts';
import type { NotificationType } from '../../../database/tables.ts';
import type { StoreDeps } from '../../status/notification.ts';
import { accepted, walkHistory } from '../store.ts';
import type { ListFilter } from './query.ts';

/** A list's total stops here; a service with more messages still gets a link to the next page. */
const furthestCount = 100_000;

/**
 * The ids of one page of a service's messages, newest first, and the total. It walks an index up to the end of the page,
 * and a statement of a read has a limited time. The total is counted only if there is a next page, and never beyond
 * 100,000, because counting is expensive. It is a single statement, so that a message that is just being persisted is
 * not missed.
 */
export async function findPage(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  filter: ListFilter,
  { page, pageSize }: Readonly<{ page: number; pageSize: number }>,
): Promise<{ total: number; ids: readonly string[] }> {
  const { serviceId, floor } = filter;
  const skipped = (page - 1) * pageSize;
  // One row more than is shown tells whether there is a next page.
  const fetched = pageSize + 1;
  const { where, newestFirst } = walkHistory(filter, { floor: sql`${floor}::uuid`, before: null });
  const stored = (limit: number) => sql`
    select h.id from notification_history h where ${where} and ${chosen(filter)} order by ${newestFirst} limit ${limit}`;
  const waiting = (limit: number) => sql`
    select n.id from ${accepted} where n.service_id = ${serviceId} and n.id >= ${floor} and ${chosen(filter)}
    order by n.id desc limit ${limit}`;
  const listed = (limit: number) => sql`((${waiting(limit)}) union all (${stored(limit)}))`;
  return metrics.timed('dao', 'get_notifications_for_service', async () => {
    const { rows } = await sql<{ ids: readonly string[]; total: number }>`
      with page as materialized (
        select array(
          select id from ${listed(skipped + fetched)} listed order by id desc limit ${fetched} offset ${skipped}
        ) as ids
      )
      select ids[:${pageSize}::int] as ids, (case when cardinality(ids) < ${fetched} then ${skipped} + cardinality(ids)
        else greatest(${skipped} + cardinality(ids), (select count(*) from (
          select from ${listed(furthestCount)} listed limit ${furthestCount}) every)) end)::int8 as total
      from page`.execute(db);
    return rows[0]!;
  });
}

/** A filter's conditions on the columns of `h`, except the service and the ids. */
function chosen({ keyType, includeJobs, types, statuses }: ListFilter): RawBuilder<unknown> {
  // A literal, so that the planner can match a partial index.
  const conditions = [sql`h.key_type = ${sql.lit(keyType)}`];
  if (!includeJobs) conditions.push(sql`h.job_id is null`);
  if (types) conditions.push(sql`h.notification_type = any(${types}::text[])`);
  if (statuses) conditions.push(sql`h.status = any(${statuses}::text[])`);
  return sql.join(conditions, sql` and `);
}

/** A service's messages of one type on one day, except those of test keys (spec 06, section 3.1). */
export type DayCount = Readonly<{
  type: NotificationType;
  requested: number;
  delivered: number;
  failed: number;
}>;

/**
 * Counts the messages of a day in the business zone (YYYY-MM-DD), from the totals (docs/decisions/0023), what is not in
 * them yet, and what is accepted; a type without messages has no row. `floor`, `ceiling`: the ids of that day.
 */
export async function countDay(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  serviceId: string,
  { day, floor, ceiling }: Readonly<{ day: string; floor: string; ceiling: string }>,
): Promise<readonly DayCount[]> {
  return metrics.timed('dao', 'dao_fetch_stats_for_service', async () => {
    const ofDay = sql`service_id = ${serviceId} and day = ${day}::date and key_type <> 'test'`;
    const { rows } = await sql<DayCount>`
      select notification_type as type, sum(count)::float8 as requested,
        coalesce(sum(count) filter (where status in ('delivered', 'sent')), 0)::float8 as delivered,
        coalesce(sum(count) filter (where status in ('technical-failure', 'temporary-failure', 'permanent-failure',
          'validation-failed')), 0)::float8 as failed
      from (
        select notification_type, status, count from status_totals where ${ofDay}
        union all
        select notification_type, status, count from status_changes where ${ofDay}
        union all
        select notification_type, 'created', 1 from accepted
        where service_id = ${serviceId} and id >= ${floor} and id < ${ceiling} and key_type <> 'test'
      ) parts
      group by notification_type having sum(count) > 0`.execute(db);
    return rows;
  });
}
