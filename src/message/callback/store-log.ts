import { sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import { searchPage } from '../../database/reads.ts';
import type { CallbackOutcome, CallbackState, CallbackType } from '../../database/tables.ts';
import { idFloor } from '../../ground/id.ts';

/** A callback as its log shows it, without its content. */
export type LoggedCallback = Readonly<{
  id: string;
  type: CallbackType;
  notificationId: string | null;
  /** The id of the complaint or received text. */
  subjectId: string | null;
  state: CallbackState;
  attempts: number;
  lastCode: string | null;
  createdAt: Date;
  dueAt: Date | null;
  finishedAt: Date | null;
}>;

/** Callbacks of a service that were queued from `from` to before `to`; null means no restriction. */
export type CallbackFilter = Readonly<{
  serviceId: string;
  from: Date | null;
  to: Date | null;
  types: readonly string[] | null;
  states: readonly string[] | null;
  /** Only this one. */
  id?: string;
}>;

/** Ids begin with the time at which a callback was queued. */
const ofRange = ({ serviceId, from, to, id }: CallbackFilter) => sql`service_id = ${serviceId}
  ${id === undefined ? sql`` : sql`and id = ${id}`}
  ${from ? sql`and id >= ${idFloor(from.getTime())}` : sql``} ${to ? sql`and id < ${idFloor(to.getTime())}` : sql``}`;
const ofKind = ({ types, states }: CallbackFilter) => sql`true
  ${types ? sql`and callback_type = any(${types}::text[])` : sql``}
  ${states ? sql`and state = any(${states}::text[])` : sql``}`;

const logged = sql`id, callback_type as type, notification_id as "notificationId", subject_id as "subjectId", state,
  attempt as attempts, last_code as "lastCode", created_at as "createdAt", due_at as "dueAt",
  finished_at as "finishedAt"`;

/**
 * A page of at most `limit` callbacks, newest first; fewer if few of many match, and none only if there is nothing more.
 * `olderThan`: only those before this one; none when the service has no such callback. Throws a Problem (504) if it
 * finds nothing in time.
 */
export async function findCallbacks(
  db: DbOrTrx,
  filter: CallbackFilter,
  olderThan: string | null,
  limit: number,
): Promise<readonly LoggedCallback[]> {
  if (olderThan !== null) {
    const { rows } = await sql`
      select from service_callbacks where id = ${olderThan} and service_id = ${filter.serviceId}`.execute(db);
    if (rows.length === 0) return [];
  }
  return await searchPage(limit, olderThan, async (before, size, wanted) => {
    const range = sql`${ofRange(filter)} ${before === null ? sql`` : sql`and id < ${before}`}`;
    const { rows } = await sql<LoggedCallback & { last: string | null }>`
      with edge as materialized (
        select id from service_callbacks where ${range} order by id desc limit 1 offset ${size - 1}
      )
      select c.*, edge.id as last from (select) one left join edge on true left join (
        select ${logged}
        from service_callbacks
        where ${range} and ${ofKind(filter)} and id >= coalesce((select id from edge), ${idFloor(0)})
        order by id desc limit ${wanted}
      ) c on true order by c.id desc`.execute(db);
    return { found: rows.filter(({ id }) => id !== null), last: rows[0]!.last };
  });
}

/** One attempt of a callback; `outcome` and `finishedAt` are null while it is under way. */
export type CallbackTry = Readonly<{
  number: number;
  startedAt: Date;
  finishedAt: Date | null;
  outcome: CallbackOutcome | null;
  code: string | null;
  detail: string | null;
}>;

/** Attempts that are shown; an address that is paused for days is probed more often. */
export const mostTries = 500;

/** One callback with its sealed content and its last attempts, oldest first; null if the service has no such callback. */
export async function findCallback(
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<Readonly<{ callback: LoggedCallback; payload: Buffer; tries: readonly CallbackTry[] }> | null> {
  const { rows } = await sql<LoggedCallback & { payload: Buffer }>`
    select ${logged}, payload from service_callbacks where id = ${id} and service_id = ${serviceId}`.execute(
    db,
  );
  if (!rows[0]) return null;
  const { payload, ...callback } = rows[0];
  const { rows: tries } = await sql<CallbackTry>`
    select number, started_at as "startedAt", finished_at as "finishedAt", outcome, code, detail
    from service_callback_attempts where callback_id = ${id} order by number desc limit ${mostTries}`.execute(
    db,
  );
  return { callback, payload, tries: tries.toReversed() };
}

const batchSize = 10_000;

/**
 * Queues all matching finished callbacks again, with the full number of tries, if there is still an address for them.
 * Those that were queued at `at` or later are left alone, so concurrent runs do no harm. Returns how many were queued.
 */
export async function replayCallbacks(db: Db, filter: CallbackFilter, at: Date): Promise<number> {
  let count = 0;
  for (;;) {
    // In batches: a large service's day is too much for one transaction.
    const { numAffectedRows = 0n } = await sql`
      update service_callbacks set state = 'pending', due_at = ${at}, queued_at = ${at}, tries = 0, finished_at = null
      where id = any(array(
        select id from service_callbacks c
        where ${ofRange(filter)} and ${ofKind(filter)} and due_at is null and queued_at < ${at} and exists (
          select from service_callback_api a where a.service_id = c.service_id and a.callback_type = c.callback_type)
        order by id limit ${batchSize} for update skip locked))`.execute(db);
    count += Number(numAffectedRows);
    if (numAffectedRows < batchSize) return count;
  }
}

export async function hasService(db: DbOrTrx, id: string): Promise<boolean> {
  const found = await db.selectFrom('services').select('id').where('id', '=', id).executeTakeFirst();
  return found !== undefined;
}
