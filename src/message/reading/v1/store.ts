import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../../../database/connection.ts';
import type { NotificationType } from '../../../database/tables.ts';
import { notificationColumns, type StoreDeps, type StoredNotification } from '../../status/notification.ts';
import type { ListFilter } from './query.ts';

/**
 * The accepted messages not yet persisted that lists and statistics include: the newest across all services. There are
 * usually few; when there are very many, the rest appear once they are persisted.
 */
const newestWaiting = sql`(select * from accepted order by id desc limit 5000)`;

/** A list's total stops here; a service with more messages still gets a link to the next page. */
const furthestCount = 100_000;

/**
 * One page of a service's messages, newest first, and the total. The page is chosen by id alone, walking an index up to
 * the end of the page, and only the page's rows are read. The total is counted only if there is a next page, and never
 * beyond 100,000, because counting is expensive. It is a single statement, so that a message that is just being
 * persisted is not missed.
 */
export async function findPage(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  filter: ListFilter,
  { page, pageSize }: Readonly<{ page: number; pageSize: number }>,
): Promise<{ total: number; notifications: readonly StoredNotification[] }> {
  const { serviceId, floor } = filter;
  const skipped = (page - 1) * pageSize;
  // One row more than is shown tells whether there is a next page.
  const fetched = pageSize + 1;
  const stored = storedIds(filter);
  return metrics.timed('dao', 'get_notifications_for_service', async () => {
    const { rows } = await sql<StoredNotification & { total: number }>`
      with waiting as materialized (
        select * from (
          select w.*, 'created' as status, null::timestamptz as sent_at, null::timestamptz as updated_at,
            null as sent_by, null as reference, 0 as billable_units
          from ${newestWaiting} w
        ) h
        where service_id = ${serviceId} and id >= ${floor} and ${chosen(filter)}
      ), page as materialized (
        select id from (
          select id from waiting union all
          select id from (${stored} order by id desc limit ${skipped + fetched}) s
        ) listed
        order by id desc limit ${fetched} offset ${skipped}
      ), size as materialized (
        select count(*) as found from page
      )
      select shown.*, (case when found < ${fetched} then ${skipped} + found else greatest(${skipped} + found,
        (select count(*) from (select id from waiting union all (${stored}) limit ${furthestCount}) every)) end)::int8 as total
      from size left join (
        select ${notificationColumns} from page p
        cross join lateral (select * from notifications where id = p.id limit 1) n
        cross join lateral (select * from notification_history where id = p.id limit 1) h
        union all
        select ${notificationColumns} from page p join waiting n on n.id = p.id join waiting h on h.id = p.id
      ) shown on true
      order by shown.id desc limit ${pageSize}`.execute(db);
    return { total: rows[0]?.total ?? 0, notifications: rows.filter(({ id }) => id !== null) };
  });
}

/**
 * The ids of a filter's messages that are persisted and within their retention period. Each index row is looked up by
 * id in the other table, so that the plan does not depend on stale statistics of tables that grow all day. Messages of
 * team and test keys have their own index on the history, which goes back further than the messages that can still be
 * shown.
 */
function storedIds(filter: ListFilter): RawBuilder<unknown> {
  const { serviceId, keyType, floor } = filter;
  return keyType === 'normal'
    ? sql`select n.id from notifications n
        cross join lateral (select * from notification_history where id = n.id limit 1) h
        where n.service_id = ${serviceId} and n.id >= ${floor} and ${chosen(filter)}`
    : sql`select h.id from notification_history h
        cross join lateral (select id from notifications where id = h.id limit 1) n
        where h.service_id = ${serviceId} and ${chosen(filter)}
          and h.id >= greatest(${floor}::uuid, (select id from notifications order by id limit 1))`;
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
 * Counts the messages with ids from `floor` up to but excluding `ceiling`; a type without messages has no row. It reads
 * that range of the history for all services: an index by service would add to the cost of every message for a rarely
 * used endpoint, and status_totals (docs/architecture.md, "Tables") will reduce the count to a handful of rows.
 */
export async function countDay(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  serviceId: string,
  { floor, ceiling }: Readonly<{ floor: string; ceiling: string }>,
): Promise<readonly DayCount[]> {
  return metrics.timed('dao', 'dao_fetch_stats_for_service', async () => {
    const { rows } = await sql<DayCount>`
      select h.notification_type as type, count(*) as requested,
        count(*) filter (where h.status in ('delivered', 'sent')) as delivered,
        count(*) filter (where h.status in ('technical-failure', 'temporary-failure', 'permanent-failure',
          'validation-failed')) as failed
      from (
        select notification_type, status from notification_history
        where service_id = ${serviceId} and id >= ${floor} and id < ${ceiling} and key_type <> 'test'
        union all
        select notification_type, 'created' from ${newestWaiting} w
        where service_id = ${serviceId} and id >= ${floor} and id < ${ceiling} and key_type <> 'test'
      ) h
      group by h.notification_type`.execute(db);
    return rows;
  });
}
