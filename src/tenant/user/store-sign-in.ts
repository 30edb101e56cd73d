import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type CodeType, codeMilliseconds, mostOpenCodes } from './code.ts';
import { countedTries, lockedAt, type Tries, waitFor } from './tries.ts';

/** Who tries: the person, and the network that the client is in; null if nobody said. */
export type Trier = Readonly<{ userId: string; network: string | null }>;

/** `waitMilliseconds`: until then nobody may try. `isLast`: the person is locked if this try fails. */
export type TryVerdict =
  | Readonly<{ verdict: 'allowed'; isLast: boolean }>
  | Readonly<{ verdict: 'locked' }>
  | Readonly<{ verdict: 'wait'; waitMilliseconds: number }>;

/**
 * Counts a try as failed before it is looked at, so that a hundred tries at once are not a hundred chances;
 * `forgiveTries` takes it back. Nothing is counted if the person is locked or has to wait. The network goes first in
 * every transaction.
 */
export async function takeTry(trx: Trx, { userId, network }: Trier, at: Date): Promise<TryVerdict> {
  const now = at.getTime();
  const ofNetwork = network === null ? null : await lockNetwork(trx, network, at);
  const ofPerson = await lockPerson(trx, userId);
  const networkWait = ofNetwork ? waitFor(ofNetwork, 'network', now) : 0;
  if (networkWait > 0) return { verdict: 'wait', waitMilliseconds: networkWait };
  const failed = countedTries(ofPerson, now);
  if (failed >= lockedAt) return { verdict: 'locked' };
  const personWait = waitFor(ofPerson, 'person', now);
  if (personWait > 0) return { verdict: 'wait', waitMilliseconds: personWait };
  await sql`update users set failed_login_count = ${failed + 1}, failed_at = ${at} where id = ${userId}`.execute(
    trx,
  );
  if (ofNetwork)
    await sql`
      update sign_in_networks set failed = ${countedTries(ofNetwork, now) + 1}, failed_at = ${at}
      where network = ${network}`.execute(trx);
  return { verdict: 'allowed', isLast: failed + 1 === lockedAt };
}

async function lockNetwork(trx: Trx, network: string, at: Date): Promise<Tries> {
  await sql`
    insert into sign_in_networks (network, failed, failed_at) values (${network}, 0, ${at})
    on conflict do nothing`.execute(trx);
  const { rows } = await sql<Tries>`
    select failed, failed_at as "failedAt" from sign_in_networks where network = ${network} for update`.execute(
    trx,
  );
  return rows[0] ?? { failed: 0, failedAt: null };
}

async function lockPerson(trx: Trx, userId: string): Promise<Tries> {
  const { rows } = await sql<Tries>`
    select failed_login_count as failed, failed_at as "failedAt" from users where id = ${userId} for update`.execute(
    trx,
  );
  return rows[0]!;
}

/** The try was right: it counts for nothing, and the person starts anew. */
export async function forgiveTries(trx: Trx, { userId, network }: Trier): Promise<void> {
  if (network !== null)
    await sql`update sign_in_networks set failed = greatest(0, failed - 1) where network = ${network}`.execute(
      trx,
    );
  await sql`update users set failed_login_count = 0, failed_at = null where id = ${userId}`.execute(trx);
}

/** A code to be stored. */
export type NewVerifyCode = Readonly<{ id: string; userId: string; type: CodeType; code: string }>;

/** Stores a code. Returns false, and stores nothing, if the person has as many as may be open. */
export async function addCode(
  trx: Trx,
  cipher: Cipher,
  { id, userId, type, code }: NewVerifyCode,
  at: Date,
): Promise<boolean> {
  await sql`select from users where id = ${userId} for update`.execute(trx);
  const { numAffectedRows = 0n } = await sql`
    insert into verify_codes (id, user_id, code_type, code, created_at, expires_at)
    select ${id}::uuid, ${userId}::uuid, ${type}, ${cipher.seal(code, id)}::bytea, ${at}::timestamptz,
      ${new Date(at.getTime() + codeMilliseconds)}::timestamptz
    where (select count(*) from verify_codes where user_id = ${userId} and used_at is null and expires_at > ${at}) < ${mostOpenCodes}`.execute(
    trx,
  );
  return numAffectedRows > 0n;
}

/** Older ones are as good as forgotten, whether or not they have been deleted. */
const mostComparedCodes = 100;

/** Uses a code up: the newest of the person and type that is equal. `expired`: it was, or it has been used. */
export async function takeCode(
  trx: Trx,
  cipher: Cipher,
  { userId, type, code }: Omit<NewVerifyCode, 'id'>,
  at: Date,
): Promise<'right' | 'expired' | 'unknown'> {
  const { rows } = await sql<{ id: string; code: Buffer; isOpen: boolean }>`
    select id, code, used_at is null and expires_at > ${at} as "isOpen" from verify_codes
    where user_id = ${userId} and code_type = ${type}
    order by created_at desc, id desc limit ${mostComparedCodes} for update`.execute(trx);
  const found = rows.find((row) => cipher.open(row.code, row.id) === code);
  if (!found) return 'unknown';
  if (!found.isOpen) return 'expired';
  await sql`update verify_codes set used_at = ${at} where id = ${found.id}`.execute(trx);
  return 'right';
}

/** A time for which a person is signed in, on one device. */
export type Session = Readonly<{
  id: string;
  createdAt: Date;
  seenAt: Date;
  browser: string | null;
  address: string | null;
  /** null: it has not ended. */
  endedAt: Date | null;
}>;

export async function beginSession(
  trx: Trx,
  userId: string,
  { id, browser, address }: Pick<Session, 'id' | 'browser' | 'address'>,
  at: Date,
): Promise<void> {
  await sql`
    insert into user_sessions (id, user_id, created_at, seen_at, browser, address)
    values (${id}, ${userId}, ${at}, ${at}, ${browser}, ${address})`.execute(trx);
  await sql`update users set current_session_id = ${id}, logged_in_at = ${at} where id = ${userId}`.execute(
    trx,
  );
}

/** The sessions of a person, the last seen first. `ended`: also those that have ended. */
export async function findSessions(
  db: DbOrTrx,
  userId: string,
  { ended }: Readonly<{ ended: boolean }>,
  limit: number,
): Promise<readonly Session[]> {
  const { rows } = await sql<Session>`
    select id, created_at as "createdAt", seen_at as "seenAt", browser, address, ended_at as "endedAt" from user_sessions
    where user_id = ${userId} ${ended ? sql`` : sql`and ended_at is null`} order by seen_at desc, id limit ${limit}`.execute(
    db,
  );
  return rows;
}

/** Which sessions of a person end: one, or all but one. */
export type Ending = Readonly<{ only: string } | { except: string | null }>;

/** Ends sessions; returns the ids of those that had not ended. */
export async function endSessions(
  trx: Trx,
  userId: string,
  ending: Ending,
  at: Date,
): Promise<readonly string[]> {
  await sql`select from users where id = ${userId} for update`.execute(trx);
  const which = 'only' in ending ? sql`id = ${ending.only}` : sql`id is distinct from ${ending.except}::uuid`;
  const { rows } = await sql<{ id: string }>`
    update user_sessions set ended_at = ${at} where user_id = ${userId} and ended_at is null and ${which} returning id`.execute(
    trx,
  );
  const ids = rows.map(({ id }) => id);
  await sql`
    update users set current_session_id = null where id = ${userId} and current_session_id = any(${ids}::uuid[])`.execute(
    trx,
  );
  return ids;
}

/** Returns false if the link has been used. */
export async function useLink(trx: Trx, id: string, expiresAt: Date): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    insert into used_links (id, expires_at) values (${id}, ${expiresAt}) on conflict do nothing`.execute(trx);
  return numAffectedRows > 0n;
}

export async function isLinkUsed(db: DbOrTrx, id: string): Promise<boolean> {
  return (
    (await db.selectFrom('used_links').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
  );
}

const hour = 3_600_000;
const day = 24 * hour;

/** Deletes codes after a day, sessions not seen for 30, and what no longer counts (spec 06, section 1.1). */
export async function deleteSignInLeftovers(db: DbOrTrx, now: number): Promise<number> {
  const ago = (milliseconds: number) => new Date(now - milliseconds);
  const deleted = await Promise.all([
    sql`delete from verify_codes where created_at < ${ago(day)}`.execute(db),
    sql`delete from user_sessions where seen_at < ${ago(30 * day)}`.execute(db),
    sql`delete from sign_in_networks where failed_at < ${ago(hour)}`.execute(db),
    sql`delete from used_links where expires_at < ${ago(0)}`.execute(db),
  ]);
  return deleted.reduce((sum, { numAffectedRows = 0n }) => sum + Number(numAffectedRows), 0);
}
