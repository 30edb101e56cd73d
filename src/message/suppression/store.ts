import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { lookUp } from '../../database/look-up.ts';
import { inPartitionsOf } from '../../database/partitions.ts';
import type { KeyType, NotificationType, SuppressionReason } from '../../database/tables.ts';
import { createIdSource } from '../../ground/id.ts';
import { failedForMilliseconds, type Suppression } from './suppression.ts';

const columns = sql`id, notification_type as type, recipient, reason, notification_id as "notificationId",
  created_at as "createdAt", expires_at as "expiresAt"`;

/** An entry that does not expire stays as it is; one that does is renewed. */
const renew = sql`on conflict (service_id, notification_type, recipient, reason) do update
  set notification_id = excluded.notification_id, created_at = excluded.created_at, expires_at = excluded.expires_at
  where suppressions.expires_at is not null`;

/**
 * Suppresses the recipients of messages. Messages that reached nobody (test keys, research mode) and messages whose
 * recipient is deleted are left out; permanent failures count only for services that ask for it, and not those of
 * messages that were suppressed themselves.
 */
export async function suppressRecipientsOf(
  trx: Trx,
  reason: 'complaint' | 'permanent-failure',
  notificationIds: readonly string[],
  at: Date,
): Promise<void> {
  const newId = createIdSource({ now: () => at.getTime() });
  const isFailure = reason === 'permanent-failure';
  const expiresAt = isFailure ? new Date(at.getTime() + failedForMilliseconds) : null;
  await sql`
    insert into suppressions (id, service_id, notification_type, recipient, reason, notification_id, created_at, expires_at)
    select distinct on (h.service_id, h.notification_type, n.normalised_recipient) input.new_id, h.service_id,
      h.notification_type, n.normalised_recipient, ${reason}, h.id, ${at}::timestamptz, ${expiresAt}::timestamptz
    from unnest(${notificationIds}::uuid[], ${notificationIds.map(newId)}::uuid[]) as input (id, new_id)
    join notification_history h on ${lookUp('h.id', 'input.id')} ${inPartitionsOf(notificationIds, 'h.id')}
    join notifications n on ${lookUp('n.id', 'input.id')} ${inPartitionsOf(notificationIds, 'n.id')}
    join services s on ${lookUp('s.id', 'h.service_id')}
    where h.key_type <> 'test' and not s.research_mode and h.suppressed is null
      ${isFailure ? sql`and 'suppress_failed_recipients' = any(s.permissions)` : sql``}
    -- in one order, so that two transactions do not wait for each other
    order by h.service_id, h.notification_type, n.normalised_recipient
    ${renew}`.execute(trx);
}

export type NewSuppression = Readonly<{
  serviceId: string;
  type: NotificationType;
  recipient: string;
  reason: SuppressionReason;
  notificationId: string | null;
}>;

/** Suppresses one recipient for good. Returns the entry, and whether it is new; one that exists stays as it is. */
export async function addSuppression(
  db: DbOrTrx,
  { serviceId, type, recipient, reason, notificationId }: NewSuppression,
  at: Date,
): Promise<Readonly<{ entry: Suppression; isNew: boolean }>> {
  const id = createIdSource({ now: () => at.getTime() })();
  const { rows } = await sql<Suppression>`
    insert into suppressions (id, service_id, notification_type, recipient, reason, notification_id, created_at)
    values (${id}, ${serviceId}, ${type}, ${recipient}, ${reason}, ${notificationId}, ${at})
    on conflict (service_id, notification_type, recipient, reason) do update set reason = excluded.reason
    returning ${columns}`.execute(db);
  const entry = rows[0]!;
  return { entry, isNew: entry.id === id };
}

/** Which of a service's entries are listed; null means no filter. */
export type SuppressionFilter = Readonly<{
  serviceId: string;
  recipient: Readonly<{ type: NotificationType; normalised: string }> | null;
  reasons: readonly string[] | null;
  /** Only entries added before the one with this id. */
  olderThan: string | null;
}>;

/** At most `limit` entries that are in force at `now`, those added last first. */
export async function findSuppressions(
  db: DbOrTrx,
  { serviceId, recipient, reasons, olderThan }: SuppressionFilter,
  now: Date,
  limit: number,
): Promise<readonly Suppression[]> {
  const { rows } = await sql<Suppression>`
    select ${columns} from suppressions
    where service_id = ${serviceId} and (expires_at is null or expires_at > ${now})
      ${recipient ? sql`and notification_type = ${recipient.type} and recipient = ${recipient.normalised}` : sql``}
      ${reasons ? sql`and reason = any(${reasons}::text[])` : sql``}
      ${olderThan === null ? sql`` : sql`and id < ${olderThan}`}
    order by id desc limit ${limit}`.execute(db);
  return rows;
}

/** Returns the entry that is removed; null if the service had none such. */
export async function removeSuppression(
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<Suppression | null> {
  const { rows } = await sql<Suppression>`
    delete from suppressions where id = ${id} and service_id = ${serviceId} returning ${columns}`.execute(db);
  return rows[0] ?? null;
}

/** Deletes at most `limit` entries that expired before `now`. Returns how many. */
export async function deleteExpiredSuppressions(db: DbOrTrx, now: Date, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from suppressions where id = any(array(
      select id from suppressions where expires_at < ${now} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** The service and key that sent an email, also after its personal data is deleted; null if there is no such email. */
export async function findEmail(
  db: DbOrTrx,
  notificationId: string,
): Promise<Readonly<{ serviceId: string; serviceName: string; keyType: KeyType }> | null> {
  const row = await db
    .selectFrom('notification_history as h')
    .innerJoin('services as s', 's.id', 'h.service_id')
    .select(['h.service_id as serviceId', 's.name as serviceName', 'h.key_type as keyType'])
    .where('h.id', '=', notificationId)
    .where('h.notification_type', '=', 'email')
    .executeTakeFirst();
  return row ?? null;
}
