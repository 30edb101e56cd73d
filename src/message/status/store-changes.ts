import { sql } from 'kysely';

/**
 * What figures count (docs/decisions/0023). Every statement that stores messages, or changes what is counted of them,
 * appends the net change in itself: so a figure never lacks a message, and never has one twice. `statistics/totals`
 * folds the changes into totals, and counts the history by the same fragments when it checks them.
 */

/** The business zone's day of a message, by which it is counted (spec 06, section 3.2). `row`: one of the history. */
const dayOf = (row: string) => sql.raw(`(${row}.created_at at time zone 'Europe/London')::date`);

/** Made by itself with an API key, not by hand and not by a job (spec 06, section 9). */
const viaApi = (row: string) => sql.raw(`(${row}.api_key_id is not null and ${row}.job_id is null)`);

/** By what messages are counted and never changes, as columns `day` to `via_api`. */
export const fixedFacts = (row: string) =>
  sql`${dayOf(row)} as day, ${sql.raw(
    [
      'service_id',
      'template_id',
      'job_id',
      'notification_type',
      'key_type',
      'international',
      'rate_multiplier',
    ]
      .map((column) => `${row}.${column}`)
      .join(', '),
  )}, ${viaApi(row)} as via_api`;

/**
 * The bucket of a delay (docs/decisions/0023): bucket b holds those above 10 s × 2^((b-1)/4) up to 10 s × 2^(b/4), the
 * first and last whatever is below or above. So bucket 0 ends at 10 seconds. `interval`: SQL for the delay.
 */
const bucketOf = (interval: string) =>
  sql.raw(`case when ${interval} is not null then
    greatest(-40, least(60, ceil(4 * ln(greatest(date_part('epoch', ${interval}), 0.001) / 10) / ln(2))))::smallint end`);

/**
 * SQL for the delays that a message has by now, as rows (measure, bucket); null buckets do not count. Handed over: since
 * it was due. `row` and its `sent_at`, `status`, `updated_at` under the names that `of` gives them.
 */
export const delaysOf = (row: string, prefix = '') => {
  const [sentAt, status, updatedAt] = ['sent_at', 'status', 'updated_at'].map(
    (column) => `${row}.${prefix}${column}`,
  );
  return sql`('handed-over', ${bucketOf(`(${sentAt} - greatest(${row}.created_at, ${row}.scheduled_for))`)}),
    ('delivered', case when ${sql.raw(`${status} = 'delivered'`)} then ${bucketOf(`(${updatedAt} - ${sentAt})`)} end)`;
};

const changeColumns = sql`day, service_id, template_id, job_id, notification_type, key_type, via_api, status, provider,
  international, rate_multiplier, count, units, last_at`;
const changeKey = sql`day, service_id, template_id, job_id, notification_type, key_type, via_api, status, provider,
  international, rate_multiplier`;

/** The columns of the history that a CTE of newly stored messages has to return for `countStored`. */
export const storedColumns = sql`id, service_id, template_id, job_id, api_key_id, notification_type, key_type, status,
  sent_by, international, rate_multiplier, created_at`;

/** A CTE that counts the messages of the CTE `stored`, which have just been stored and were never handed over. */
export const countStored = (stored: string) => sql`counted as (
  insert into status_changes (${changeColumns})
  select ${changeKey}, count(*), 0, max(created_at)
  from (select ${fixedFacts('s')}, s.status, s.sent_by as provider, s.created_at from ${sql.table(stored)} s) facts_of_each
  group by ${changeKey}
)`;

/**
 * CTEs that count what the CTE `moved` has changed. Its columns: those of the history after the change, and as
 * `before_status`, `before_sent_by`, `before_billable_units`, `before_sent_at`, `before_updated_at` what was before.
 */
export const countMoved = (moved: string) => sql`counted as (
  insert into status_changes (${changeColumns})
  select ${changeKey}, sum(sign), sum(sign * units), max(created_at)
  from (
    select ${fixedFacts('m')}, m.created_at, v.*
    from ${sql.table(moved)} m cross join lateral (values
      (m.before_status, m.before_sent_by, m.before_billable_units, -1),
      (m.status, m.sent_by, m.billable_units, 1)) v (status, provider, units, sign)
  ) both_sides
  group by ${changeKey} having sum(sign) <> 0 or sum(sign * units) <> 0
), delayed as (
  insert into delay_changes (day, notification_type, provider, via_api, measure, bucket, count)
  select day, notification_type, provider, via_api, measure, bucket, sum(sign)
  from (
    select ${dayOf('m')} as day, m.notification_type, ${viaApi('m')} as via_api, v.*
    from ${sql.table(moved)} m cross join lateral (
      select m.before_sent_by, -1, d.* from (values ${delaysOf('m', 'before_')}) d
      union all
      select m.sent_by, 1, d.* from (values ${delaysOf('m')}) d
    ) v (provider, sign, measure, bucket)
    where m.key_type <> 'test'
  ) both_sides
  where bucket is not null and provider is not null
  group by day, notification_type, provider, via_api, measure, bucket having sum(sign) <> 0
)`;
