import { sql } from 'kysely';
import { announceChange } from '../../database/cache.ts';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { callbackCacheKey, callbackCacheName } from './enqueue.ts';

/** A service's address for one type of callback, without the token, which is never shown. */
export type CallbackApi = Readonly<{
  id: string;
  serviceId: string;
  type: CallbackType;
  url: string;
  updatedById: string;
  createdAt: Date;
  updatedAt: Date | null;
}>;

const columns = sql`id, service_id as "serviceId", callback_type as type, url, updated_by_id as "updatedById",
  created_at as "createdAt", updated_at as "updatedAt"`;

export type NewCallbackApi = Omit<CallbackApi, 'updatedAt'> & Readonly<{ token: string }>;

/** Adds an address. Returns null if the service already has one for this type. */
export async function addCallbackApi(
  db: DbOrTrx,
  cipher: Cipher,
  given: NewCallbackApi,
): Promise<CallbackApi | null> {
  const { id, serviceId, type, url, token, updatedById, createdAt } = given;
  const { rows } = await sql<CallbackApi>`
    insert into service_callback_api (id, service_id, callback_type, url, bearer_token, updated_by_id, created_at)
    values (${id}, ${serviceId}, ${type}, ${url}, ${cipher.seal(token, id)}, ${updatedById}, ${createdAt})
    on conflict (service_id, callback_type) do nothing returning ${columns}`.execute(db);
  await announceChange(db, callbackCacheName, callbackCacheKey);
  return rows[0] ?? null;
}

/** One address of a service. `type`: null for any. */
export type WhichApi = Readonly<{ serviceId: string; id: string; type: string | null }>;

const matches = ({ serviceId, id, type }: WhichApi) =>
  sql`id = ${id} and service_id = ${serviceId} and (${type}::text is null or callback_type = ${type})`;

export async function findCallbackApi(db: DbOrTrx, which: WhichApi): Promise<CallbackApi | null> {
  const { rows } = await sql<CallbackApi>`
    select ${columns} from service_callback_api where ${matches(which)}`.execute(db);
  return rows[0] ?? null;
}

/**
 * Changes what is given; null leaves a value unchanged. Pending callbacks go to the new address, and a pause ends.
 * Returns null if there is no such address.
 */
export async function updateCallbackApi(
  db: DbOrTrx,
  cipher: Cipher,
  which: WhichApi,
  change: Readonly<{ url: string | null; token: string | null; updatedById: string; at: Date }>,
): Promise<CallbackApi | null> {
  const token = change.token === null ? null : cipher.seal(change.token, which.id);
  const { rows } = await sql<CallbackApi>`
    update service_callback_api set url = coalesce(${change.url}, url), bearer_token = coalesce(${token}::bytea, bearer_token),
      updated_by_id = ${change.updatedById}, updated_at = ${change.at}, failures = 0, pauses = 0, paused_until = null
    where ${matches(which)} returning ${columns}`.execute(db);
  return rows[0] ?? null;
}

/** Removes an address, and marks the callbacks pending for it as failed. Returns it; null if there was none. */
export async function deleteCallbackApi(trx: Trx, which: WhichApi, at: Date): Promise<CallbackApi | null> {
  const { rows } = await sql<CallbackApi>`
    delete from service_callback_api where ${matches(which)} returning ${columns}`.execute(trx);
  const [deleted] = rows;
  if (!deleted) return null;
  await sql`
    update service_callbacks set state = 'failed', due_at = null, finished_at = ${at}, last_code = 'no address'
    where service_id = ${which.serviceId} and callback_type = ${deleted.type} and due_at is not null`.execute(
    trx,
  );
  await announceChange(trx, callbackCacheName, callbackCacheKey);
  return deleted;
}

/** How an address is doing. */
export type CallbackApiHealth = CallbackApi &
  Readonly<{
    /** Failed callbacks since the last success. */
    failures: number;
    /** null: it is not paused. In the past: the next callback is tried alone. */
    pausedUntil: Date | null;
    /** Callbacks that wait for it; at most `mostCounted` are counted. */
    waiting: number;
  }>;

export const mostCounted = 10_000;

/** The addresses of a service by type, one for each at most; only `id` unless that is null. */
export async function findCallbackApis(
  db: DbOrTrx,
  serviceId: string,
  id: string | null,
): Promise<readonly CallbackApiHealth[]> {
  const { rows } = await sql<CallbackApiHealth>`
    select ${columns}, failures, paused_until as "pausedUntil", (
        select count(*)::int from (
          select from service_callbacks c
          where c.service_id = a.service_id and c.callback_type = a.callback_type and c.due_at is not null
          limit ${mostCounted}
        ) counted
      ) as waiting
    from service_callback_api a
    where service_id = ${serviceId} and (${id}::uuid is null or id = ${id}) order by callback_type`.execute(
    db,
  );
  return rows;
}

/** Where callbacks are posted, with the sealed token; null if there is no such address. */
export async function findTarget(
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<Readonly<{ type: CallbackType; url: string; token: Buffer }> | null> {
  const { rows } = await sql<{ type: CallbackType; url: string; token: Buffer }>`
    select callback_type as type, url, bearer_token as token from service_callback_api
    where id = ${id} and service_id = ${serviceId}`.execute(db);
  return rows[0] ?? null;
}

/** Callbacks that the end of a pause makes due at once; the rest are tried at their time. */
const mostResumed = 1000;

/**
 * Ends the pause of an address and makes its next tries due now. A callback that is under way is left alone: its last
 * attempt has no outcome yet. Returns whether it was paused; null if there is no such address.
 */
export async function resumeCallbackApi(
  trx: Trx,
  { serviceId, id }: Readonly<{ serviceId: string; id: string }>,
  at: Date,
): Promise<boolean | null> {
  const { rows } = await sql<{ type: CallbackType; pausedUntil: Date | null }>`
    select callback_type as type, paused_until as "pausedUntil" from service_callback_api
    where id = ${id} and service_id = ${serviceId} for update`.execute(trx);
  const [found] = rows;
  if (!found) return null;
  await sql`
    update service_callback_api set failures = 0, pauses = 0, paused_until = null where id = ${id}`.execute(
    trx,
  );
  await sql`
    update service_callbacks set due_at = ${at} where id = any(array(
      select c.id from service_callbacks c
      where c.service_id = ${serviceId} and c.callback_type = ${found.type} and c.due_at > ${at} and exists (
        select from service_callback_attempts a
        where a.callback_id = c.id and a.number = c.attempt and a.outcome is not null)
      order by c.due_at limit ${mostResumed} for update of c skip locked))`.execute(trx);
  return found.pausedUntil !== null;
}

/** Whether both the service and the user exist. */
export async function areKnown(db: DbOrTrx, serviceId: string, userId: string): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (select from services where id = ${serviceId}) and exists (select from users where id = ${userId})
      as known`.execute(db);
  return rows[0]?.known ?? false;
}
