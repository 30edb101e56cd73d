import { sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../database/cache.ts';
import type { Db, DbOrTrx, Trx } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import type { ProviderDetails } from './contract.ts';
import type { ProviderState } from './state.ts';

const cacheName = 'providers';
/** The one key of the cache: all providers. */
export const allProviders = 'all';

export async function findProviders(db: DbOrTrx): Promise<readonly ProviderState[]> {
  const rows = await db
    .selectFrom('providers')
    .select([
      'id',
      'identifier',
      'notification_type as notificationType',
      'priority',
      'active',
      'supports_international as supportsInternational',
      'rate_limit as rateLimit',
      'circuit as state',
      'circuit_until as until',
      'probe_until as probeUntil',
    ])
    .orderBy('priority')
    .orderBy('identifier')
    .execute();
  return rows.map(({ state, until, probeUntil, ...rest }) => ({
    ...rest,
    circuit: { state, until, probeUntil },
  }));
}

/**
 * The providers that this installation can use. A row whose supplier is not configured any more is passed over: no
 * message may wait for it, nor go to the sandbox once a real provider is there.
 */
export function createProviderCache(
  db: Db,
  caches: Caches,
  isConfigured: (provider: ProviderDetails) => boolean,
): Cache<readonly ProviderState[]> {
  return caches.create({
    name: cacheName,
    load: async () => (await findProviders(db)).filter(isConfigured),
    maxAgeMilliseconds: 2000,
  });
}

/** Tells every process that rows of providers have changed, once the transaction commits. */
export async function announceProviders(db: DbOrTrx): Promise<void> {
  await announceChange(db, cacheName, allProviders);
}

/**
 * Copies rows that were just made or changed, in the same transaction (spec 04, section 0.5), and tells every process of
 * them once it commits.
 */
export async function keepVersions(trx: DbOrTrx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    insert into provider_versions (id, version, identifier, display_name, notification_type, priority, active,
      supports_international, updated_at, reason, created_by, rate_limit, circuit, circuit_until)
    select id, version, identifier, display_name, notification_type, priority, active,
      supports_international, updated_at, reason, created_by, rate_limit, circuit, circuit_until
    from providers where id = any(${ids}::uuid[])`.execute(trx);
  await announceProviders(trx);
}

/** Adds the providers that are not in the table yet; what an operator has changed of the others stays. */
export async function addMissingProviders(
  trx: DbOrTrx,
  providers: readonly (ProviderDetails & Readonly<{ id: string; displayName: string }>)[],
): Promise<void> {
  if (providers.length === 0) return;
  const added = await trx
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
    .returning('id')
    .execute();
  await keepVersions(
    trx,
    added.map(({ id }) => id),
  );
}

/** A version of a provider as the admin API tells it. */
export type ProviderRecord = Readonly<{
  id: string;
  displayName: string;
  identifier: string;
  priority: number;
  notificationType: NotificationType;
  active: boolean;
  version: number;
  updatedAt: Date | null;
  createdBy: Readonly<{ id: string; name: string; email_address: string }> | null;
  supportsInternational: boolean;
  reason: string | null;
  rateLimit: number | null;
  circuit: 'closed' | 'open';
  circuitUntil: Date | null;
}>;

const recordColumns = sql`
  p.id, p.display_name as "displayName", p.identifier, p.priority, p.notification_type as "notificationType", p.active,
  p.version, p.updated_at as "updatedAt", p.supports_international as "supportsInternational", p.reason,
  p.rate_limit as "rateLimit", p.circuit, p.circuit_until as "circuitUntil",
  case when u.id is not null then
    json_build_object('id', u.id, 'name', u.name, 'email_address', u.email_address) end as "createdBy"`;

/** All by priority, then email before sms; or the one of `id`. */
export async function findProviderRecords(
  db: DbOrTrx,
  id: string | null,
): Promise<readonly ProviderRecord[]> {
  const { rows } = await sql<ProviderRecord>`
    select ${recordColumns} from providers p left join users u on u.id = p.created_by
    where ${id}::uuid is null or p.id = ${id}
    order by p.priority, p.notification_type, p.identifier`.execute(db);
  return rows;
}

/** The highest first, 100 at most. */
export async function findProviderVersions(db: DbOrTrx, id: string): Promise<readonly ProviderRecord[]> {
  const { rows } = await sql<ProviderRecord>`
    select ${recordColumns} from provider_versions p left join users u on u.id = p.created_by
    where p.id = ${id} order by p.version desc limit 100`.execute(db);
  return rows;
}

/** What an operator changes; undefined: it stays as it is. */
export type ProviderChange = Readonly<{
  priority?: number;
  active?: boolean;
  rateLimit?: number | null;
  reason: string | null;
  createdBy: string | null;
}>;

/** Answers false where there is no such provider. */
export async function changeProvider(
  trx: Trx,
  id: string,
  change: ProviderChange,
  now: Date,
): Promise<boolean> {
  const { priority, active, rateLimit, reason, createdBy } = change;
  const { numUpdatedRows } = await trx
    .updateTable('providers')
    .set({
      ...(priority !== undefined && { priority }),
      ...(active !== undefined && { active }),
      ...(rateLimit !== undefined && { rate_limit: rateLimit }),
      reason,
      created_by: createdBy,
      version: sql<number>`version + 1`,
      updated_at: now,
    })
    .where('id', '=', id)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await keepVersions(trx, [id]);
  return true;
}

export async function isUser(db: DbOrTrx, id: string): Promise<boolean> {
  return (await db.selectFrom('users').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}
