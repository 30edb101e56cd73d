import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { Person } from '../../http/server/permission.ts';

/** A person and what they may do in a service; null if there is no such user. */
export async function findPerson(
  db: DbOrTrx,
  userId: string,
  serviceId: string | null,
): Promise<Person | null> {
  const { rows } = await sql<Person>`
    select u.id, u.state = 'active' as "isActive", u.platform_admin as "isOperator", s.permissions
    from users u left join service_users s on s.user_id = u.id and s.service_id = ${serviceId}::uuid
    where u.id = ${userId}`.execute(db);
  return rows[0] ?? null;
}

/** How exactly it is known when a session was last used. */
const seenSeconds = 60;

/** Whether a person's session is under way; records that it was seen. */
export async function seeSession(db: DbOrTrx, userId: string, id: string, at: Date): Promise<boolean> {
  const { rows } = await sql<{ isStale: boolean }>`
    select seen_at <= ${at}::timestamptz - ${seenSeconds} * interval '1 second' as "isStale" from user_sessions
    where id = ${id} and user_id = ${userId} and ended_at is null`.execute(db);
  if (rows[0]?.isStale)
    await sql`update user_sessions set seen_at = ${at} where id = ${id} and seen_at < ${at}`.execute(db);
  return rows.length > 0;
}
