import type { DbOrTrx } from '../../database/connection.ts';

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

/** The recorded author of everything the platform itself creates; never signs in (spec 06, section 6.2). */
export const platformUserId = '6af522d0-2915-4e52-83a3-3690455a5fe6';

export async function isUser(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('users').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}
