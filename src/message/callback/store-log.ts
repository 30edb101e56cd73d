import { sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { CallbackState, CallbackType } from '../../database/tables.ts';
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
}>;

/** Ids begin with the time at which a callback was queued. */
const matches = ({ serviceId, from, to, types, states }: CallbackFilter) => sql`service_id = ${serviceId}
  ${from ? sql`and id >= ${idFloor(from.getTime())}` : sql``} ${to ? sql`and id < ${idFloor(to.getTime())}` : sql``}
  ${types ? sql`and callback_type = any(${types}::text[])` : sql``}
  ${states ? sql`and state = any(${states}::text[])` : sql``}`;

/**
 * At most `limit` callbacks, newest first. `olderThan`: only those before this one; none when the service has no such
 * callback.
 */
export async function findCallbacks(
  db: DbOrTrx,
  filter: CallbackFilter,
  olderThan: string | null,
  limit: number,
): Promise<readonly LoggedCallback[]> {
  const before =
    olderThan === null
      ? sql``
      : sql`and id < ${olderThan} and exists (
          select from service_callbacks where id = ${olderThan} and service_id = ${filter.serviceId})`;
  const { rows } = await sql<LoggedCallback>`
    select id, callback_type as type, notification_id as "notificationId", subject_id as "subjectId", state,
      attempt as attempts, last_code as "lastCode", created_at as "createdAt", due_at as "dueAt",
      finished_at as "finishedAt"
    from service_callbacks where ${matches(filter)} ${before} order by id desc limit ${limit}`.execute(db);
  return rows;
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
        where ${matches(filter)} and due_at is null and queued_at < ${at} and exists (
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
