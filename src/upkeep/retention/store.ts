import { type RawBuilder, sql } from 'kysely';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { withShortLock } from '../../database/partitions.ts';
import { idFloor } from '../../ground/id.ts';
import {
  type Cutoff,
  defaultRetentionDays,
  leastRetentionDays,
  mostRetentionDays,
} from '../../tenant/service/retention.ts';
import type { Span } from '../range.ts';

/** How many rows of a partition are past their retention, how many are kept, and how many of the former are unfinished. */
export type Assessment = Readonly<{ gone: number; kept: number; open: number }>;

/** A batch of deletions. `last`: the id that the next one goes on after; null: there is nothing more. */
export type Deleted = Readonly<{ count: number; last: string | null }>;

/** The fewest days that any service keeps something for. */
export async function shortestRetention(db: DbOrTrx): Promise<number> {
  const { rows } = await sql<{ days: number }>`
    select least(min(days_of_retention), ${defaultRetentionDays})::int as days from service_data_retention
    where days_of_retention between ${leastRetentionDays} and ${mostRetentionDays}`.execute(db);
  return rows[0]!.days;
}

/** The cutoffs of services with a retention of their own, as the table `own`. */
const ownCutoffs = (cutoffs: readonly Cutoff[]) => sql`(
    select r.service_id, r.notification_type, cutoff.before from service_data_retention r
    join unnest(${cutoffs.map(({ days }) => days)}::int[], ${cutoffs.map(({ before }) => before)}::timestamptz[])
      as cutoff (days, before) on cutoff.days = r.days_of_retention
  ) own`;
const commonCutoff = (cutoffs: readonly Cutoff[]) =>
  sql`${cutoffs.find(({ days }) => days === defaultRetentionDays)!.before}::timestamptz`;

const within = (id: RawBuilder<unknown>, { from, until }: Span) =>
  sql`${id} >= ${idFloor(from)} and ${id} < ${idFloor(until)}`;

/**
 * For the facts `h` of messages, `is_gone`: whether they are past the retention of their service and type. A scheduled
 * message's counts from the day for which it was scheduled (docs/decisions/0024).
 */
const aged = (cutoffs: readonly Cutoff[]) => sql`
    left join ${ownCutoffs(cutoffs)} on own.service_id = h.service_id and own.notification_type = h.notification_type
    cross join lateral (
      select greatest(h.created_at, h.scheduled_for) < coalesce(own.before, ${commonCutoff(cutoffs)}) as is_gone
    ) age`;

/** Kept messages `n` with their facts `h` whose ids were made within `span`, with `is_gone`. */
const messagesOf = (span: Span, cutoffs: readonly Cutoff[]) => sql`
    notifications n join notification_history h on h.id = n.id ${aged(cutoffs)}
    where ${within(sql`n.id`, span)} and ${within(sql`h.id`, span)}`;

const isOpen = sql`h.status in ('created', 'sending', 'pending')`;

/** A statement that reads all rows of a day, which may be many, has this long. */
const allowTime = (trx: Trx) => sql`set local statement_timeout = '10min'`.execute(trx);

/**
 * On most nights a look at the facts alone says that all may go, in half the time that it takes to join both tables. It
 * asks of each message as little as it can: of a day that is older than a retention, only what was scheduled can be newer.
 */
export async function assessMessages(db: Db, span: Span, cutoffs: readonly Cutoff[]): Promise<Assessment> {
  const { gone: all, kept: others } = await assess(
    db,
    sql`
    select (select count(*) from notifications n where ${within(sql`n.id`, span)})::int as gone, 0 as open,
      (exists (select from notification_history h
        where ${within(sql`h.id`, span)} and (${isOpen} or ${mayBeKept(span, cutoffs)})))::int as kept`,
  );
  if (others === 0) return { gone: all, kept: 0, open: 0 };
  return await assess(
    db,
    sql`
    select count(*) filter (where is_gone)::int as gone, count(*) filter (where not is_gone)::int as kept,
      count(*) filter (where is_gone and ${isOpen})::int as open
    from ${messagesOf(span, cutoffs)}`,
  );
}

/**
 * Whether the message with the facts `h`, whose id was made within `span`, is perhaps not past its retention: true for all
 * of those, and for few others.
 */
function mayBeKept(span: Span, cutoffs: readonly Cutoff[]) {
  const end = new Date(span.until);
  const isCommonOver = cutoffs.find(({ days }) => days === defaultRetentionDays)!.before >= end;
  if (!isCommonOver) return sql`true`;
  const own = ownCutoffs(cutoffs);
  return sql`h.created_at >= ${end} or h.scheduled_for >= least(${commonCutoff(cutoffs)}, (select min(before) from ${own}))
    or (h.service_id, h.notification_type) in (
      select service_id, notification_type from ${own} where before < ${end})`;
}

/** What one statement finds at one moment. */
function assess(db: Db, query: RawBuilder<unknown>): Promise<Assessment> {
  return db.transaction().execute(async (trx) => {
    await allowTime(trx);
    const { rows } = await sql<Assessment>`${query}`.execute(trx);
    return rows[0]!;
  });
}

/** At most `limit` unfinished messages past their retention, locked in the order of their ids. */
export async function lockOpen(
  trx: Trx,
  span: Span,
  cutoffs: readonly Cutoff[],
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select h.id from ${messagesOf(span, cutoffs)} and is_gone and ${isOpen}
    order by h.id limit ${limit} for update of h`.execute(trx);
  return rows.map(({ id }) => id);
}

/** Deletes at most `limit` messages past their retention, with ids after `after`, with their attempts and receipts. */
export async function deleteMessages(
  db: DbOrTrx,
  span: Span,
  cutoffs: readonly Cutoff[],
  after: string,
  limit: number,
): Promise<Deleted> {
  const { rows } = await sql<Deleted>`
    with gone as materialized (
      select n.id from ${messagesOf(span, cutoffs)} and n.id > ${after} and is_gone order by n.id limit ${limit}
    ), tried as (
      delete from attempts where ${within(sql`notification_id`, span)} and notification_id in (select id from gone)
    ), reported as (
      delete from receipts where ${within(sql`notification_id`, span)} and notification_id in (select id from gone)
    ), kept as (
      delete from notifications where ${within(sql`id`, span)} and id in (select id from gone)
    )
    select count(*)::int as count, case when count(*) = ${limit} then max(id::text) end as last from gone`.execute(
    db,
  );
  return rows[0]!;
}

/** Empties the partitions of a day but for the messages that are kept. */
export function keepMessages(
  db: Db,
  span: Span,
  cutoffs: readonly Cutoff[],
  partitions: readonly Kept[],
): Promise<void> {
  return keepOnly(db, sql`select n.id from ${messagesOf(span, cutoffs)} and not is_gone`, partitions);
}

/** A partition, and its column with the id of what is kept. */
export type Kept = Readonly<{ name: string; key: string }>;

/**
 * Empties partitions but for the rows whose id `ids` selects: these are few, so it costs about as much as dropping the
 * tables, and gives back their space. Only the partitions are locked, for as long as the few are copied; whoever sends
 * uses others.
 */
function keepOnly(db: Db, ids: RawBuilder<unknown>, partitions: readonly Kept[]): Promise<void> {
  return withShortLock(
    db,
    async (trx) => {
      for (const { name, key } of partitions) {
        const table = sql.table(name);
        await sql`lock table only ${table} in access exclusive mode`.execute(trx);
        await sql`create temp table kept_rows on commit drop as
          select t.* from ${table} t where t.${sql.ref(key)} in (select id from kept_ids)`.execute(trx);
        await sql`truncate only ${table}`.execute(trx);
        await sql`insert into ${table} overriding system value select * from kept_rows`.execute(trx);
        await sql`drop table kept_rows`.execute(trx);
      }
    },
    {
      async before(trx) {
        await allowTime(trx);
        await sql`create temp table kept_ids on commit drop as ${ids}`.execute(trx);
      },
    },
  );
}

/** Whether messages with ids of this time are stored, or accepted and not stored yet. */
export async function hasMessages(db: DbOrTrx, span: Span): Promise<boolean> {
  const { rows } = await sql`
    (select from notifications where ${within(sql`id`, span)} limit 1)
    union all (select from accepted where ${within(sql`id`, span)} limit 1)`.execute(db);
  return rows.length > 0;
}

/** Whether messages with ids of this time are accepted and not stored yet. */
export async function hasAccepted(db: DbOrTrx, span: Span): Promise<boolean> {
  const { rows } = await sql`select from accepted where ${within(sql`id`, span)} limit 1`.execute(db);
  return rows.length > 0;
}

/**
 * Callbacks `c` whose ids were made within `span`, with `is_gone` as above: each is kept for the retention of the
 * message or received text that it tells of, counted from its own day. The history is only asked about services with a
 * retention of their own.
 */
const callbacksOf = (span: Span, cutoffs: readonly Cutoff[]) => sql`
    service_callbacks c
    left join ${ownCutoffs(cutoffs)} on own.service_id = c.service_id and own.notification_type = case
      when c.callback_type = 'inbound_sms' then 'sms'
      when c.service_id in (select service_id from service_data_retention)
        then (select h.notification_type from notification_history h where h.id = c.notification_id) end
    cross join lateral (select c.created_at < coalesce(own.before, ${commonCutoff(cutoffs)}) as is_gone) age
    where ${within(sql`c.id`, span)}`;

export function assessCallbacks(db: Db, span: Span, cutoffs: readonly Cutoff[]): Promise<Assessment> {
  return assess(
    db,
    sql`
    select count(*) filter (where is_gone)::int as gone, count(*) filter (where not is_gone)::int as kept,
      count(*) filter (where is_gone and c.due_at is not null)::int as open
    from ${callbacksOf(span, cutoffs)}`,
  );
}

/** Deletes at most `limit` callbacks past their retention, with ids after `after`, with their attempts. */
export async function deleteCallbacks(
  db: DbOrTrx,
  span: Span,
  cutoffs: readonly Cutoff[],
  after: string,
  limit: number,
): Promise<Deleted> {
  const { rows } = await sql<Deleted>`
    with gone as materialized (
      select c.id from ${callbacksOf(span, cutoffs)} and c.id > ${after} and is_gone order by c.id limit ${limit}
    ), tried as (
      delete from service_callback_attempts
      where ${within(sql`callback_id`, span)} and callback_id in (select id from gone)
    ), kept as (
      delete from service_callbacks where ${within(sql`id`, span)} and id in (select id from gone)
    )
    select count(*)::int as count, case when count(*) = ${limit} then max(id::text) end as last from gone`.execute(
    db,
  );
  return rows[0]!;
}

/** Empties the partitions of a day but for the callbacks that are kept. */
export function keepCallbacks(
  db: Db,
  span: Span,
  cutoffs: readonly Cutoff[],
  partitions: readonly Kept[],
): Promise<void> {
  return keepOnly(db, sql`select c.id from ${callbacksOf(span, cutoffs)} and not is_gone`, partitions);
}

export async function hasCallbacks(db: DbOrTrx, span: Span): Promise<boolean> {
  const { rows } = await sql`select from service_callbacks where ${within(sql`id`, span)} limit 1`.execute(
    db,
  );
  return rows.length > 0;
}
