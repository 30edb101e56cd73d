import { announceChange, type Cache, type Caches } from '../database/cache.ts';
import type { Db, DbOrTrx } from '../database/connection.ts';
import type { ProviderDetails } from './contract.ts';

const cacheName = 'providers';
/** The one key of the cache: all providers. */
export const allProviders = 'all';

export async function findProviders(db: DbOrTrx): Promise<readonly ProviderDetails[]> {
  return await db
    .selectFrom('providers')
    .select([
      'identifier',
      'notification_type as notificationType',
      'priority',
      'active',
      'supports_international as supportsInternational',
    ])
    .orderBy('priority')
    .orderBy('identifier')
    .execute();
}

/**
 * The providers that this installation can use. A row whose supplier is not configured any more is passed over: no
 * message may wait for it, nor go to the sandbox once a real provider is there.
 */
export function createProviderCache(
  db: Db,
  caches: Caches,
  isConfigured: (provider: ProviderDetails) => boolean,
): Cache<readonly ProviderDetails[]> {
  return caches.create({
    name: cacheName,
    load: async () => (await findProviders(db)).filter(isConfigured),
    maxAgeMilliseconds: 2000,
  });
}

/** Adds the providers that are not in the table yet; what an operator has changed of the others stays. */
export async function addMissingProviders(
  db: DbOrTrx,
  providers: readonly (ProviderDetails & Readonly<{ id: string; displayName: string }>)[],
): Promise<void> {
  if (providers.length === 0) return;
  await db
    .insertInto('providers')
    .values(
      providers.map((provider) => ({
        id: provider.id,
        identifier: provider.identifier,
        display_name: provider.displayName,
        notification_type: provider.notificationType,
        priority: provider.priority,
        active: provider.active,
        supports_international: provider.supportsInternational,
        updated_at: null,
      })),
    )
    .onConflict((conflict) => conflict.columns(['identifier', 'notification_type']).doNothing())
    .execute();
  await announceChange(db, cacheName, allProviders);
}
