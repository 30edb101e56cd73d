import { sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import type { KeyType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { dayAfter } from '../../ground/clock.ts';
import type { KeyVersion } from '../service/record.ts';
import { platformUserId } from '../user/store.ts';
import type { ApiKey } from './key.ts';

/** The key cache's name; changes are announced under the service's id. */
const cacheName = 'key';
/** A revoked key stops working everywhere within this time, even if its notice is missed. */
const maxAgeMilliseconds = 2000;

/** All keys of a service, oldest first, including those that have ended. */
export async function findKeys(db: DbOrTrx, cipher: Cipher, serviceId: string): Promise<readonly ApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('service_id', '=', serviceId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map((row) =>
    Object.freeze({
      id: row.id,
      serviceId: row.service_id,
      name: row.name,
      keyType: row.key_type,
      secret: cipher.open(row.secret, row.id),
      expiresAt: row.expires_at,
    }),
  );
}

export function createKeyCache(db: Db, cipher: Cipher, caches: Caches): Cache<readonly ApiKey[]> {
  return caches.create({
    name: cacheName,
    load: (serviceId) => findKeys(db, cipher, serviceId),
    maxAgeMilliseconds,
  });
}

export type NewKey = Omit<ApiKey, 'expiresAt'> &
  Readonly<{
    expiresAt?: Date | null;
    /** Id of the user who made it. Default: the platform's own user. */
    createdBy?: string;
    createdAt?: Date;
  }>;

const versionColumns = sql.raw('id, version, service_id, name, key_type, created_at, updated_at, expires_at');

/** Adds a key with its first version. Returns false if a key of the service that does not end has this name. */
export async function addKey(db: DbOrTrx, cipher: Cipher, key: NewKey): Promise<boolean> {
  const { expiresAt = null, createdBy = platformUserId, createdAt = null } = key;
  const { numAffectedRows } = await sql`
    with k as (
      insert into api_keys (id, service_id, name, key_type, secret, created_at, expires_at, created_by)
      values (${key.id}, ${key.serviceId}, ${key.name}, ${key.keyType}, ${cipher.seal(key.secret, key.id)},
        coalesce(${createdAt}::timestamptz, now()), ${expiresAt}, ${createdBy})
      on conflict (service_id, name) where expires_at is null do nothing
      returning *
    )
    insert into api_key_versions (${versionColumns}, created_by)
    select ${versionColumns}, created_by from k`.execute(db);
  await announceChange(db, cacheName, key.serviceId);
  return numAffectedRows === 1n;
}

/**
 * Sets when a key ends, as its next version; `now` for at once. A key that has ended does not come back. Returns when it
 * would have ended before. `by`: the author of the version.
 */
export async function endKey(
  trx: Trx,
  { serviceId, id, expiresAt, by, now }: KeyEnd,
): Promise<Readonly<{ before: Date | null }> | 'no such key' | 'has ended'> {
  const found = await trx
    .selectFrom('api_keys')
    .select('expires_at as before')
    .where('id', '=', id)
    .where('service_id', '=', serviceId)
    .forUpdate()
    .executeTakeFirst();
  if (!found) return 'no such key';
  if (found.before && found.before <= now && expiresAt > now) return 'has ended';
  await sql`
    with k as (
      update api_keys set expires_at = ${expiresAt}, updated_at = ${now}, version = version + 1 where id = ${id} returning *
    )
    insert into api_key_versions (${versionColumns}, created_by)
    select ${versionColumns}, ${by}::uuid from k`.execute(trx);
  await announceChange(trx, cacheName, serviceId);
  return found;
}

export type KeyEnd = Readonly<{ serviceId: string; id: string; expiresAt: Date; by: string; now: Date }>;

/** A key as the admin API shows it: never its secret. */
export type KeyRecord = Readonly<{
  id: string;
  name: string;
  keyType: KeyType;
  createdBy: string;
  createdAt: Date;
  updatedAt: Date | null;
  expiresAt: Date | null;
  version: number;
  /** null: it has not been used within the time that uses are kept. */
  lastUsedAt: Date | null;
  lastClient: string | null;
  /** Newest day first; a day without calls is not there. */
  callsByDay: readonly Readonly<{ day: string; calls: number; clients: Readonly<Record<string, number>> }>[];
}>;

/**
 * Keys of a service, oldest first, or only the key `id`: those that have not ended, or did so after `endedAfter`. With
 * their calls since the day `since` (YYYY-MM-DD, in London).
 */
export async function findKeyRecords(
  db: DbOrTrx,
  { serviceId, id, endedAfter, since }: KeyFilter,
): Promise<readonly KeyRecord[]> {
  const { rows } = await sql<KeyRecord>`
    select k.id, k.name, k.key_type as "keyType", k.created_by as "createdBy", k.created_at as "createdAt",
      k.updated_at as "updatedAt", k.expires_at as "expiresAt", k.version, last.last_used_at as "lastUsedAt",
      last.client as "lastClient", coalesce(calls.days, '[]') as "callsByDay"
    from api_keys k
    left join lateral (
      select client, last_used_at from api_key_uses where api_key_id = k.id
      order by day desc, last_used_at desc limit 1
    ) last on true
    left join lateral (
      select json_agg(json_build_object('day', day, 'calls', calls, 'clients', clients) order by day desc) as days from (
        select day, sum(calls) as calls, json_object_agg(client, calls order by calls desc, client) as clients
        from api_key_uses where api_key_id = k.id and day >= ${since}::date group by day
      ) by_day
    ) calls on true
    where k.service_id = ${serviceId} and (${id}::uuid is null or k.id = ${id})
      and (k.expires_at is null or k.expires_at > ${endedAfter})
    order by k.created_at, k.id`.execute(db);
  return rows;
}

export type KeyFilter = Readonly<{ serviceId: string; id: string | null; endedAfter: Date; since: string }>;

/** Calls of a key with a client on a day in London. */
export type KeyUse = Readonly<{
  keyId: string;
  day: string;
  client: string;
  calls: number;
  lastUsedAt: Date;
}>;

/** The client that the calls of all further ones count as. */
export const otherClient = 'other';
/** Per key and day; anybody with a key may call himself what he likes. */
const mostClients = 20;

/** Adds calls to what is recorded. Processes may do so at the same time. */
export async function recordUses(db: DbOrTrx, uses: readonly KeyUse[]): Promise<void> {
  if (uses.length === 0) return;
  await sql`
    with input as (
      select api_key_id, day, client, sum(calls) as calls, max(last_used_at) as last_used_at
      from unnest(${uses.map(({ keyId }) => keyId)}::uuid[], ${uses.map(({ day }) => day)}::date[],
        ${uses.map(({ client }) => client)}::text[], ${uses.map(({ calls }) => calls)}::bigint[],
        ${uses.map(({ lastUsedAt }) => lastUsedAt)}::timestamptz[]) as u (api_key_id, day, client, calls, last_used_at)
      group by api_key_id, day, client
    ), known as (
      select api_key_id, day, count(*) as clients from api_key_uses
      where (api_key_id, day) in (select api_key_id, day from input) group by api_key_id, day
    ), ranked as (
      select i.*, u.client is not null as is_known, coalesce(k.clients, 0) + row_number() over (
        partition by i.api_key_id, i.day, u.client is not null order by i.calls desc, i.client) as place
      from input i left join known k using (api_key_id, day) left join api_key_uses u using (api_key_id, day, client)
    ), placed as (
      select api_key_id, day, case when is_known or place <= ${mostClients} then client else ${otherClient} end as client,
        calls, last_used_at
      from ranked
    )
    insert into api_key_uses as u (api_key_id, day, client, calls, last_used_at)
    select api_key_id, day, client, sum(calls), max(last_used_at) from placed
    group by api_key_id, day, client order by api_key_id, day, client
    on conflict (api_key_id, day, client) do update set calls = u.calls + excluded.calls,
      last_used_at = greatest(u.last_used_at, excluded.last_used_at)`.execute(db);
}

/** For how many days calls are kept, and shown. */
export const useDays = 30;

/** Deletes at most `limit` uses older than is kept on the day `today`, but never a key's last. Returns how many. */
export async function deleteOldUses(db: DbOrTrx, today: string, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from api_key_uses where (api_key_id, day, client) in (
      select api_key_id, day, client from api_key_uses u where day < ${dayAfter(today, -useDays)}::date
        and exists (select from api_key_uses later where later.api_key_id = u.api_key_id and later.day > u.day)
      limit ${limit}
    )`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/**
 * Ends every key of a service that has not ended yet, as its next version; those that ended keep their time (spec 04,
 * section 1.7). `by`: the author of these versions.
 */
export async function endKeys(trx: Trx, serviceId: string, by: string, at: Date): Promise<void> {
  await sql`
    with k as (
      update api_keys set expires_at = ${at}, updated_at = ${at}, version = version + 1
      where service_id = ${serviceId} and (expires_at is null or expires_at > ${at}) returning *
    )
    insert into api_key_versions (${versionColumns}, created_by)
    select ${versionColumns}, ${by}::uuid from k`.execute(trx);
  await announceChange(trx, cacheName, serviceId);
}

/** At most `limit` versions of a service's keys, those made last, in the order in which they were made. */
export async function findKeyHistory(
  db: DbOrTrx,
  serviceId: string,
  limit: number,
): Promise<readonly KeyVersion[]> {
  const { rows } = await sql<KeyVersion>`
    select id, name, created_at as "createdAt", updated_at as "updatedAt", expires_at as "endedAt",
      created_by as "createdBy"
    from (
      select *, coalesce(updated_at, created_at) as at from api_key_versions where service_id = ${serviceId}
      order by at desc, id, version desc limit ${limit}
    ) newest order by at, id, version`.execute(db);
  return rows;
}
