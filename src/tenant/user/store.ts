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
