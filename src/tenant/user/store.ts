import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { User } from './user.ts';

export type NewUser = Readonly<{
  id: string;
  name: string;
  /** At most 255 characters; unique, ignoring case. */
  emailAddress: string;
  state: 'pending' | 'active';
}>;

/** Adds a user unless the id exists. */
export async function addUser(db: DbOrTrx, user: NewUser): Promise<void> {
  await db
    .insertInto('users')
    .values({
      id: user.id,
      name: user.name,
      email_address: user.emailAddress,
      state: user.state,
      updated_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** The members of a service, in the order in which they joined. */
export async function findMembersOf(db: DbOrTrx, serviceId: string): Promise<readonly User[]> {
  const { rows } = await sql<User>`
    select u.id, u.name, u.email_address as "emailAddress", u.mobile_number as "mobileNumber", u.state,
      u.platform_admin as "isOperator", u.created_at as "createdAt",
      (select coalesce(json_object_agg(o.service_id, o.permissions order by o.created_at), '{}')
        from service_users o join services s on s.id = o.service_id where o.user_id = u.id and s.active) as permissions
    from service_users m join users u on u.id = m.user_id
    where m.service_id = ${serviceId} order by m.created_at, u.id`.execute(db);
  return rows;
}

/** The recorded author of everything the platform itself creates; never signs in (spec 06, section 6.2). */
export const platformUserId = '6af522d0-2915-4e52-83a3-3690455a5fe6';

export async function isUser(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('users').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}
