import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../../../database/connection.ts';
import type { NotificationType } from '../../../database/tables.ts';
import { notificationColumns, type StoreDeps, type StoredNotification } from '../../status/notification.ts';
import type { ListFilter } from './query.ts';

/**
 * Accepted messages that wait to be persisted, as far as lists and figures look for them: the newest of all services.
 * They are usually a few; when they are very many, the rest comes into view as it is persisted.
 */
const newestWaiting = sql`(select * from accepted order by id desc limit 5000)`;

/** A list counts no further; a service that has more sees its next page all the same. */
const furthestCount = 100_000;

/**
 * One page of a service's messages, newest first, and how many there are in all. The page is chosen by ids alone,
 * walking an index as far as the page goes, and only its rows are read. What lies behind it is counted only when there
 * is something, and never beyond 100,000: that is the price of numbered pages. One statement, so that a message on its
 * way from one place to the other is seen in one of them.
 */
export async function findPage(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  filter: ListFilter,
  { page, pageSize }: Readonly<{ page: number; pageSize: number }>,
): Promise<{ total: number; notifications: readonly StoredNotification[] }> {
  const { serviceId, floor } = filter;
  const skipped = (page - 1) * pageSize;
  // One more than is shown says whether there is more.
  const looked = pageSize + 1;
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
          select id from (${stored} order by id desc limit ${skipped + looked}) s
        ) listed
        order by id desc limit ${looked} offset ${skipped}
      ), size as materialized (
        select count(*) as found from page
      )
      select shown.*, (case when found < ${looked} then ${skipped} + found else greatest(${skipped} + found,
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
 * The ids of a filter's messages that are persisted and within their retention. Each row of an index is looked up in the
 * other table by its id, whatever the planner knows of tables that grow all day. What is not sent with a live key has an
 * index of its own on the history, which goes back further than there are messages to show.
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

/** The conditions of a filter on the facts `h` that ids and the service do not settle. */
function chosen({ keyType, includeJobs, types, statuses }: ListFilter): RawBuilder<unknown> {
  // Written out, so that a partial index can be seen to fit.
  const conditions = [sql`h.key_type = ${sql.lit(keyType)}`];
  if (!includeJobs) conditions.push(sql`h.job_id is null`);
  if (types) conditions.push(sql`h.notification_type = any(${types}::text[])`);
  if (statuses) conditions.push(sql`h.status = any(${statuses}::text[])`);
  return sql.join(conditions, sql` and `);
}

/** What a service sent of one type in a day, without that of test keys (spec 06, section 3.1). */
export type DayCount = Readonly<{
  type: NotificationType;
  requested: number;
  delivered: number;
  failed: number;
}>;

/**
 * Counts the messages whose ids lie from `floor` to below `ceiling`; a type without any has no row. Reads the
 * history of that range, of all services: an index of the service would cost every message, for a question that is asked
 * of old, and status_totals (docs/architecture.md, "Tables") will answer it from a handful of rows.
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
