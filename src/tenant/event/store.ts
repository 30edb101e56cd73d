import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import { createIdSource, idFloor, idMarginMilliseconds, idTime } from '../../ground/id.ts';
import { parseLossless } from '../../ground/json.ts';

/** Something that happened through the admin API (spec 04, section 8.2). */
export type Event = Readonly<{
  id: string;
  type: string;
  serviceId: string | null;
  /** Who did it; null if nobody said. */
  userId: string | null;
  /** What it happened to. */
  subjectId: string | null;
  /** What changed: `before` and `after`, each with only what differs. */
  data: unknown;
  createdAt: Date;
}>;

/** An event with the names, as they are now, of its service and of who did it. */
export type NamedEvent = Event & Readonly<{ serviceName: string | null; userName: string | null }>;

export type NewEvent = Omit<Event, 'id' | 'createdAt'>;

const columns = sql`id, event_type as "type", service_id as "serviceId", user_id as "userId", subject_id as "subjectId", data::text,
  created_at as "createdAt"`;

/**
 * What an event tells of a change: the fields of `after` that differ, as they were and as they are. `before`: null for
 * something new. `ignored`: fields that every change changes.
 */
export function changesOf(before: object | null, after: object, ignored: readonly string[] = []) {
  const was = before && new Map<string, unknown>(Object.entries(before));
  const fields = Object.entries(after).filter(
    ([name, value]) => !ignored.includes(name) && JSON.stringify(was?.get(name)) !== JSON.stringify(value),
  );
  return {
    before: was && Object.fromEntries(fields.map(([name]) => [name, was.get(name)])),
    after: Object.fromEntries(fields),
  };
}

/** Records what the transaction does: whatever makes the change calls this with the same handle. */
export async function recordEvent(db: DbOrTrx, event: NewEvent, at: Date): Promise<Event> {
  const { rows } = await sql<StoredEvent>`
    insert into events (id, event_type, service_id, user_id, subject_id, data, created_at)
    values (${createIdSource({ now: () => at.getTime() })()}, ${event.type}, ${event.serviceId}, ${event.userId}, ${event.subjectId},
      ${JSON.stringify(event.data)}::json, ${at})
    returning ${columns}`.execute(db);
  return read(rows[0]!);
}

/** Which events are listed; null means no filter. */
export type EventFilter = Readonly<{
  serviceId: string | null;
  userId: string | null;
  types: readonly string[] | null;
  /** Only events before the one with this id. */
  olderThan: string | null;
}>;

/** At most `limit` events, newest first. */
export async function findEvents(
  db: DbOrTrx,
  { serviceId, userId, types, olderThan }: EventFilter,
  limit: number,
): Promise<readonly NamedEvent[]> {
  const { rows } = await sql<StoredEvent & Pick<NamedEvent, 'serviceName' | 'userName'>>`
    select found.*, services.name as "serviceName", users.name as "userName" from (
    select ${columns} from events where true
      ${serviceId === null ? sql`` : sql`and service_id = ${serviceId}`}
      ${userId === null ? sql`` : sql`and user_id = ${userId}`}
      ${types ? sql`and event_type = any(${types}::text[])` : sql``}
      ${olderThan === null ? sql`` : sql`and id < ${olderThan}`}
    order by id desc limit ${limit}) as found
    left join services on services.id = found."serviceId" left join users on users.id = found."userId"
    order by found.id desc`.execute(db);
  return rows.map((row) => ({ ...row, ...read(row) }));
}

/** Names of people by id, and whether they operate the platform. */
export async function findNames(
  db: DbOrTrx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Readonly<{ name: string; isOperator: boolean }>>> {
  const { rows } = await sql<{ id: string; name: string; isOperator: boolean }>`
    select id, name, platform_admin as "isOperator" from users where id = any(${[...new Set(ids)]}::uuid[])`.execute(
    db,
  );
  return new Map(rows.map(({ id, name, isOperator }) => [id, { name, isOperator }]));
}

/** Any id can be asked for, and not every one has a time. */
const latestTime = 2 ** 47;

/** Whether a service has an event of this type about something with this id, a UUIDv7, made when that was. */
export async function hasEvent(
  db: DbOrTrx,
  { serviceId, type, subjectId }: Readonly<{ serviceId: string; type: string; subjectId: string }>,
): Promise<boolean> {
  const at = Math.min(idTime(subjectId), latestTime);
  const { rows } = await sql`
    select from events where service_id = ${serviceId} and event_type = ${type} and subject_id = ${subjectId}
      and id >= ${idFloor(at - idMarginMilliseconds)} and id < ${idFloor(at + idMarginMilliseconds)} limit 1`.execute(
    db,
  );
  return rows.length > 0;
}

/** Deletes at most `limit` events from before `before`. Returns how many. */
export async function deleteOldEvents(db: DbOrTrx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from events where id = any(array(
      select id from events where id < ${idFloor(before.getTime())} order by id limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

type StoredEvent = Omit<Event, 'data'> & Readonly<{ data: string }>;

function read(stored: StoredEvent): Event {
  return { ...stored, data: parseLossless(stored.data) };
}
