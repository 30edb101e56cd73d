import { sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { ApiKey } from './key.ts';

/** The key cache's name; changes are announced under the service's id. */
const cacheName = 'key';
/** A revoked key stops working everywhere within this time, even if its notice is missed. */
const maxAgeMilliseconds = 2000;

/** All keys of a service, oldest first, including revoked ones. */
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
      revokedAt: row.expires_at,
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

export async function addKey(db: DbOrTrx, cipher: Cipher, key: Omit<ApiKey, 'revokedAt'>): Promise<void> {
  await db
    .insertInto('api_keys')
    .values({
      id: key.id,
      service_id: key.serviceId,
      name: key.name,
      key_type: key.keyType,
      secret: cipher.seal(key.secret, key.id),
      expires_at: null,
    })
    .execute();
  await announceChange(db, cacheName, key.serviceId);
}

/** Ends every key of a service that has not ended yet; those that ended keep their time (spec 04, section 1.7). */
export async function endKeys(db: DbOrTrx, serviceId: string, at: Date): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expires_at: at })
    .where('service_id', '=', serviceId)
    .where((key) => key.or([key('expires_at', 'is', null), key('expires_at', '>', at)]))
    .execute();
  await announceChange(db, cacheName, serviceId);
}

/** A key of a service, once as it was made and once more as it was ended. */
export type KeyVersion = Readonly<{ id: string; name: string; createdAt: Date; endedAt: Date | null }>;

/** At most `limit` versions of a service's keys, those made last, in the order in which they were made. */
export async function findKeyHistory(
  db: DbOrTrx,
  serviceId: string,
  limit: number,
): Promise<readonly KeyVersion[]> {
  const { rows } = await sql<KeyVersion>`
    select id, name, created_at as "createdAt", "endedAt" from (
      select id, name, created_at, null as "endedAt", created_at as at from api_keys where service_id = ${serviceId}
      union all
      select id, name, created_at, expires_at, expires_at from api_keys
      where service_id = ${serviceId} and expires_at is not null
      order by at desc, id limit ${limit}
    ) newest order by at, id`.execute(db);
  return rows;
}
