import { type RawBuilder, sql } from 'kysely';
import { announceChange, type Cache, type Caches } from '../../database/cache.ts';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import { compileContent, type Template, type TemplateVersion } from './template.ts';

const cacheName = 'template';

/** A template of any service with its current version, archived and hidden ones too; null when there is none. */
export async function findTemplate(db: DbOrTrx, id: string): Promise<Template | null> {
  const row = await db
    .selectFrom('templates as t')
    .innerJoin('template_versions as v', (join) =>
      join.onRef('v.template_id', '=', 't.id').onRef('v.version', '=', 't.version'),
    )
    .select([
      't.id',
      't.service_id',
      't.template_type',
      't.archived',
      't.hidden',
      'v.version',
      'v.name',
      'v.subject',
      'v.content',
      'v.priority',
      'v.has_unsubscribe_link',
    ])
    .where('t.id', '=', id)
    .executeTakeFirst();
  if (!row) return null;
  return Object.freeze({
    id: row.id,
    serviceId: row.service_id,
    type: row.template_type,
    archived: row.archived,
    hidden: row.hidden,
    current: parseVersion(row),
  });
}

/** Any version, current or not; null when there is none. `key` is `<template id>/<version>`. */
async function findVersion(db: DbOrTrx, key: string): Promise<TemplateVersion | null> {
  const [templateId = '', version = ''] = key.split('/');
  const row = await db
    .selectFrom('template_versions as v')
    .innerJoin('templates as t', 't.id', 'v.template_id')
    .select([
      't.id',
      't.template_type',
      'v.version',
      'v.name',
      'v.subject',
      'v.content',
      'v.priority',
      'v.has_unsubscribe_link',
    ])
    .where('v.template_id', '=', templateId)
    .where('v.version', '=', Number(version))
    .executeTakeFirst();
  return row ? parseVersion(row) : null;
}

function parseVersion(row: {
  id: string;
  template_type: NotificationType;
  version: number;
  name: string;
  subject: string | null;
  content: string;
  priority: boolean;
  has_unsubscribe_link: boolean;
}): TemplateVersion {
  return Object.freeze({
    templateId: row.id,
    version: row.version,
    name: row.name,
    priority: row.priority,
    hasUnsubscribeLink: row.template_type === 'email' && row.has_unsubscribe_link,
    content: compileContent(row.template_type, row.subject, row.content),
  });
}

export type TemplateCaches = Readonly<{
  /** By template id. */
  templates: Cache<Template | null>;
  /** Any version of a template; null when there is none. */
  version(templateId: string, version: number): Promise<TemplateVersion | null>;
}>;

const day = 86_400_000;

/** Caches of templates (at most 2 seconds old) and of their versions, which never change. */
export function createTemplateCaches(db: Db, caches: Caches): TemplateCaches {
  const templates = caches.create({
    name: cacheName,
    load: (id) => findTemplate(db, id),
    maxAgeMilliseconds: 2000,
  });
  // A version never changes, so it is kept while there is room. A version that was not found is not kept at all.
  const versions = caches.create({
    name: `${cacheName} version`,
    load: (key) => findVersion(db, key),
    maxAgeMilliseconds: day,
    limit: 2000,
  });
  return {
    templates,
    async version(templateId, version) {
      const key = `${templateId}/${version}`;
      const found = await versions.get(key);
      if (!found) versions.drop(key);
      return found;
    },
  };
}

/** What people write in a template. */
export type TemplateText = Readonly<{
  name: string;
  subject: string | null;
  content: string;
  priority: boolean;
  /** Emails only. */
  hasUnsubscribeLink: boolean;
  archived: boolean;
}>;

/** One version of a template as it was written, and what is true of the template now. */
export type WrittenTemplate = TemplateText &
  Readonly<{
    id: string;
    serviceId: string;
    type: NotificationType;
    version: number;
    /** When the template was created. */
    createdAt: Date;
    /** When this version was created; null for the first. */
    updatedAt: Date | null;
    /** The user who wrote this version. */
    author: Readonly<{ id: string; name: string; email_address: string }>;
    folderId: string | null;
    /** Whether web pages hide the values in its messages (spec 02, section 10.6). */
    redacted: boolean;
  }>;

const written = sql`
  t.id, t.service_id as "serviceId", t.template_type as type, v.name, v.subject, v.content, v.priority,
  v.has_unsubscribe_link as "hasUnsubscribeLink", v.version, t.created_at as "createdAt",
  case when v.version = t.version then t.archived else v.archived end as archived,
  case when v.version > 1 then v.created_at end as "updatedAt", t.folder_id as "folderId",
  t.redacted_at is not null as redacted,
  json_build_object('id', u.id, 'name', u.name, 'email_address', u.email_address) as author
  from templates t join template_versions v on v.template_id = t.id join users u on u.id = v.created_by`;

/** Whether hidden templates count: only those who may change the platform's own see them. */
export type Sight = Readonly<{ hidden: boolean }>;
const usual: Sight = { hidden: false };
const seen = ({ hidden }: Sight) => (hidden ? sql`true` : sql`not t.hidden`);

/** A version of a service's template, archived or not. `version` null means the current one. */
export async function findWrittenTemplate(
  db: DbOrTrx,
  serviceId: string,
  id: string,
  version: number | null,
  sight: Sight = usual,
): Promise<WrittenTemplate | null> {
  const { rows } = await sql<WrittenTemplate>`
    select ${written}
    where t.id = ${id} and t.service_id = ${serviceId} and ${seen(sight)}
      and v.version = ${version === null ? sql`t.version` : version}`.execute(db);
  return rows[0] ?? null;
}

/**
 * The current versions of a service's templates, by name, then type, without archived and hidden ones. `type` null
 * means every type.
 */
export async function findWrittenTemplates(
  db: DbOrTrx,
  serviceId: string,
  type: string | null,
): Promise<readonly WrittenTemplate[]> {
  const { rows } = await sql<WrittenTemplate>`
    select ${written}
    where t.service_id = ${serviceId} and not t.hidden and not t.archived and v.version = t.version
      ${type === null ? sql`` : sql`and t.template_type = ${type}`}
    order by lower(v.name) collate "C", v.name collate "C",
      array_position(array['sms', 'email', 'letter'], t.template_type), t.id`.execute(db);
  return rows;
}

export type NewTemplate = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  name: string;
  subject: string | null;
  content: string;
  priority?: boolean;
  /** Emails only. */
  hasUnsubscribeLink?: boolean;
  hidden?: boolean;
  /** Id of the user who wrote it. Default: the platform's own user. */
  createdBy?: string;
  /** A folder of the same service. */
  folderId?: string | null;
  /** Default: now. */
  createdAt?: Date;
}>;

/** Adds a template as version 1. A template whose id exists already is not changed. */
export async function addTemplate(db: DbOrTrx, template: NewTemplate): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('templates')
    .values({
      id: template.id,
      service_id: template.serviceId,
      template_type: template.type,
      version: 1,
      hidden: template.hidden ?? false,
      created_by: template.createdBy ?? platformUserId,
      updated_at: null,
      folder_id: template.folderId ?? null,
      ...(template.createdAt && { created_at: template.createdAt }),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirstOrThrow();
  if (Number(numInsertedOrUpdatedRows) === 0) return;
  await db
    .insertInto('template_versions')
    .values({
      template_id: template.id,
      version: 1,
      name: template.name,
      subject: template.subject,
      content: template.content,
      priority: template.priority ?? false,
      has_unsubscribe_link: template.hasUnsubscribeLink ?? false,
      created_by: template.createdBy ?? platformUserId,
      ...(template.createdAt && { created_at: template.createdAt }),
    })
    .execute();
}

/**
 * Writes the next version of a template; messages accepted before keep the version that they had. `version`: the one
 * that `text` was made from. Returns the new number, or null if the template has another version by now, and then
 * changes nothing. An archived template is in no folder (spec 02, section 10.7).
 */
export async function changeTemplate(
  db: DbOrTrx,
  { id, version, text, createdBy }: TemplateChange,
  at: Date,
): Promise<number | null> {
  const { rows } = await sql<{ version: number }>`
    with template as (
      update templates set version = version + 1, archived = ${text.archived}, updated_at = ${at}, created_by = ${createdBy},
        folder_id = case when ${text.archived} then null else folder_id end
      where id = ${id} and version = ${version} returning id, version
    )
    insert into template_versions
      (template_id, version, name, subject, content, priority, has_unsubscribe_link, archived, created_by, created_at)
    select id, version, ${text.name}, ${text.subject}, ${text.content}, ${text.priority}, ${text.hasUnsubscribeLink},
      ${text.archived}, ${createdBy}, ${at}
    from template returning version`.execute(db);
  if (rows.length > 0) await announceChange(db, cacheName, id);
  return rows[0]?.version ?? null;
}

export type TemplateChange = Readonly<{ id: string; version: number; text: TemplateText; createdBy: string }>;

/**
 * From now on web pages hide the values in a template's messages; there is no way back (spec 02, section 10.6). Returns
 * false if it is so already.
 */
export async function redactTemplate(db: DbOrTrx, id: string, userId: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('templates')
    .set({ redacted_at: at, redacted_by: userId })
    .where('id', '=', id)
    .where('redacted_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Most bytes of text on one page, which has at least one template. */
const pageBytes = 16_000_000;

/** `isCut`: there are more, which did not fit. */
export type TemplatePage = Readonly<{ templates: readonly WrittenTemplate[]; isCut: boolean }>;

/** A service's templates, archived or not, newest first. `olderThan`: id of one, or null. */
export function findNewest(
  db: DbOrTrx,
  serviceId: string,
  archived: boolean,
  olderThan: string | null,
  sight: Sight,
): Promise<TemplatePage> {
  return findPage(
    db,
    sql`t.service_id = ${serviceId} and ${seen(sight)} and t.archived = ${archived} and v.version = t.version
      ${olderThan === null ? sql`` : sql`and (t.created_at, t.id) < (select created_at, id from templates where id = ${olderThan})`}`,
    sql`t.created_at desc, t.id desc`,
  );
}

/** The versions of a service's template, highest first. `below`: only those below this number, or null. */
export function findVersions(
  db: DbOrTrx,
  serviceId: string,
  id: string,
  below: number | null,
  sight: Sight,
): Promise<TemplatePage> {
  return findPage(
    db,
    sql`t.id = ${id} and t.service_id = ${serviceId} and ${seen(sight)}
      ${below === null ? sql`` : sql`and v.version < ${below}`}`,
    sql`v.version desc`,
  );
}

async function findPage(
  db: DbOrTrx,
  condition: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
): Promise<TemplatePage> {
  // The sizes are known without reading the texts.
  const { rows } = await sql<WrittenTemplate & { total: number }>`
    select * from (
      select sum(octet_length(v.content) + coalesce(octet_length(v.subject), 0)) over (order by ${order}) as bytes,
        row_number() over (order by ${order}) as place, count(*) over () as total, ${written}
      where ${condition}
    ) page where bytes <= ${pageBytes} or place = 1 order by place`.execute(db);
  return { templates: rows, isCut: rows.length < (rows[0]?.total ?? 0) };
}

/**
 * Archives every template of a service that is not archived yet: each gets a version with the same text (spec 04,
 * section 1.7).
 */
export async function archiveTemplates(
  trx: Trx,
  serviceId: string,
  createdBy: string,
  at: Date,
): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    with template as (
      update templates set archived = true, folder_id = null, version = version + 1, created_by = ${createdBy}, updated_at = ${at}
      where service_id = ${serviceId} and not archived returning id, version
    )
    insert into template_versions (template_id, version, name, subject, content, priority, has_unsubscribe_link, archived,
      created_by, created_at)
    select v.template_id, t.version, v.name, v.subject, v.content, v.priority, v.has_unsubscribe_link, true,
      ${createdBy}, ${at}
    from template t join template_versions v on v.template_id = t.id and v.version = t.version - 1
    returning template_id as id`.execute(trx);
  for (const { id } of rows) await announceChange(trx, cacheName, id);
}

/** At most `limit` versions of all templates of a service, those made last, in the order in which they were made. */
export async function findTemplateHistory(
  db: DbOrTrx,
  serviceId: string,
  limit: number,
): Promise<readonly WrittenTemplate[]> {
  const { rows } = await sql<WrittenTemplate>`
    select * from (
      select v.created_at as at, ${written}
      where t.service_id = ${serviceId} and not t.hidden
      order by at desc, t.id, v.version desc limit ${limit}
    ) newest order by at, id, version`.execute(db);
  return rows;
}
