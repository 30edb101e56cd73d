import { sql } from 'kysely';
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

/** One version of a template as it was written. */
export type WrittenTemplate = Readonly<{
  id: string;
  type: NotificationType;
  name: string;
  subject: string | null;
  content: string;
  version: number;
  /** When the template was created. */
  createdAt: Date;
  /** When this version was created; null for the first. */
  updatedAt: Date | null;
  /** Email address of the user who wrote this version. */
  author: string;
}>;

const written = sql`
  t.id, t.template_type as type, v.name, v.subject, v.content, v.version, t.created_at as "createdAt",
  case when v.version > 1 then v.created_at end as "updatedAt", u.email_address as author
  from templates t join template_versions v on v.template_id = t.id join users u on u.id = v.created_by`;

/**
 * A version of a service's template, archived or not. `version` null means the current one. Hidden templates are not
 * found.
 */
export async function findWrittenTemplate(
  db: DbOrTrx,
  serviceId: string,
  id: string,
  version: number | null,
): Promise<WrittenTemplate | null> {
  const { rows } = await sql<WrittenTemplate>`
    select ${written}
    where t.id = ${id} and t.service_id = ${serviceId} and not t.hidden
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
    })
    .execute();
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
      update templates set archived = true, version = version + 1, created_by = ${createdBy}, updated_at = ${at}
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

/** One version of a template for the history of its service. */
export type TemplateHistory = WrittenTemplate &
  Readonly<{ archived: boolean; priority: boolean; authorId: string; authorName: string }>;

/** At most `limit` versions of all templates of a service, those made last, in the order in which they were made. */
export async function findTemplateHistory(
  db: DbOrTrx,
  serviceId: string,
  limit: number,
): Promise<readonly TemplateHistory[]> {
  const { rows } = await sql<TemplateHistory>`
    select * from (
      select t.id, t.template_type as type, v.name, v.subject, v.content, v.version, v.archived, v.priority,
        t.created_at as "createdAt", case when v.version > 1 then v.created_at end as "updatedAt",
        u.email_address as author, u.id as "authorId", u.name as "authorName", v.created_at as at
      from templates t join template_versions v on v.template_id = t.id join users u on u.id = v.created_by
      where t.service_id = ${serviceId} and not t.hidden
      order by at desc, t.id, v.version desc limit ${limit}
    ) newest order by at, id, version`.execute(db);
  return rows;
}
