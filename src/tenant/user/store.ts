import { type RawBuilder, sql } from 'kysely';
import { announceChange } from '../../database/cache.ts';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { AuthType, User, UserState } from './user.ts';

export type NewUser = Readonly<{
  id: string;
  name: string;
  /** At most 255 characters; unique, ignoring case. */
  emailAddress: string;
  state: 'pending' | 'active';
  mobileNumber?: string;
  isOperator?: boolean;
}>;

/** Adds a user without a password, who signs in by links only, unless the id or the address exists. */
export async function addUser(db: DbOrTrx, user: NewUser): Promise<void> {
  await db
    .insertInto('users')
    .values({
      id: user.id,
      name: user.name,
      email_address: user.emailAddress,
      state: user.state,
      ...(user.mobileNumber !== undefined && { mobile_number: user.mobileNumber }),
      ...(user.isOperator && { platform_admin: true }),
      updated_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** The recorded author of everything the platform itself creates; never signs in (spec 06, section 6.2). */
export const platformUserId = '6af522d0-2915-4e52-83a3-3690455a5fe6';

/** A User, from `u` (users). `now`: failed tries of more than an hour before no longer count (tries.ts). */
function userColumns(now: Date): RawBuilder<unknown> {
  return sql`
    u.id, u.name, u.email_address as "emailAddress", u.mobile_number as "mobileNumber", u.state,
    u.auth_type as "authType", u.platform_admin as "isOperator", u.created_at as "createdAt",
    case when u.failed_at > ${now}::timestamptz - interval '1 hour' then u.failed_login_count else 0 end as "failedLoginCount",
    u.logged_in_at as "loggedInAt", u.password_changed_at as "passwordChangedAt",
    u.current_session_id as "currentSessionId", u.email_access_validated_at as "emailValidatedAt",
    (select coalesce(json_object_agg(o.service_id, o.permissions order by o.created_at), '{}')
      from service_users o join services s on s.id = o.service_id where o.user_id = u.id and s.active) as permissions`;
}

export async function findUser(db: DbOrTrx, id: string, now: Date): Promise<User | null> {
  const { rows } = await sql<User>`select ${userColumns(now)} from users u where u.id = ${id}`.execute(db);
  return rows[0] ?? null;
}

/** The members of a service, in the order in which they joined. */
export async function findMembersOf(db: DbOrTrx, serviceId: string, now: Date): Promise<readonly User[]> {
  const { rows } = await sql<User>`
    select ${userColumns(now)} from service_users m join users u on u.id = m.user_id
    where m.service_id = ${serviceId} order by m.created_at, u.id`.execute(db);
  return rows;
}

export async function isUser(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('users').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

/** Whether the platform has an operator who may sign in one day. */
export async function hasOperator(db: DbOrTrx): Promise<boolean> {
  const { rows } = await sql`select from users where platform_admin and state <> 'inactive' limit 1`.execute(
    db,
  );
  return rows.length > 0;
}

/** Until the transaction ends, nobody else makes the first operator. */
export async function lockFirstOperator(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.first_operator', 0))`.execute(trx);
}

/** The user with this address in any case; null if there is none. */
export async function findUserByEmail(db: DbOrTrx, address: string, now: Date): Promise<User | null> {
  const { rows } = await sql<User>`
    select ${userColumns(now)} from users u where lower(u.email_address) = lower(${address})`.execute(db);
  return rows[0] ?? null;
}

/** Which users are listed; null means all. */
export type UserFilter = Readonly<{
  /** A part of the name or the address, in any case. */
  search: string | null;
  /** Only users added before this one. */
  olderThan: string | null;
}>;

/** At most `limit` users, those added last first. */
export async function findUsers(
  db: DbOrTrx,
  { search, olderThan }: UserFilter,
  limit: number,
  now: Date,
): Promise<readonly User[]> {
  const pattern = search === null ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  const { rows } = await sql<User>`
    select ${userColumns(now)} from users u where true
      ${pattern === null ? sql`` : sql`and (u.name ilike ${pattern} or u.email_address ilike ${pattern})`}
      ${olderThan === null ? sql`` : sql`and (u.created_at, u.id) < (select created_at, id from users where id = ${olderThan})`}
    order by u.created_at desc, u.id desc limit ${limit}`.execute(db);
  return rows;
}

export type Registration = Readonly<{
  id: string;
  name: string;
  emailAddress: string;
  mobileNumber: string | null;
  authType: AuthType;
  state: UserState;
  failedLoginCount: number;
  loggedInAt: Date | null;
  passwordHash: string;
}>;

/** Returns false if another user has the address, in any case. */
export async function registerUser(db: DbOrTrx, user: Registration, at: Date): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    insert into users (id, name, email_address, mobile_number, auth_type, state, failed_login_count, failed_at, logged_in_at,
      password_hash, password_changed_at, created_at)
    values (${user.id}, ${user.name}, ${user.emailAddress}, ${user.mobileNumber}, ${user.authType}, ${user.state},
      ${user.failedLoginCount}, ${user.failedLoginCount > 0 ? at : null}, ${user.loggedInAt}, ${user.passwordHash}, ${at}, ${at})
    on conflict do nothing returning id`.execute(db);
  return rows.length > 0;
}

/** What changes; a field that is left out stays as it is. */
export type UserChange = Readonly<{
  name?: string;
  emailAddress?: string;
  mobileNumber?: string | null;
  authType?: AuthType;
  state?: UserState;
  isOperator?: boolean;
  failedLoginCount?: number;
  loggedInAt?: Date | null;
  currentSessionId?: string | null;
  emailValidatedAt?: Date | null;
  passwordHash?: string;
}>;

const columnOf = {
  name: 'name',
  emailAddress: 'email_address',
  mobileNumber: 'mobile_number',
  authType: 'auth_type',
  state: 'state',
  isOperator: 'platform_admin',
  failedLoginCount: 'failed_login_count',
  loggedInAt: 'logged_in_at',
  currentSessionId: 'current_session_id',
  emailValidatedAt: 'email_access_validated_at',
  passwordHash: 'password_hash',
} as const satisfies Record<keyof UserChange, string>;

/**
 * Changes a user within the transaction, and returns it before and after; null if there is none. Returns 'taken' if
 * another user has the address: then the transaction can only be ended.
 */
export async function changeUser(
  trx: Trx,
  id: string,
  change: UserChange,
  at: Date,
): Promise<Readonly<{ before: User; after: User }> | 'taken' | null> {
  await sql`select from users where id = ${id} for update`.execute(trx);
  const before = await findUser(trx, id, at);
  if (!before) return null;
  const given = (Object.keys(columnOf) as (keyof UserChange)[]).filter((name) => change[name] !== undefined);
  const values = given.map((name) => [columnOf[name], change[name]] as const);
  try {
    await trx
      .updateTable('users')
      .set({
        ...Object.fromEntries(values),
        updated_at: at,
        ...(change.failedLoginCount !== undefined && { failed_at: change.failedLoginCount > 0 ? at : null }),
        ...(change.passwordHash !== undefined && { password_changed_at: at }),
      })
      .where('id', '=', id)
      .execute();
  } catch (error) {
    if ((error as { constraint?: string }).constraint === 'users_email_address') return 'taken';
    throw error;
  }
  // Its team may be sent to in trial mode.
  if (change.emailAddress !== undefined || change.mobileNumber !== undefined)
    for (const serviceId of await servicesOf(trx, id)) await announceChange(trx, 'service', serviceId);
  return { before, after: (await findUser(trx, id, at))! };
}

async function servicesOf(trx: Trx, userId: string): Promise<readonly string[]> {
  const { rows } = await sql<{
    id: string;
  }>`select service_id as id from service_users where user_id = ${userId} order by service_id`.execute(trx);
  return rows.map(({ id }) => id);
}

/**
 * Takes a user out of every team and makes the account useless. Returns false, and changes nothing, if an active service
 * would be left without an active member, or without one who can manage the team.
 */
export async function archiveUser(trx: Trx, { id, emailAddress, state }: User, at: Date): Promise<boolean> {
  // Two people who are archived at once would each rely on the other: what the lock waited for is seen only by the next
  // statement.
  const own = sql`select service_id from service_users where user_id = ${id}`;
  await sql`select from services where id in (${own}) order by id for update`.execute(trx);
  // As for whoever leaves one service (spec 04, section 1.8).
  const { rows } = await sql<{ isLast: boolean }>`
    with others as (
      select m.service_id, m.permissions from service_users m join users u on u.id = m.user_id
      where m.service_id in (${own}) and m.user_id <> ${id} and u.state = 'active'
    )
    select s.active and (not exists (select from others o where o.service_id = s.id)
      or ('manage_users' = any(m.permissions) and ${state === 'active'}
        and not exists (select from others o where o.service_id = s.id and 'manage_users' = any(o.permissions)))) as "isLast"
    from service_users m join services s on s.id = m.service_id where m.user_id = ${id}`.execute(trx);
  if (rows.some(({ isLast }) => isLast)) return false;
  const serviceIds = await servicesOf(trx, id);
  await sql`delete from service_users where user_id = ${id}`.execute(trx);
  for (const serviceId of serviceIds) await announceChange(trx, 'service', serviceId);
  const domain = emailAddress.slice(emailAddress.lastIndexOf('@') + 1);
  const archived = `_archived_${at.toISOString().slice(0, 10)}_${id}@${domain}`.slice(0, 255);
  await sql`
    update users set name = 'Archived user', email_address = ${archived}, mobile_number = null, auth_type = 'email_auth',
      password_hash = null, password_changed_at = ${at}, platform_admin = false, state = 'inactive',
      current_session_id = '00000000-0000-0000-0000-000000000000', updated_at = ${at}
    where id = ${id}`.execute(trx);
  return true;
}

/** null for a user without a password. */
export async function findPasswordHash(db: DbOrTrx, id: string): Promise<string | null> {
  const row = await db.selectFrom('users').select('password_hash').where('id', '=', id).executeTakeFirst();
  return row?.password_hash ?? null;
}
