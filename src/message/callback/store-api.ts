import { sql } from 'kysely';
import { announceChange } from '../../database/cache.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
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
  db: Db,
  cipher: Cipher,
  given: NewCallbackApi,
): Promise<CallbackApi | null> {
  const { id, serviceId, type, url, token, updatedById, createdAt } = given;
  return await db.transaction().execute(async (trx) => {
    const { rows } = await sql<CallbackApi>`
      insert into service_callback_api (id, service_id, callback_type, url, bearer_token, updated_by_id, created_at)
      values (${id}, ${serviceId}, ${type}, ${url}, ${cipher.seal(token, id)}, ${updatedById}, ${createdAt})
      on conflict (service_id, callback_type) do nothing returning ${columns}`.execute(trx);
    await announceChange(trx, callbackCacheName, callbackCacheKey);
    return rows[0] ?? null;
  });
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

/** Removes an address, and marks the callbacks pending for it as failed. Returns whether there was one. */
export async function deleteCallbackApi(db: Db, which: WhichApi, at: Date): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ type: CallbackType }>`
      delete from service_callback_api where ${matches(which)} returning callback_type as type`.execute(trx);
    if (!rows[0]) return false;
    await sql`
      update service_callbacks set state = 'failed', due_at = null, finished_at = ${at}, last_code = 'no address'
      where service_id = ${which.serviceId} and callback_type = ${rows[0].type} and due_at is not null`.execute(
      trx,
    );
    await announceChange(trx, callbackCacheName, callbackCacheKey);
    return true;
  });
}

/** Whether both the service and the user exist. */
export async function areKnown(db: DbOrTrx, serviceId: string, userId: string): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select exists (select from services where id = ${serviceId}) and exists (select from users where id = ${userId})
      as known`.execute(db);
  return rows[0]?.known ?? false;
}
