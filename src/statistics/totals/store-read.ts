import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { MinuteTotalRow } from '../../database/tables.ts';
import type { DayCounts, Kind } from './daily.ts';
import type { Histogram } from './delays.ts';
import { inMonths, type Period } from './periods.ts';
import { costUnits } from './store.ts';

/** What totals can be added up by. Days, weeks (their Monday) and months are texts. */
const dimensions = {
  day: sql`day::text`,
  week: sql`date_trunc('week', day)::date::text`,
  month: sql`to_char(day, 'YYYY-MM')`,
  service_id: sql`service_id`,
  template_id: sql`template_id`,
  notification_type: sql`notification_type`,
  key_type: sql`key_type`,
  via_api: sql`via_api`,
  status: sql`status`,
  provider: sql`provider`,
  international: sql`international`,
  rate_multiplier: sql`rate_multiplier::float8`,
} as const;
export type Dimension = keyof typeof dimensions;

/** The column of each. */
const sources: Readonly<Record<Dimension, string>> = {
  ...(Object.fromEntries(Object.keys(dimensions).map((one) => [one, one])) as Record<Dimension, string>),
  week: 'day',
  month: 'day',
};

type Value<D extends Dimension> = D extends 'via_api' | 'international'
  ? boolean
  : D extends 'provider'
    ? string | null
    : D extends 'rate_multiplier'
      ? number | null
      : string;

/** `units`: fragments; `cost_units`: by their rate multipliers; `last_at`: when the newest was created. */
export type Sum<D extends Dimension> = Readonly<{ [One in D]: Value<One> }> &
  Readonly<{ count: number; units: number; cost_units: number }>;

/** Which messages. Test keys count only if they are asked for (spec 06, section 3.1). */
export type Chosen = Readonly<{
  period: Period;
  testKeys?: boolean;
  templateId?: string;
  /** All without them. */
  statuses?: readonly string[];
}>;

function within({ period, ...chosen }: Chosen) {
  return sql`${between('day', period)} ${among(chosen)}`;
}

const between = (column: 'day' | 'month', { from, to }: Period) =>
  sql`${sql.ref(column)} between ${from}::date and ${to}::date`;

function among({ testKeys = false, templateId, statuses }: Omit<Chosen, 'period'>) {
  return sql`${testKeys ? sql`` : sql`and key_type <> 'test'`}
    ${templateId === undefined ? sql`` : sql`and template_id = ${templateId}`}
    ${statuses === undefined ? sql`` : sql`and status = any(${statuses}::text[])`}`;
}

/**
 * What is folded of services in a period, as a table with these columns: whole months as one where days are not told
 * apart (`isByDay`), with the first day of each as `day`.
 */
function folded(
  columns: readonly string[],
  { period, ...chosen }: Chosen,
  { isByDay, ofServices }: Readonly<{ isByDay: boolean; ofServices: RawBuilder<unknown> }>,
): RawBuilder<unknown> {
  const { months, days } = isByDay ? { months: null, days: [period] } : inMonths(period);
  const named = (day: string) =>
    sql.join(columns.map((one) => (one === 'day' ? sql`${sql.ref(day)} as day` : sql.ref(one))));
  const parts = days.map(
    (part) => sql`select ${named('day')} from status_totals
      where ${ofServices} and ${between('day', part)} ${among(chosen)}`,
  );
  if (months)
    parts.push(sql`select ${named('month')} from month_totals
      where ${ofServices} and ${between('month', months)} ${among(chosen)}`);
  return sql.join(parts, sql` union all `);
}

const selected = (by: readonly Dimension[]) =>
  by
    .map((one) => sql`${dimensions[one]} as ${sql.ref(one)},`)
    .reduce((all, one) => sql`${all} ${one}`, sql``);
const places = (by: readonly Dimension[]) => sql.join(by.map((_, index) => sql.lit(index + 1)));
const sums = sql`sum(count)::float8 as count, sum(units)::float8 as units`;

/**
 * The totals of services, added up by at least one dimension. Kinds of messages of which there are none have no row.
 * They are added up as they are, and only the few sums are written as texts and multiplied.
 */
export async function sumOfServices<D extends Dimension>(
  db: DbOrTrx,
  serviceIds: readonly string[],
  by: readonly D[],
  chosen: Chosen,
): Promise<readonly Sum<D>[]> {
  const ofServices = sql`service_id = any(${serviceIds}::uuid[])`;
  const isByDay = by.some((one) => one === 'day' || one === 'week');
  const names = [...new Set([...by.map((one) => sources[one]), 'rate_multiplier'])];
  const columns = sql.raw(names.join(', '));
  const { rows } = await sql<Sum<D>>`
    select ${selected(by)} ${sums}, sum(${costUnits})::float8 as cost_units from (
      select ${columns}, sum(count)::float8 as count, sum(units)::float8 as units from (
        ${folded([...names, 'count', 'units'], chosen, { isByDay, ofServices })}
        union all
        select ${columns}, count, units from status_changes where ${ofServices} and ${within(chosen)}
      ) both_parts group by ${columns}
    ) of_each group by ${places(by)} having sum(count) <> 0 or sum(units) <> 0 order by ${places(by)}`.execute(
    db,
  );
  return rows;
}

/**
 * The counts of one service by day, one row for each kind and status, in the order of `by` and then of the status: by day
 * and template a large service has thousands of counts, and a row or an object of JSON for each would take longer than to
 * add them up.
 */
export async function countByDays(
  db: DbOrTrx,
  serviceId: string,
  by: readonly (keyof Kind)[],
  chosen: Chosen,
): Promise<readonly DayCounts[]> {
  const kind = sql.join(by.map((one) => sql.ref(one)));
  const counts = (table: 'status_totals' | 'status_changes') => sql`
    select day, ${kind}, status, count from ${sql.table(table)} where service_id = ${serviceId} and ${within(chosen)}`;
  const { rows } = await sql<DayCounts>`
    select ${kind}, status, array_to_json(array_agg(day - ${chosen.period.from}::date)) as days,
      array_to_json(array_agg(count)) as counts
    from (
      select day, ${kind}, status collate "C" as status, sum(count) as count
      from (${counts('status_totals')} union all ${counts('status_changes')}) both_parts
      group by day, ${kind}, both_parts.status having sum(count) <> 0
    ) of_each group by ${kind}, status order by ${kind}, status`.execute(db);
  return rows;
}

type PlatformDimension = Exclude<Dimension, 'service_id' | 'template_id' | 'rate_multiplier'>;

/** The same over all services. */
export async function sumOfPlatform<D extends PlatformDimension>(
  db: DbOrTrx,
  by: readonly D[],
  chosen: Omit<Chosen, 'templateId'>,
): Promise<readonly Sum<D>[]> {
  const columns = sql.raw(
    'day, notification_type, key_type, via_api, status, provider, international, count, units',
  );
  const { rows } = await sql<Sum<D>>`
    select ${selected(by)} ${sums}, sum(cost_units)::float8 as cost_units from (
      select ${columns}, cost_units from platform_totals where ${within(chosen)}
      union all
      select ${columns}, ${costUnits} from status_changes where ${within(chosen)}
    ) both_parts group by ${places(by)} having sum(count) <> 0 or sum(units) <> 0 order by ${places(by)}`.execute(
    db,
  );
  return rows;
}

const sumByServiceColumns = [
  'service_id',
  'notification_type',
  'status',
  'rate_multiplier',
  'count',
  'units',
];

/** What every service sent, by type and status, services in the order of their ids. */
export async function sumByService(
  db: DbOrTrx,
  chosen: Chosen,
): Promise<readonly Sum<'service_id' | 'notification_type' | 'status'>[]> {
  const { rows } = await sql<Sum<'service_id' | 'notification_type' | 'status'>>`
    select service_id, notification_type, status, ${sums}, sum(${costUnits})::float8 as cost_units from (
      ${folded(sumByServiceColumns, chosen, { isByDay: false, ofServices: sql`true` })}
      union all
      select ${sql.raw(sumByServiceColumns.join(', '))} from status_changes where ${within(chosen)}
    ) both_parts group by 1, 2, 3 having sum(count) <> 0 order by 1, 2, 3`.execute(db);
  return rows;
}

/** When the newest message of each of these templates was created, without test keys; those without any are left out. */
export async function findLastUses(
  db: DbOrTrx,
  serviceId: string,
  templateIds: readonly string[] | null,
): Promise<ReadonlyMap<string, Date>> {
  const where = sql`service_id = ${serviceId} and key_type <> 'test'
    ${templateIds === null ? sql`` : sql`and template_id = any(${templateIds}::uuid[])`}`;
  const { rows } = await sql<{ id: string; at: Date }>`
    select template_id as id, max(last_at) as at from (
      select template_id, last_at from month_totals where ${where}
      union all
      select template_id, last_at from status_changes where ${where}
    ) both_parts group by template_id`.execute(db);
  return new Map(rows.map(({ id, at }) => [id, at]));
}

/** How many messages took how long. */
export type DelaySum = Histogram &
  Readonly<{
    day: string;
    notification_type: string;
    provider: string;
    via_api: boolean;
    measure: 'handed-over' | 'delivered';
  }>;

/**
 * By day, type, provider, way and measure; what is folded and what is not are rows of their own. A histogram is one row,
 * put together in the order of the index: 90 days have tens of thousands of buckets.
 */
export async function sumDelays(db: DbOrTrx, period: Period): Promise<readonly DelaySum[]> {
  const histograms = (table: 'delay_totals' | 'delay_changes') => sql`
    select day, notification_type, provider, via_api, measure, array_to_json(array_agg(bucket)) as buckets,
      array_to_json(array_agg(count)) as counts
    from ${sql.table(table)} where ${between('day', period)} group by day, notification_type, provider, via_api, measure`;
  const { rows } = await sql<DelaySum>`
    select day::text, notification_type, provider, via_api, measure, buckets, counts
    from (${histograms('delay_totals')} union all ${histograms('delay_changes')}) both_parts`.execute(db);
  return rows;
}

/** What templates are called now, by their ids. */
export async function findTemplateNames(
  db: DbOrTrx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('templates as t')
    .innerJoin('template_versions as v', (join) =>
      join.onRef('v.template_id', '=', 't.id').onRef('v.version', '=', 't.version'),
    )
    .select(['t.id', 'v.name'])
    .where('t.id', 'in', [...ids])
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** The facts of a message, as the history keeps them for ever. */
export type HistoryRow = Readonly<{
  id: string;
  type: string;
  status: string;
  keyType: string;
  apiKeyId: string | null;
  keyName: string | null;
  jobId: string | null;
  fileName: string | null;
  jobRowNumber: number | null;
  templateVersion: number;
  reference: string | null;
  clientReference: string | null;
  sentBy: string | null;
  billableUnits: number;
  international: boolean;
  phonePrefix: string | null;
  rateMultiplier: number | null;
  createdAt: Date;
  scheduledFor: Date | null;
  sentAt: Date | null;
  updatedAt: Date | null;
}>;

/** The message of a template with the highest id, of those whose ids are in the range and not made with test keys. */
export async function findNewestMessage(
  db: DbOrTrx,
  serviceId: string,
  templateId: string,
  { floor, ceiling }: Readonly<{ floor: string; ceiling: string }>,
): Promise<HistoryRow | null> {
  const { rows } = await sql<HistoryRow>`
    select h.id, h.notification_type as type, h.status, h.key_type as "keyType", h.api_key_id as "apiKeyId",
      k.name as "keyName", h.job_id as "jobId", j.original_file_name as "fileName", h.job_row_number as "jobRowNumber",
      h.template_version as "templateVersion", h.reference, h.client_reference as "clientReference",
      h.sent_by as "sentBy", h.billable_units as "billableUnits", h.international, h.phone_prefix as "phonePrefix",
      h.rate_multiplier::float8 as "rateMultiplier", h.created_at as "createdAt", h.scheduled_for as "scheduledFor",
      h.sent_at as "sentAt", h.updated_at as "updatedAt"
    from notification_history h left join api_keys k on k.id = h.api_key_id left join jobs j on j.id = h.job_id
    where h.service_id = ${serviceId} and h.id >= ${floor} and h.id < ${ceiling} and h.template_id = ${templateId}
      and h.key_type <> 'test'
    order by h.id desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** What changed in each minute of the last so many hours, oldest first. Minutes without a change are left out. */
export async function findMinutes(db: DbOrTrx, hours: number): Promise<readonly MinuteTotalRow[]> {
  return await db
    .selectFrom('minute_totals')
    .select(['minute', 'notification_type', 'accepted', 'sent', 'delivered', 'failed'])
    .where('minute', '>', sql<Date>`now() - make_interval(hours => ${hours})`)
    .orderBy('minute')
    .orderBy('notification_type')
    .execute();
}
