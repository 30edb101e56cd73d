import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { ApiKey } from './key.ts';

/** Name of the cache of keys; announce a change under the service's id. */
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

export async function revokeKey(db: DbOrTrx, serviceId: string, id: string, at: Date): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expires_at: at })
    .where('id', '=', id)
    .where('service_id', '=', serviceId)
    .where('expires_at', 'is', null)
    .execute();
  await announceChange(db, cacheName, serviceId);
}
