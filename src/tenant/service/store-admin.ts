import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { ServiceBranding } from '../../database/tables.ts';
import type { ServiceRecord } from './record.ts';
import { type DailyLimit, normalisedName, type Permission } from './service.ts';
import { addSmsSender, announceService, keepVersion } from './store.ts';
import { addSender, changeSender } from './store-senders.ts';

const columns = sql`
  s.id, s.name, s.active, s.restricted, s.research_mode as "researchMode", s.email_from as "emailFrom",
  s.prefix_sms as "prefixSms", s.permissions, s.contact_link as "contactLink", s.branding,
  s.organisation_id as organisation, s.rate_limit as "rateLimit",
  json_build_object('sms', s.sms_limit, 'email', s.email_limit, 'letter', s.letter_limit,
    'international_sms', s.international_sms_limit) as limits,
  (select sms_sender from service_sms_senders where service_id = s.id and is_default and not archived) as "smsSender",
  (select email_address from service_email_reply_to where service_id = s.id and is_default and not archived)
    as "replyTo",
  s.created_by as "createdBy", s.created_at as "createdAt", s.updated_at as "updatedAt", s.version,
  s.archived_at as "archivedAt", s.went_live_at as "wentLiveAt", s.went_live_by as "wentLiveBy",
  s.live_requested_at as "liveRequestedAt", s.live_requested_by as "liveRequestedBy",
  array(select user_id from service_users where service_id = s.id order by created_at, user_id) as users,
  (select coalesce(json_agg(json_build_object('callback_id', id, 'callback_type', callback_type) order by callback_type),
    '[]') from service_callback_api where service_id = s.id) as callbacks`;

export async function findServiceRecord(db: DbOrTrx, id: string): Promise<ServiceRecord | null> {
  const { rows } = await sql<ServiceRecord>`select ${columns} from services s where s.id = ${id}`.execute(db);
  return rows[0] ?? null;
}

/** Its row is locked: whoever changes the service, its team or its guest list waits for the end of the transaction. */
export async function lockService(trx: Trx, id: string): Promise<ServiceRecord | null> {
  await sql`select id from services where id = ${id} for update`.execute(trx);
  return await findServiceRecord(trx, id);
}

/** Which services are listed; null or false means no filter. */
export type ServiceFilter = Readonly<{
  onlyActive: boolean;
  userId: string | null;
  /** Part of the name, whatever its case. */
  name: string | null;
  /** Only those with an open request to go live. */
  liveRequested: boolean;
  order: 'oldest' | 'newest' | 'name';
  /** The last service of the page before. */
  after: string | null;
}>;

/** The row that a page goes on from, and what comes after it. */
const orders = {
  oldest: { key: sql`s.created_at, s.id`, last: sql`created_at, id`, next: sql`>` },
  newest: { key: sql`s.created_at, s.id`, last: sql`created_at, id`, next: sql`<` },
  name: { key: sql`lower(s.name), s.id`, last: sql`lower(name), id`, next: sql`>` },
} as const;
const sorted = {
  oldest: sql`s.created_at, s.id`,
  newest: sql`s.created_at desc, s.id desc`,
  name: sql`lower(s.name), s.id`,
} as const;

/** At most `limit` services. */
export async function findServiceRecords(
  db: DbOrTrx,
  { onlyActive, userId, name, liveRequested, order, after }: ServiceFilter,
  limit: number,
): Promise<readonly ServiceRecord[]> {
  const { key, last, next } = orders[order];
  const { rows } = await sql<ServiceRecord>`
    select ${columns} from services s where true
      ${onlyActive ? sql`and s.active` : sql``}
      ${userId === null ? sql`` : sql`and exists (select from service_users where service_id = s.id and user_id = ${userId})`}
      ${name === null ? sql`` : sql`and position(lower(${name}) in lower(s.name)) > 0`}
      ${liveRequested ? sql`and s.live_requested_at is not null` : sql``}
      ${after === null ? sql`` : sql`and (${key}) ${next} (select ${last} from services where id = ${after})`}
    order by ${sorted[order]} limit ${limit}`.execute(db);
  return rows;
}

/** What changes; absent fields stay as they are. */
export type ServiceChange = Readonly<{
  name?: string;
  emailFrom?: string;
  active?: boolean;
  restricted?: boolean;
  researchMode?: boolean;
  prefixSms?: boolean;
  permissions?: readonly Permission[];
  contactLink?: string | null;
  branding?: ServiceBranding;
  organisationId?: string | null;
  rateLimit?: number;
  limits?: Partial<Record<DailyLimit, number>>;
  /** Going live, or back to trial mode. */
  wentLive?: Readonly<{ at: Date; by: string }> | null;
  liveRequest?: Readonly<{ at: Date; by: string | null }> | null;
}>;

/**
 * Changes a service as its next version. `createdBy` is the author. A name that is taken is an error of the database
 * (see `takenConstraint`).
 */
export async function changeService(
  trx: Trx,
  id: string,
  change: ServiceChange,
  createdBy: string,
  at: Date,
): Promise<void> {
  const { limits = {}, name, wentLive, liveRequest } = change;
  const values = {
    name,
    normalised_name: name === undefined ? undefined : normalisedName(name),
    email_from: change.emailFrom,
    active: change.active,
    restricted: change.restricted,
    research_mode: change.researchMode,
    prefix_sms: change.prefixSms,
    permissions: change.permissions && [...change.permissions],
    contact_link: change.contactLink,
    branding: change.branding,
    organisation_id: change.organisationId,
    rate_limit: change.rateLimit,
    sms_limit: limits.sms,
    email_limit: limits.email,
    letter_limit: limits.letter,
    international_sms_limit: limits.international_sms,
    went_live_at: wentLive === null ? null : wentLive?.at,
    went_live_by: wentLive === null ? null : wentLive?.by,
    live_requested_at: liveRequest === null ? null : liveRequest?.at,
    live_requested_by: liveRequest === null ? null : liveRequest?.by,
  };
  await trx
    .updateTable('services')
    .set({
      ...Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
      version: sql<number>`version + 1`,
      created_by: createdBy,
      updated_at: at,
    })
    .where('id', '=', id)
    .execute();
  await keepVersion(trx, id);
  await announceService(trx, id);
}

/**
 * Makes a service inactive for good and frees its name and sender (spec 04, section 1.7). Where the prefix of this second
 * is taken by one of the same name, it is a later second's.
 */
export async function archiveService(trx: Trx, id: string, createdBy: string, at: Date): Promise<void> {
  await sql`
    update services s set active = false, archived_at = ${at}, updated_at = ${at}, created_by = ${createdBy},
      version = s.version + 1, name = free.prefix || s.name, email_from = free.prefix || s.email_from,
      normalised_name = null, live_requested_at = null, live_requested_by = null
    from (
      select prefix from services own,
        generate_series(${at}::timestamptz, ${at}::timestamptz + interval '1 minute', interval '1 second') second,
        lateral (select '_archived_' || to_char(second at time zone 'UTC', 'YYYY-MM-DD-HH24:MI:SS') || '_' as prefix) p
      where own.id = ${id} and not exists (select from services other
        where other.name = prefix || own.name or other.email_from = prefix || own.email_from)
      order by second limit 1
    ) free
    where s.id = ${id}`.execute(trx);
  await keepVersion(trx, id);
  await announceService(trx, id);
}

/** Changes the default sender of texts. Returns false if that is the service's number for received texts. */
export async function setDefaultSmsSender(
  trx: Trx,
  serviceId: string,
  text: string,
  at: Date,
): Promise<boolean> {
  const { rows } = await sql<{ fixed: boolean }>`
    with changed as (
      update service_sms_senders set sms_sender = ${text}, updated_at = ${at}
      where service_id = ${serviceId} and is_default and not archived and inbound_number_id is null
        and sms_sender <> ${text} returning id
    )
    select inbound_number_id is not null and sms_sender <> ${text} as fixed from service_sms_senders
    where service_id = ${serviceId} and is_default and not archived`.execute(trx);
  if (rows.length === 0) await addSmsSender(trx, serviceId, { id: randomUUID(), text, isDefault: true });
  return !rows[0]?.fixed;
}

/**
 * Changes the default address for replies; null: there is none from now on. Another entry that has this address becomes
 * the default instead, since a service has an address once.
 */
export async function setDefaultReplyTo(
  trx: Trx,
  serviceId: string,
  text: string | null,
  at: Date,
): Promise<void> {
  if (text === null) {
    await sql`
      update service_email_reply_to set archived = true, is_default = false, updated_at = ${at}
      where service_id = ${serviceId} and is_default`.execute(trx);
    await announceService(trx, serviceId);
    return;
  }
  const { rows } = await sql<{ id: string }>`
    select id from service_email_reply_to
    where service_id = ${serviceId} and not archived and (is_default or lower(email_address) = lower(${text}))
    order by lower(email_address) = lower(${text}) desc limit 1`.execute(trx);
  const found = rows[0];
  const change = { serviceId, id: found?.id ?? randomUUID(), text, isDefault: true, at };
  await (found ? changeSender : addSender)(trx, 'email', change);
}

/** Which unique constraint of `services` an error reports: the name's or the sender's; null for any other error. */
export function takenConstraint(error: unknown): 'name' | 'email_from' | null {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (code !== '23505') return null;
  if (constraint === 'services_name_key' || constraint === 'services_normalised_name_key') return 'name';
  return constraint === 'services_email_from_key' ? 'email_from' : null;
}

/** One version of a service (spec 04, section 1.10). */
export type ServiceVersion = Readonly<{
  id: string;
  name: string;
  createdAt: Date;
  updatedAt: Date | null;
  active: boolean;
  messageLimit: number;
  restricted: boolean;
  emailFrom: string;
  createdBy: string;
  version: number;
}>;

/** The last `limit` versions of a service, oldest first. */
export async function findServiceVersions(
  db: DbOrTrx,
  id: string,
  limit: number,
): Promise<readonly ServiceVersion[]> {
  const { rows } = await sql<ServiceVersion>`
    select * from (
      select id, name, created_at as "createdAt", updated_at as "updatedAt", active,
        greatest(sms_limit, email_limit, letter_limit) as "messageLimit", restricted, email_from as "emailFrom",
        created_by as "createdBy", version
      from service_versions where id = ${id} order by version desc limit ${limit}
    ) newest order by version`.execute(db);
  return rows;
}
