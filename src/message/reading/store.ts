import { type RawBuilder, sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import { type Portion, searchPage } from '../../database/reads.ts';
import type { CallbackOutcome, CallbackState, CallbackType, KeyType } from '../../database/tables.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/clock.ts';
import { idFloor, idMarginMilliseconds, idTime } from '../../ground/id.ts';
import { notificationColumns, type StoreDeps, type StoredNotification } from '../status/notification.ts';
import { usualStatuses } from '../status/status.ts';
import { inOrder, type TimelineEntry } from './timeline.ts';

/** The tables `n` and `h` for messages that are accepted but not yet persisted. */
export const accepted = sql`accepted n cross join lateral (
    select n.*, 'created' as status, null::timestamptz as sent_at, null::timestamptz as updated_at, null as sent_by,
      null as reference, 0 as billable_units
  ) h`;

/**
 * The message, if it belongs to the service and its retention period is not over; else null. A message that is accepted
 * but not yet persisted is found as `created`: one statement searches both places, so it is never missed (spec 05,
 * section 1.4).
 */
export function findNotification(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<StoredNotification | null> {
  return metrics.timed('dao', 'get_notification_by_id', async () => {
    const { rows } = await sql<StoredNotification>`
      select ${notificationColumns} from notifications n join notification_history h on h.id = n.id
      where n.id = ${id} and h.id = ${id} and n.service_id = ${serviceId}
      union all
      select ${notificationColumns} from ${accepted}
      where n.notification_type in ('sms', 'email') and n.id = ${id} and n.service_id = ${serviceId}
      limit 1`.execute(db);
    return rows[0] ?? null;
  });
}

/** Which of a service's messages are listed; null means no filter. */
export type NotificationFilter = Readonly<{
  serviceId: string;
  /** null: of any key. */
  keyType: KeyType | null;
  /** Whether to include messages that belong to a job. */
  jobs: boolean;
  types: readonly string[] | null;
  statuses: readonly string[] | null;
  /** The caller's reference. */
  reference: string | null;
  /** Only messages older than the one with this id; no messages if the service has none with this id. */
  olderThan: string | null;
  more?: MoreConditions;
}>;

/** Conditions of one kind of list, in SQL. */
export type MoreConditions = Readonly<{
  /** On the facts, as `h`. */
  facts: RawBuilder<unknown>;
  /** On the personal data, as `n`. */
  personal: RawBuilder<unknown>;
  /** Ids from this to before that; null: no limit. */
  from: string | null;
  until: string | null;
}>;

/** As in the index on references, which holds hashes because a reference can be too long for an index. */
export const hashed = (text: RawBuilder<unknown>) => sql`hashtextextended(${text}, 0)`;

/** Greater than any id. */
export const idCeiling = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** No message with a smaller id can be shown; the history goes back further. */
export const oldestShown = sql`coalesce((select id from notifications order by id limit 1), ${idFloor(0)})`;

/**
 * Conditions and order for the rows of the history, as `h`, of a service from `floor` to before `before`, newest first: of one type of key if it
 * is a rare one, with one reference if that is given, with the rare status in `rareStatus` (SQL). Written so that it can
 * only walk the index for it, whatever the planner's statistics say, which are stale for a table that grows all day.
 */
export function walkHistory(
  {
    serviceId,
    keyType,
    reference = null,
    rareStatus = null,
  }: Readonly<{
    serviceId: string;
    keyType: KeyType | null;
    reference?: string | null;
    rareStatus?: RawBuilder<unknown> | null;
  }>,
  { floor, before }: { floor: RawBuilder<unknown>; before: string | null },
) {
  const columns = [sql`h.service_id`];
  const values = [sql`${serviceId}::uuid`];
  let part = sql`true`;
  if (reference !== null) {
    columns.push(hashed(sql`h.client_reference`));
    values.push(hashed(sql`${reference}`));
    part = sql`h.client_reference is not null`;
  } else if (rareStatus !== null) {
    columns.push(sql`h.rare_status`);
    values.push(rareStatus);
    part = sql`h.rare_status is not null`;
  } else if (keyType !== null && keyType !== 'normal') {
    columns.push(sql`h.key_type`);
    values.push(sql.lit(keyType));
    part = sql`h.key_type <> 'normal'`;
  }
  const lowest = sql`greatest(${floor}, ${oldestShown})`;
  const highest = before ?? idCeiling;
  const row = sql`(${sql.join([...columns, sql`h.id`])})`;
  // The conditions on the id alone leave out partitions.
  const where = sql`${part} and ${row} >= (${sql.join([...values, lowest])}) and ${row} < (${sql.join([...values, sql`${highest}::uuid`])})
      and h.id >= ${lowest} and h.id < ${highest}::uuid`;
  return { where, newestFirst: sql`${sql.join(columns.map((column) => sql`${column} desc`))}, h.id desc` };
}

/** Bytes of sealed values that a page fetches, and one message: large ones could fill the memory. */
export const fetchedBytes = 4 * 1024 * 1024;

/**
 * The rows `found` (ids) as StoredNotifications, with the bytes of each and of those before it, newest first. `ids`: those
 * of `found`; null if they are not known yet.
 */
export const sizedRows = (ids: readonly string[] | null) => sql`
  select shown.*, octet_length(personalisation) as bytes,
    sum(octet_length(personalisation)) over (order by id desc) - octet_length(personalisation) as preceding
  from (
    select ${notificationColumns} from found
    cross join lateral (select * from notifications where id = found.id ${inPartitionsOf(ids ?? [], 'id')} limit 1) n
    cross join lateral (
      select * from notification_history where id = found.id ${inPartitionsOf(ids ?? [], 'id')} limit 1
    ) h
    union all
    select ${notificationColumns} from ${accepted} where n.id in (select id from found)
  ) shown`;

/**
 * A page of at most `limit` messages, newest first (ordered by id); shorter if they are large or few match, and empty
 * only if there is nothing more. Throws a Problem (504) if it finds nothing in time.
 */
export function findNotifications(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  filter: NotificationFilter,
  limit: number,
): Promise<readonly StoredNotification[]> {
  const { serviceId, olderThan, more } = filter;
  const before = [olderThan, more?.until ?? null].filter((id) => id !== null).sort()[0] ?? null;
  return metrics.timed('dao', 'get_notifications_for_service', async () => {
    if (olderThan !== null) {
      const { rows } = await sql`
        select from notification_history where id = ${olderThan} and service_id = ${serviceId}
        union all select from accepted where id = ${olderThan} and service_id = ${serviceId}`.execute(db);
      if (rows.length === 0) return [];
    }
    let bytes = fetchedBytes;
    const look = async (filter: NotificationFilter, before: string | null, size: number, wanted: number) => {
      const portion = await findPortion(db, filter, { before, size, wanted, bytes });
      bytes -= portion.bytes;
      return { ...portion, isFull: portion.isFull || bytes <= 0 };
    };
    let spans: readonly Span[] | null = null;
    return await searchPage(limit, before, async (before, size, wanted, isFirst) => {
      if (isFirst || (filter.types === null && filter.statuses === null))
        return await look(filter, before, size, wanted);
      // Few match, so it pays to ask where they are.
      spans ??= await findSpans(db, filter);
      const [span, next] = spans.filter(({ from }) => before === null || from < before);
      if (!span) return { found: [], last: null };
      const from = [span.from, more?.from ?? span.from].sort()[1]!;
      const within = {
        ...filter,
        more: { facts: sql`true`, personal: sql`true`, until: null, ...more, from },
      };
      const highest = before === null || span.until < before ? span.until : before;
      const portion = await look(within, highest, size, wanted);
      return { ...portion, last: portion.last ?? (next ? span.from : null) };
    });
  });
}

/** Ids from `from` to before `until`. */
type Span = Readonly<{ from: string; until: string }>;

/**
 * Where messages are that may match the types and statuses of a filter, newest first: the days, according to the totals
 * (docs/decisions/0023), those whose totals are not complete, and whatever is accepted and not persisted.
 */
async function findSpans(
  db: DbOrTrx,
  { serviceId, keyType, types, statuses }: NotificationFilter,
): Promise<readonly Span[]> {
  const { rows: edges } = await sql<{ oldest: string; accepted: string | null }>`
    select ${oldestShown} as oldest,
      (select id from accepted where service_id = ${serviceId} order by id limit 1) as accepted`.execute(db);
  const { oldest, accepted: firstAccepted } = edges[0]!;
  const where = sql`service_id = ${serviceId} and day >= ${dayOf(idTime(oldest) - idMarginMilliseconds)}::date
    ${keyType === null ? sql`` : sql`and key_type = ${keyType}`}
    ${types ? sql`and notification_type = any(${types}::text[])` : sql``}
    ${statuses ? sql`and status = any(${statuses}::text[])` : sql``}`;
  const { rows } = await sql<{ day: string }>`
    select day::text from (
      select day, count from status_totals where ${where} union all select day, count from status_changes where ${where}
    ) both_parts group by 1 having sum(count) <> 0
    union select day::text from figures_due where due_at <= now()`.execute(db);
  const spans = rows.map(
    ({ day }): Span => ({
      from: idFloor(dayStart(day) - idMarginMilliseconds),
      until: idFloor(dayStart(dayAfter(day, 1)) + idMarginMilliseconds),
    }),
  );
  if (firstAccepted !== null) spans.push({ from: firstAccepted, until: idCeiling });
  // Those that touch become one.
  const merged: Span[] = [];
  for (const span of spans.sort((a, b) => (a.until > b.until ? -1 : 1))) {
    const last = merged.at(-1);
    if (!last || span.until < last.from) merged.push(span);
    else if (span.from < last.from) merged[merged.length - 1] = { from: span.from, until: last.until };
  }
  return merged;
}

type Looked = StoredNotification &
  Readonly<{ bytes: number; preceding: number; last: string | null; matching: number }>;

/**
 * Looks at the `size` messages older than `before`. One statement searches both places, as in `findNotification`. It
 * finds where the portion ends in the index alone; only messages that match are looked up in `notifications`.
 */
export async function findPortion(
  db: DbOrTrx,
  filter: NotificationFilter,
  { before, size, wanted, bytes }: { before: string | null; size: number; wanted: number; bytes: number },
): Promise<Portion<StoredNotification> & { bytes: number }> {
  const { serviceId, keyType, jobs, types, statuses, reference, more } = filter;
  const floor = sql`${more?.from ?? null}::uuid`;
  // Each rare status is walked by itself: a portion ends where the first of them has been looked at `size` times.
  const isRare =
    reference === null && statuses !== null && !statuses.some((one) => usualStatuses.includes(one));
  const walked = { serviceId, keyType, reference, rareStatus: isRare ? sql`way.status` : null };
  const ways = isRare ? sql`unnest(${[...new Set(statuses)]}::text[])` : sql`(values (null::text))`;
  const whole = walkHistory(walked, { floor, before });
  const portion = walkHistory(walked, { floor: sql`greatest((select id from edge), ${floor})`, before });
  const personal = more?.personal ?? sql`true`;
  const matches = sql`${more?.facts ?? sql`true`} ${keyType === null ? sql`` : sql`and h.key_type = ${keyType}`}
    ${jobs ? sql`` : sql`and h.job_id is null`}
    ${types ? sql`and h.notification_type = any(${types}::text[])` : sql``}
    ${statuses ? sql`and h.status = any(${statuses}::text[])` : sql``}
    ${reference === null ? sql`` : sql`and h.client_reference = ${reference}`}`;
  const { rows } = await sql<Looked>`
    with edge as materialized (
      select edge.id from ${ways} way (status) cross join lateral (
        select h.id from notification_history h where ${whole.where}
        order by ${whole.newestFirst} limit 1 offset ${size - 1}
      ) edge order by edge.id desc limit 1
    ), found as materialized (
      select id from (
        (select n.id from ${accepted}
          where n.service_id = ${serviceId} and n.id < ${before ?? idCeiling}::uuid and ${matches} and ${personal}
            and n.id >= coalesce(greatest((select id from edge), ${floor}), ${idFloor(0)})
          order by n.id desc limit ${wanted})
        union all
        (select one.id from ${ways} way (status) cross join lateral (
            select h.id from (
              select h.id, h.client_reference, h.reference from notification_history h where ${portion.where} and ${matches}
              order by ${portion.newestFirst}
            ) h cross join lateral (select * from notifications where id = h.id limit 1) n where ${personal} limit ${wanted}
          ) one order by one.id desc limit ${wanted})
      ) every order by id desc limit ${wanted}
    ), sized as (${sizedRows(null)})
    select sized.*, edge.id as last, (select count(*)::int from found) as matching
    from (select) one left join edge on true left join sized on sized.preceding < ${bytes}
    order by sized.id desc`.execute(db);
  const { last, matching } = rows[0]!;
  const found = rows.filter(({ id }) => id !== null);
  return {
    found,
    last,
    isFull: found.length < matching,
    bytes: found.reduce((sum, row) => sum + row.bytes, 0),
  };
}

/**
 * The messages with these ids, newest first, as far as one statement may fetch; `rest`: the ids of the others. Those
 * that can no longer be shown are left out.
 */
export async function findByIds(
  db: DbOrTrx,
  ids: readonly string[],
): Promise<{ found: readonly StoredNotification[]; rest: readonly string[] }> {
  const { rows } = await sql<StoredNotification & { matching: number }>`
    with found as materialized (select id from unnest(${ids}::uuid[]) found (id)), sized as (${sizedRows(ids)})
    select sized.*, (select count(*)::int from sized) as matching from sized
    where preceding < ${fetchedBytes} order by id desc`.execute(db);
  const last = rows.at(-1);
  const isCut = last !== undefined && rows.length < last.matching;
  return { found: rows, rest: isCut ? ids.filter((id) => id < last.id) : [] };
}

/** When a message was accepted and persisted, its attempts, receipts and callbacks, and why it was not sent, in order. */
export async function findTimeline(
  db: Db,
  { id, createdAt, createdBy }: Pick<StoredNotification, 'id' | 'createdAt' | 'createdBy'>,
): Promise<readonly TimelineEntry[]> {
  const attempts = await db
    .selectFrom('attempts')
    .selectAll()
    .where('notification_id', '=', id)
    .orderBy('number')
    .execute();
  const receipts = await db
    .selectFrom('receipts')
    .selectAll()
    .where('notification_id', '=', id)
    .orderBy('id')
    .execute();
  const persisted = await db
    .selectFrom('notification_history')
    .select(['persisted_at', 'suppressed', 'given_up', 'updated_at'])
    .where('id', '=', id)
    .executeTakeFirst();
  const callbacks = await findCallbackSteps(db, id);
  return inOrder([
    { kind: 'accepted', at: createdAt, by: createdBy?.name ?? null },
    ...(persisted ? [{ kind: 'persisted', at: persisted.persisted_at } as const] : []),
    ...attempts.map(
      (row): TimelineEntry => ({
        kind: 'attempt',
        at: row.started_at,
        startedAt: row.started_at,
        number: row.number,
        provider: row.provider,
        finishedAt: row.finished_at,
        outcome: row.outcome,
        code: row.code,
        detail: row.detail,
      }),
    ),
    ...receipts.map(
      (row): TimelineEntry => ({
        kind: 'receipt',
        at: row.received_at,
        provider: row.provider,
        rawStatus: row.raw_status,
        status: row.status,
        ignored: row.ignored,
      }),
    ),
    ...(persisted?.suppressed && persisted.updated_at
      ? [{ kind: 'suppressed', at: persisted.updated_at, reason: persisted.suppressed } as const]
      : []),
    ...(persisted?.given_up && persisted.updated_at
      ? [{ kind: 'given up', at: persisted.updated_at, reason: persisted.given_up } as const]
      : []),
    ...callbacks,
  ]);
}

/** A message's callbacks, each followed by its attempts. */
async function findCallbackSteps(db: Db, id: string): Promise<readonly TimelineEntry[]> {
  const { rows } = await sql<{
    id: string;
    type: CallbackType;
    state: CallbackState;
    createdAt: Date;
    number: number | null;
    startedAt: Date | null;
    finishedAt: Date | null;
    outcome: CallbackOutcome | null;
    code: string | null;
    detail: string | null;
  }>`
    select c.id, c.callback_type as type, c.state, c.created_at as "createdAt", a.number, a.started_at as "startedAt",
      a.finished_at as "finishedAt", a.outcome, a.code, a.detail
    from service_callbacks c left join service_callback_attempts a on a.callback_id = c.id
    where c.notification_id = ${id} order by c.id, a.number`.execute(db);
  const seen = new Set<string>();
  return rows.flatMap(({ id, type, state, createdAt, number, startedAt, ...rest }): TimelineEntry[] => {
    const callback = { kind: 'callback', at: createdAt, id, type, state } as const;
    const entries: TimelineEntry[] = seen.has(id) ? [] : [callback];
    seen.add(id);
    if (number !== null && startedAt !== null)
      entries.push({ kind: 'callback attempt', at: startedAt, startedAt, id, type, number, ...rest });
    return entries;
  });
}
