import { type RawBuilder, sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { ServiceBranding } from '../../database/tables.ts';
import { findOrganisation } from '../organisation/store.ts';
import type { RetentionType } from './retention.ts';
import { type DailyLimit, normalisedName, type Permission, type Sender, type Service } from './service.ts';

/** The service cache's name; changes to any of its tables are announced under the service's id. */
export const cacheName = 'service';

/** The service with its senders that are not archived; null if there is no such service. */
export async function findService(db: DbOrTrx, id: string): Promise<Service | null> {
  const row = await db.selectFrom('services').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return null;
  const smsSenders = await db
    .selectFrom('service_sms_senders')
    .select(['id', 'sms_sender as text', 'is_default as isDefault'])
    .where('service_id', '=', id)
    .where('archived', '=', false)
    .orderBy('created_at')
    .execute();
  const emailReplyTos = await db
    .selectFrom('service_email_reply_to')
    .select(['id', 'email_address as text', 'is_default as isDefault'])
    .where('service_id', '=', id)
    .where('archived', '=', false)
    .orderBy('created_at')
    .execute();
  const allowed = await sql<{ recipient: string | null }>`
    select recipient from service_guest_list where service_id = ${id}
    union all
    select unnest(array[u.email_address, u.mobile_number]) from service_users s join users u on u.id = s.user_id
    where s.service_id = ${id}`.execute(db);
  const organisation =
    row.branding === 'govuk' || row.organisation_id === null
      ? null
      : await findOrganisation(db, row.organisation_id);
  return Object.freeze({
    id: row.id,
    name: row.name,
    active: row.active,
    restricted: row.restricted,
    researchMode: row.research_mode,
    emailFrom: row.email_from,
    prefixSms: row.prefix_sms,
    permissions: new Set(row.permissions as Permission[]),
    rateLimit: row.rate_limit,
    limits: Object.freeze({
      sms: row.sms_limit,
      email: row.email_limit,
      letter: row.letter_limit,
      international_sms: row.international_sms_limit,
    }),
    allowed: Object.freeze(allowed.rows.flatMap(({ recipient }) => recipient ?? [])),
    smsSenders,
    emailReplyTos,
    contactLink: row.contact_link,
    organisation,
  });
}

/** Which of these ids belong to services, in the same order. */
export async function areServices(db: DbOrTrx, ids: readonly string[]): Promise<readonly boolean[]> {
  const { rows } = await sql<{
    id: string;
  }>`select id from services where id = any(${[...ids]}::uuid[])`.execute(db);
  const found = new Set(rows.map(({ id }) => id));
  return ids.map((id) => found.has(id));
}

export function createServiceCache(db: Db, caches: Caches): Cache<Service | null> {
  return caches.create({ name: cacheName, load: (id) => findService(db, id), maxAgeMilliseconds: 2000 });
}

export type NewService = Readonly<{
  id: string;
  name: string;
  restricted: boolean;
  emailFrom: string;
  prefixSms: boolean;
  permissions: readonly Permission[];
  /** A demo service: its keys are written to credentials.json. */
  demo?: boolean;
  contactLink?: string;
  branding?: ServiceBranding;
  organisationId?: string | null;
  rateLimit?: number;
  /** Default to 50 each for a trial service (spec 01, section 4.2). */
  limits?: Partial<Record<DailyLimit, number>>;
  /** Id of the user who made it. Default: the platform's own user. */
  createdBy?: string;
}>;

/** Adds a service unless its id exists. Returns whether it was added. */
export async function addService(db: DbOrTrx, service: NewService): Promise<boolean> {
  const result = await db
    .insertInto('services')
    .values({
      id: service.id,
      name: service.name,
      restricted: service.restricted,
      email_from: service.emailFrom,
      normalised_name: normalisedName(service.name),
      prefix_sms: service.prefixSms,
      permissions: [...service.permissions],
      ...(service.createdBy !== undefined && { created_by: service.createdBy }),
      demo: service.demo ?? false,
      contact_link: service.contactLink ?? null,
      branding: service.branding ?? 'govuk',
      organisation_id: service.organisationId ?? null,
      rate_limit: service.rateLimit ?? 3000,
      sms_limit: service.limits?.sms ?? (service.restricted ? 50 : 250_000),
      email_limit: service.limits?.email ?? (service.restricted ? 50 : 250_000),
      letter_limit: service.limits?.letter ?? (service.restricted ? 50 : 20_000),
      international_sms_limit: service.limits?.international_sms ?? (service.restricted ? 50 : 100),
      updated_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  const isAdded = Number(result.numInsertedOrUpdatedRows) > 0;
  if (isAdded) await keepVersion(db, service.id);
  await announceService(db, service.id);
  return isAdded;
}

/** A copy of the service's row as it is now, for its history (spec 04, section 0.5). */
export async function keepVersion(db: DbOrTrx, id: string): Promise<void> {
  await sql`${insertVersion} from services where id = ${id}`.execute(db);
}

const insertVersion = sql`
  insert into service_versions (id, version, name, email_from, active, restricted, research_mode, prefix_sms, permissions,
    contact_link, rate_limit, sms_limit, email_limit, letter_limit, international_sms_limit, created_at, updated_at,
    created_by, branding, organisation_id)
  select id, version, name, email_from, active, restricted, research_mode, prefix_sms, permissions, contact_link,
    rate_limit, sms_limit, email_limit, letter_limit, international_sms_limit, created_at, updated_at, created_by,
    branding, organisation_id`;

/** Every process reads the service anew: its row, its senders, its team or its guest list have changed. */
export async function announceService(db: DbOrTrx, id: string): Promise<void> {
  await announceChange(db, cacheName, id);
}

/** `inboundNumberId`: set if the sender is the service's inbound number. */
export async function addSmsSender(
  db: DbOrTrx,
  serviceId: string,
  sender: Sender,
  inboundNumberId: string | null = null,
): Promise<void> {
  await db
    .insertInto('service_sms_senders')
    .values({
      id: sender.id,
      service_id: serviceId,
      sms_sender: sender.text,
      is_default: sender.isDefault,
      inbound_number_id: inboundNumberId,
    })
    .execute();
  await announceChange(db, cacheName, serviceId);
}

export async function addEmailReplyTo(db: DbOrTrx, serviceId: string, sender: Sender): Promise<void> {
  await db
    .insertInto('service_email_reply_to')
    .values({
      id: sender.id,
      service_id: serviceId,
      email_address: sender.text,
      is_default: sender.isDefault,
    })
    .execute();
  await announceChange(db, cacheName, serviceId);
}

/** Gives a service a permission. Returns whether it did not have it. */
export async function grantPermission(db: DbOrTrx, id: string, permission: Permission): Promise<boolean> {
  return await changePermissions(
    db,
    id,
    sql`array_append(permissions, ${permission})`,
    sql`${permission} <> all(permissions)`,
  );
}

/** Takes a permission from a service. Returns whether it had it. */
export async function withdrawPermission(db: DbOrTrx, id: string, permission: Permission): Promise<boolean> {
  return await changePermissions(
    db,
    id,
    sql`array_remove(permissions, ${permission})`,
    sql`${permission} = any(permissions)`,
  );
}

async function changePermissions(
  db: DbOrTrx,
  id: string,
  changed: RawBuilder<unknown>,
  isChange: RawBuilder<unknown>,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    with changed as (
      update services set permissions = ${changed}, version = version + 1, updated_at = now()
      where id = ${id} and ${isChange} returning *
    )
    ${insertVersion} from changed`.execute(db);
  await announceChange(db, cacheName, id);
  return numAffectedRows > 0n;
}

/** True while no service has ever been added. */
export async function hasNoService(db: DbOrTrx): Promise<boolean> {
  return (await db.selectFrom('services').select('id').limit(1).executeTakeFirst()) === undefined;
}

/** How many whole days a service keeps messages of a type. */
export type Retention = Readonly<{
  id: string;
  serviceId: string;
  serviceName: string;
  type: RetentionType;
  days: number;
  createdAt: Date;
  updatedAt: Date | null;
}>;

const retentionColumns = sql`r.id, r.service_id as "serviceId", s.name as "serviceName", r.notification_type as "type",
  r.days_of_retention as "days", r.created_at as "createdAt", r.updated_at as "updatedAt"`;

/** A service's retentions, ordered by type. */
export async function findRetentions(db: DbOrTrx, serviceId: string): Promise<readonly Retention[]> {
  const { rows } = await sql<Retention>`
    select ${retentionColumns} from service_data_retention r join services s on s.id = r.service_id
    where r.service_id = ${serviceId} order by r.notification_type`.execute(db);
  return rows;
}

/** Adds a retention. Returns null if the service already has one for this type, or does not exist. */
export async function addRetention(
  db: DbOrTrx,
  retention: Pick<Retention, 'id' | 'serviceId' | 'type' | 'days' | 'createdAt'>,
): Promise<Retention | null> {
  const { id, serviceId, type, days, createdAt } = retention;
  const { rows } = await sql<Retention>`
    with r as (
      insert into service_data_retention (id, service_id, notification_type, days_of_retention, created_at)
      select ${id}, id, ${type}, ${days}, ${createdAt} from services where id = ${serviceId}
      on conflict (service_id, notification_type) do nothing returning *
    )
    select ${retentionColumns} from r join services s on s.id = r.service_id`.execute(db);
  return rows[0] ?? null;
}

/** Returns its type, and the days until now; null if the service has no such retention. */
export async function changeRetention(
  db: DbOrTrx,
  {
    id,
    serviceId,
    days,
    updatedAt,
  }: Readonly<{ id: string; serviceId: string; days: number; updatedAt: Date }>,
): Promise<Readonly<{ type: RetentionType; before: number }> | null> {
  const { rows } = await sql<{ type: RetentionType; before: number }>`
    update service_data_retention r set days_of_retention = ${days}, updated_at = ${updatedAt}
    from (select id, days_of_retention from service_data_retention
      where id = ${id} and service_id = ${serviceId} for update) as old
    where r.id = old.id
    returning r.notification_type as "type", old.days_of_retention as "before"`.execute(db);
  return rows[0] ?? null;
}
