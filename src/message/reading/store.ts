import { type RawBuilder, sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { CallbackOutcome, CallbackState, CallbackType, KeyType } from '../../database/tables.ts';
import { notificationColumns, type StoreDeps, type StoredNotification } from '../status/notification.ts';
import { inOrder, type TimelineEntry } from './timeline.ts';

/** The tables `n` and `h` for messages that are accepted but not yet persisted. */
const accepted = sql`accepted n cross join lateral (
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
  keyType: KeyType;
  /** Whether to include messages that belong to a job. */
  jobs: boolean;
  types: readonly string[] | null;
  statuses: readonly string[] | null;
  /** The caller's reference. */
  reference: string | null;
  /** Only messages older than the one with this id; no messages if the service has none with this id. */
  olderThan: string | null;
}>;

/** As in the index on references, which holds hashes because a reference can be too long for an index. */
const hashed = (text: RawBuilder<unknown>) => sql`hashtextextended(${text}, 0)`;

/**
 * At most `limit` messages, newest first (ordered by id). One statement searches both places, as in `findNotification`.
 * It walks an index from the start of the page and looks each row up by id in the other table, so its cost depends on
 * the rows it passes, and not on the planner's statistics, which are stale for a table that grows all day.
 */
export function findNotifications(
  { metrics }: StoreDeps,
  db: DbOrTrx,
  filter: NotificationFilter,
  limit: number,
): Promise<readonly StoredNotification[]> {
  const { serviceId, keyType, jobs, types, statuses, reference, olderThan } = filter;
  const wanted = sql`h.key_type = ${keyType} ${jobs ? sql`` : sql`and h.job_id is null`}
    ${types ? sql`and h.notification_type = any(${types}::text[])` : sql``}
    ${statuses ? sql`and h.status = any(${statuses}::text[])` : sql``}
    ${reference === null ? sql`` : sql`and h.client_reference = ${reference} and ${hashed(sql`h.client_reference`)} = ${hashed(sql`${reference}`)}`}`;
  const before = (id: string) => (olderThan === null ? sql`` : sql`and ${sql.ref(id)} < ${olderThan}`);
  // Both have an index on the history, which goes back further than the messages that can still be shown.
  const stored =
    reference !== null || keyType !== 'normal'
      ? sql`notification_history h cross join lateral (select * from notifications where id = h.id limit 1) n
          where h.service_id = ${serviceId} and h.id >= (select id from notifications order by id limit 1) ${before('h.id')}
            and ${wanted} order by h.id desc`
      : sql`notifications n cross join lateral (select * from notification_history where id = n.id limit 1) h
          where n.service_id = ${serviceId} ${before('n.id')} and ${wanted} order by n.id desc`;
  const isKnown =
    olderThan === null
      ? sql`true`
      : sql`exists (
          select from notifications where id = ${olderThan} and service_id = ${serviceId}
          union all select from accepted where id = ${olderThan} and service_id = ${serviceId})`;
  return metrics.timed('dao', 'get_notifications_for_service', async () => {
    const { rows } = await sql<StoredNotification>`
      select * from (
        (select ${notificationColumns} from ${accepted}
          where n.service_id = ${serviceId} ${before('n.id')} and ${wanted} order by n.id desc limit ${limit})
        union all
        (select ${notificationColumns} from ${stored} limit ${limit})
      ) page
      where ${isKnown} order by id desc limit ${limit}`.execute(db);
    return rows;
  });
}

/** When a message was accepted and persisted, and all its attempts, receipts and callbacks, in order. */
export async function findTimeline(
  db: Db,
  { id, createdAt }: Pick<StoredNotification, 'id' | 'createdAt'>,
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
    .select('persisted_at')
    .where('id', '=', id)
    .executeTakeFirst();
  const callbacks = await findCallbackSteps(db, id);
  return inOrder([
    { kind: 'accepted', at: createdAt },
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
