import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import { createIdSource } from '../../ground/id.ts';
import { numberSource } from '../../ground/json.ts';

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

export type NewEvent = Omit<Event, 'id' | 'createdAt'>;

const columns = sql`id, event_type as "type", service_id as "serviceId", user_id as "userId", subject_id as "subjectId", data,
  created_at as "createdAt"`;

/** Records what the transaction does: whatever makes the change calls this with the same handle. */
export async function recordEvent(db: DbOrTrx, event: NewEvent, at: Date): Promise<Event> {
  const { rows } = await sql<Event>`
    insert into events (id, event_type, service_id, user_id, subject_id, data, created_at)
    values (${createIdSource({ now: () => at.getTime() })()}, ${event.type}, ${event.serviceId}, ${event.userId}, ${event.subjectId},
      ${storable(event.data)}::jsonb, ${at})
    returning ${columns}`.execute(db);
  return rows[0]!;
}

/**
 * As JSON text that the database can keep: U+FFFD for null characters and halves of surrogate pairs, and numbers that are
 * too long or too large as texts.
 */
function storable(data: unknown): string {
  const keptNumber = (_key: string, value: unknown) => {
    const source = numberSource(value);
    return source !== null && (source.length > 1000 || /e[+-]?\d{4}/i.test(source)) ? source : value;
  };
  return JSON.stringify(data, keptNumber).replace(/\\(?:\\|u(?:0000|d[89a-f][0-9a-f]{2}))/g, (found) =>
    found === '\\\\' ? found : '\\ufffd',
  );
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
): Promise<readonly Event[]> {
  const { rows } = await sql<Event>`
    select ${columns} from events where true
      ${serviceId === null ? sql`` : sql`and service_id = ${serviceId}`}
      ${userId === null ? sql`` : sql`and user_id = ${userId}`}
      ${types ? sql`and event_type = any(${types}::text[])` : sql``}
      ${olderThan === null ? sql`` : sql`and id < ${olderThan}`}
    order by id desc limit ${limit}`.execute(db);
  return rows;
}
