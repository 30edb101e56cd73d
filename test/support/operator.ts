import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { changeTemplate, findWrittenTemplate, type TemplateText } from '../../src/content/template/store.ts';
import { announceChange } from '../../src/database/cache.ts';
import type { Db } from '../../src/database/connection.ts';
import type { DailyLimit } from '../../src/tenant/service/service.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';

/**
 * Changes that an operator makes while services send and that have no command or endpoint yet: written straight to the
 * tables, with the notices that clear the caches of every process.
 */

type Words = Readonly<{ name: string; subject: string | null; content: string; createdBy?: string }>;

/** Adds the next version of a template; returns its number. Messages accepted before keep the version they had. */
export async function addTemplateVersion(
  db: Db,
  templateId: string,
  { createdBy = platformUserId, ...words }: Words,
  at: Date,
): Promise<number> {
  return await change(db, templateId, { ...words, priority: false }, createdBy, at);
}

/**
 * Archives a template or brings it back: a new version with the same text (spec 02, section 10.7). Nothing changes if it
 * is so already.
 */
export async function setTemplateArchived(
  db: Db,
  id: string,
  archived: boolean,
  at: Date = new Date(),
): Promise<void> {
  await change(db, id, { archived }, platformUserId, at);
}

async function change(db: Db, id: string, words: Partial<TemplateText>, createdBy: string, at: Date) {
  const { service_id: serviceId } = await db
    .selectFrom('templates')
    .select('service_id')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const current = (await findWrittenTemplate(db, serviceId, id, null))!;
  const { name, subject, content, priority, hasUnsubscribeLink, archived, version } = current;
  if (words.archived === archived) return version;
  const text = { name, subject, content, priority, hasUnsubscribeLink, archived, ...words };
  return (await changeTemplate(db, { id, version, text, createdBy }, at))!;
}

export async function revokeKey(db: Db, serviceId: string, id: string, at: Date): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ expires_at: at })
    .where('id', '=', id)
    .where('service_id', '=', serviceId)
    .execute();
  await announceChange(db, 'key', serviceId);
}

/** Archives a service or restores it. */
export async function setServiceActive(db: Db, id: string, active: boolean): Promise<void> {
  await db.updateTable('services').set({ active }).where('id', '=', id).execute();
  await announceChange(db, 'service', id);
}

/** Adds recipients to the guest list: team keys and services in trial mode may send to them. */
export async function addGuests(db: Db, serviceId: string, recipients: readonly string[]): Promise<void> {
  await db
    .insertInto('service_guest_list')
    .values(recipients.map((recipient) => ({ id: randomUUID(), service_id: serviceId, recipient })))
    .execute();
  await announceChange(db, 'service', serviceId);
}

/** Makes a user a member of the service's team. */
export async function addTeamMember(db: Db, serviceId: string, userId: string): Promise<void> {
  await db.insertInto('service_users').values({ service_id: serviceId, user_id: userId }).execute();
  await announceChange(db, 'service', serviceId);
}

/** Changes how much a service may send. */
export async function setLimits(
  db: Db,
  id: string,
  { rateLimit, limits = {} }: Readonly<{ rateLimit?: number; limits?: Partial<Record<DailyLimit, number>> }>,
): Promise<void> {
  await sql`
    update services set rate_limit = coalesce(${rateLimit ?? null}, rate_limit),
      sms_limit = coalesce(${limits.sms ?? null}, sms_limit),
      email_limit = coalesce(${limits.email ?? null}, email_limit),
      letter_limit = coalesce(${limits.letter ?? null}, letter_limit),
      international_sms_limit = coalesce(${limits.international_sms ?? null}, international_sms_limit)
    where id = ${id}`.execute(db);
  await announceChange(db, 'service', id);
}
