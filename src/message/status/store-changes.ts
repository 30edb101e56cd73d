import { sql } from 'kysely';

/**
 * What figures count (docs/decisions/0023). Every statement that stores messages, or changes what is counted of them,
 * appends the net change itself: so a figure never lacks a message, and never has one twice. `statistics/totals` folds
 * the changes into totals, and counts the history by the same fragments when it checks them.
 */

/** By what a message is counted and never changes, besides its day. */
const fixed = [
  ...[
    'service_id',
    'template_id',
    'job_id',
    'notification_type',
    'key_type',
    'international',
    'rate_multiplier',
  ],
] as const;
const key = sql.raw(['day', ...fixed, 'via_api', 'status', 'provider'].join(', '));

/**
 * The columns `day` (of the business zone: spec 06, section 3.2), `via_api` (made by itself with an API key, not by hand
 * and not by a job: spec 06, section 9) and the other facts that never change. `row`: one of the history.
 */
export const fixedFacts = (row: string) =>
  sql.raw(
    `(${row}.created_at at time zone 'Europe/London')::date as day, ${fixed.map((column) => `${row}.${column}`).join(', ')},
    (${row}.api_key_id is not null and ${row}.job_id is null) as via_api`,
  );

/**
 * The bucket of a delay: bucket b holds those above 10 s × 2^((b-1)/4) up to 10 s × 2^(b/4), the first and last whatever
 * is below or above. So bucket 0 ends at 10 seconds. `interval`: SQL for the delay, never null.
 */
const bucketOf = (interval: string) =>
  `greatest(-40, least(60, ceil(4 * ln(greatest(date_part('epoch', ${interval}), 0.001) / 10) / ln(2))))::smallint`;

/**
 * The bucket of how long after it was due a message was handed over, and of how long after that it was delivered; null
 * if it was not. `prefix`: of the names of its `sent_at`, `status` and `updated_at`.
 */
const handedOver = (row: string, prefix = '') =>
  `case when ${row}.${prefix}sent_at is not null then ${bucketOf(
    `${row}.${prefix}sent_at - greatest(${row}.created_at, ${row}.scheduled_for)`,
  )} end`;
const delivered = (row: string, prefix = '', status = `${row}.${prefix}status`) =>
  `case when ${status} = 'delivered' and ${row}.${prefix}sent_at is not null then ${bucketOf(
    `${row}.${prefix}updated_at - ${row}.${prefix}sent_at`,
  )} end`;

/** The delays of a message of the history, as rows (measure, bucket); a bucket that is null does not count. */
export const delaysOf = (row: string) =>
  sql.raw(`('handed-over', ${handedOver(row)}), ('delivered', ${delivered(row)})`);

/** The columns of the history that a CTE of newly stored messages has to return for `countStored`. */
export const storedColumns = sql`id, status, created_at, ${fixedFacts('notification_history')}`;

/** A CTE that counts the messages of the CTE `stored`, which have just been stored and were never handed over. */
export const countStored = (stored: string) => sql`counted as (
  insert into status_changes (${key}, count, units, last_at)
  select ${key}, count(*), 0, max(created_at)
  from (select *, null::text as provider from ${sql.table(stored)}) facts_of_each group by ${key}
)`;

/**
 * The columns that a CTE of changed messages has to return for `countMoved`. `row`: after the change; `before`: has what
 * was before, as `before_status` and so on.
 */
export const movedColumns = (row: string, before: string) =>
  sql`${fixedFacts(row)}, ${sql.raw(
    [
      ...['created_at', 'scheduled_for', 'sent_by', 'billable_units', 'sent_at', 'updated_at'].map(
        (column) => `${row}.${column}`,
      ),
      `${row}.status as after_status`,
      ...changing.map((column) => `${before}.before_${column}`),
    ].join(', '),
  )}`;
const changing = ['status', 'sent_by', 'billable_units', 'sent_at', 'updated_at'] as const;
export const columnsBefore = (row: string) =>
  sql.raw(changing.map((column) => `${row}.${column} as before_${column}`).join(', '));

/** CTEs that count what the CTE `moved` has changed. A delay is counted anew only if one of its ends has moved. */
export const countMoved = (moved: string) => sql`counted as (
  insert into status_changes (${key}, count, units, last_at)
  select ${key}, sum(sign), sum(sign * units), max(created_at)
  from ${sql.table(moved)} m cross join lateral (values
    (m.before_status, m.before_sent_by, m.before_billable_units, -1),
    (m.after_status, m.sent_by, m.billable_units, 1)) v (status, provider, units, sign)
  group by ${key} having sum(sign) <> 0 or sum(sign * units) <> 0
), delayed as (
  insert into delay_changes (day, notification_type, provider, via_api, measure, bucket, count)
  select m.day, m.notification_type, v.provider, m.via_api, v.measure, v.bucket, sum(v.sign)
  from (
    select *, (sent_at, sent_by) is distinct from (before_sent_at, before_sent_by) as is_handed_over
    from ${sql.table(moved)} where key_type <> 'test'
  ) m cross join lateral (values
    (m.before_sent_by, -1, 'handed-over', case when m.is_handed_over then ${sql.raw(handedOver('m', 'before_'))} end),
    (m.sent_by, 1, 'handed-over', case when m.is_handed_over then ${sql.raw(handedOver('m'))} end),
    (m.before_sent_by, -1, 'delivered', ${sql.raw(delivered('m', 'before_'))}),
    (m.sent_by, 1, 'delivered', ${sql.raw(delivered('m', '', 'm.after_status'))})) v (provider, sign, measure, bucket)
  where v.bucket is not null and v.provider is not null
  group by 1, 2, 3, 4, 5, 6 having sum(v.sign) <> 0
)`;
