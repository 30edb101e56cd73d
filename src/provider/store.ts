import { sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../database/cache.ts';
import type { Db, DbOrTrx, Trx } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import type { ProviderDetails } from './contract.ts';
import type { ProviderState } from './state.ts';

const cacheName = 'providers';
/** The only key of the cache: it holds all providers together. */
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
 * The providers that this installation can use. Rows of suppliers that are no longer configured are left out: no
 * message may wait for them, or go to the sandbox once there is a real provider.
 */
export function createProviderCache(
  db: Db,
  caches: Caches,
  configured: readonly Pick<ProviderDetails, 'identifier' | 'notificationType'>[],
): Cache<readonly ProviderState[]> {
  const isConfigured = ({ identifier, notificationType: type }: ProviderDetails) =>
    configured.some((one) => one.identifier === identifier && one.notificationType === type);
  return caches.create({
    name: cacheName,
    load: async () => (await findProviders(db)).filter(isConfigured),
    maxAgeMilliseconds: 2000,
  });
}

/** Notifies every process, once the transaction commits, that rows of providers have changed. */
export async function announceProviders(db: DbOrTrx): Promise<void> {
  await announceChange(db, cacheName, allProviders);
}

/**
 * Keeps a copy of rows that were just added or changed, in the same transaction (spec 04, section 0.5), and notifies
 * every process once it commits.
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

/** Adds the providers that are not in the table yet; the others stay as operators have changed them. */
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

/** The identifiers of the providers that are or ever were active, and so can have been given a message. */
export async function findUsedProviders(db: DbOrTrx): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ identifier: string }>`
    select identifier from providers where active
    union select identifier from provider_versions where active`.execute(db);
  return new Set(rows.map(({ identifier }) => identifier));
}

/** A version of a provider as the admin API shows it. */
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

/** By priority, then email before sms; only the provider `id` unless that is null. */
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

/** Whoever changes the provider waits for the end of the transaction. */
export async function lockProvider(trx: Trx, id: string): Promise<void> {
  await sql`select from providers where id = ${id} for update`.execute(trx);
}

/** The newest 100, newest first. */
export async function findProviderVersions(db: DbOrTrx, id: string): Promise<readonly ProviderRecord[]> {
  const { rows } = await sql<ProviderRecord>`
    select ${recordColumns} from provider_versions p left join users u on u.id = p.created_by
    where p.id = ${id} order by p.version desc limit 100`.execute(db);
  return rows;
}

/** What an operator changes; absent fields stay as they are. */
export type ProviderChange = Readonly<{
  priority?: number;
  active?: boolean;
  rateLimit?: number | null;
  reason: string | null;
  createdBy: string | null;
}>;

/** Returns false if there is no such provider. */
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

/**
 * Reserves the next `count` calls of a provider, for all processes. Returns in how many milliseconds the first one is
 * due.
 */
export async function reserveCalls(db: Db, providerId: string, count: number, rate: number): Promise<number> {
  const seconds = count / rate;
  const { rows } = await sql<{ startsIn: number }>`
    insert into provider_paces as p (provider_id, free_at)
    values (${providerId}, clock_timestamp() + ${seconds} * interval '1 second')
    on conflict (provider_id) do update set
      free_at = greatest(p.free_at, clock_timestamp()) + ${seconds} * interval '1 second'
    returning extract(epoch from free_at - ${seconds} * interval '1 second' - clock_timestamp())::float8 * 1000 as "startsIn"`.execute(
    db,
  );
  return rows[0]!.startsIn;
}
