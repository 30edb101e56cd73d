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
