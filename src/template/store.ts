import { announceChange, type Cache, type Caches } from '../database/cache.ts';
import type { Db, DbOrTrx } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import { type Content, compileContent } from './content.ts';

/** One version of a template, parsed. Never changes. */
export type TemplateVersion = Readonly<{
  templateId: string;
  version: number;
  name: string;
  /** Messages of it overtake others of their type. */
  priority: boolean;
  content: Content;
}>;

/** A template and its current version. */
export type Template = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  archived: boolean;
  hidden: boolean;
  current: TemplateVersion;
}>;

const cacheName = 'template';

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
    current: Object.freeze({
      templateId: row.id,
      version: row.version,
      name: row.name,
      priority: row.priority,
      content: compileContent(row.template_type, row.subject, row.content),
    }),
  });
}

/** Any version, also one that is no longer current. `key` is `<template id>/<version>`. */
async function findVersion(db: DbOrTrx, key: string): Promise<TemplateVersion | null> {
  const [templateId = '', version = ''] = key.split('/');
  const row = await db
    .selectFrom('template_versions as v')
    .innerJoin('templates as t', 't.id', 'v.template_id')
    .select([
      'v.template_id',
      'v.version',
      'v.name',
      'v.subject',
      'v.content',
      'v.priority',
      't.template_type',
    ])
    .where('v.template_id', '=', templateId)
    .where('v.version', '=', Number(version))
    .executeTakeFirst();
  if (!row) return null;
  return Object.freeze({
    templateId: row.template_id,
    version: row.version,
    name: row.name,
    priority: row.priority,
    content: compileContent(row.template_type, row.subject, row.content),
  });
}

export type TemplateCaches = Readonly<{
  /** By template id: with its current version. */
  templates: Cache<Template | null>;
  version(templateId: string, version: number): Promise<TemplateVersion | null>;
}>;

const day = 86_400_000;

export function createTemplateCaches(db: Db, caches: Caches): TemplateCaches {
  const templates = caches.create({
    name: cacheName,
    load: (id) => findTemplate(db, id),
    maxAgeMilliseconds: 2000,
  });
  // A version never changes, so it is kept for as long as there is room; that there is none is not kept for long.
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

export type NewTemplate = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  name: string;
  subject: string | null;
  content: string;
  priority?: boolean;
  hidden?: boolean;
}>;

/** Adds a template in version 1; one whose id exists already is left as it is. */
export async function addTemplate(db: DbOrTrx, template: NewTemplate): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('templates')
    .values({
      id: template.id,
      service_id: template.serviceId,
      template_type: template.type,
      version: 1,
      hidden: template.hidden ?? false,
      updated_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirstOrThrow();
  if (Number(numInsertedOrUpdatedRows) === 0) return;
  await db
    .insertInto('template_versions')
    .values(versionRow(template.id, 1, template))
    .execute();
}

/** Gives a template new words, as its next version. Messages accepted before keep theirs. */
export async function addTemplateVersion(
  db: DbOrTrx,
  templateId: string,
  words: Pick<NewTemplate, 'name' | 'subject' | 'content' | 'priority'>,
  at: Date,
): Promise<number> {
  const { version } = await db
    .updateTable('templates')
    .set((row) => ({ version: row('version', '+', 1), updated_at: at }))
    .where('id', '=', templateId)
    .returning('version')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('template_versions')
    .values(versionRow(templateId, version, words))
    .execute();
  await announceChange(db, cacheName, templateId);
  return version;
}

function versionRow(
  templateId: string,
  version: number,
  words: Pick<NewTemplate, 'name' | 'subject' | 'content' | 'priority'>,
) {
  const { name, subject, content, priority = false } = words;
  return { template_id: templateId, version, name, subject, content, priority };
}

export async function setTemplateArchived(db: DbOrTrx, id: string, archived: boolean): Promise<void> {
  await db.updateTable('templates').set({ archived }).where('id', '=', id).execute();
  await announceChange(db, cacheName, id);
}
