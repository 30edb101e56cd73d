import type { NotificationType } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import type { AdminCall } from '../admin-call.ts';
import { ask, askAll, refusal } from '../ask.ts';
import type { KeptTemplate, TemplateText } from './file-format.ts';

/** A service's templates that are not deleted, by id, and its folders. */
export type Server = Readonly<{
  serviceId: string;
  templates: ReadonlyMap<string, KeptTemplate>;
  folders: readonly Folder[];
}>;

export type Folder = Readonly<{ id: string; name: string; parent_id: string | null }>;

/** What became of a change. `stale`: the template has another version by now, which it shows. */
export type Change =
  | Readonly<{ outcome: 'done' | 'stale'; template: KeptTemplate }>
  | Readonly<{ outcome: 'refused'; why: string }>;

/** A template as the admin API shows it (spec 04, section 5); the fields that are used. */
type Shown = Readonly<{
  id: string;
  name: string;
  template_type: NotificationType;
  subject: string | null;
  content: string;
  version: number;
  archived: boolean;
  process_type: 'normal' | 'priority';
  has_unsubscribe_link: boolean;
  folder: string | null;
}>;

/** Throws a ConfigError if the API refuses. */
export async function readServer(call: AdminCall, serviceId: string): Promise<Server> {
  const base = `/service/${serviceId}`;
  type Folders = Readonly<{ template_folders: readonly Folder[] }>;
  const { template_folders: folders } = await ask<Folders>(call, 'GET', `${base}/template-folder`);
  const shown = (await askAll(call, `${base}/template`)) as readonly Shown[];
  const templates = new Map(shown.map((one) => [one.id, keptOf(one, folders)] as const));
  return { serviceId, templates, folders };
}

/** What a file's id means to a service that does not list it. */
export async function fateOf(
  call: AdminCall,
  serviceId: string,
  id: string,
): Promise<'deleted' | 'unknown' | 'live'> {
  const { status, body } = await call('GET', `/service/${serviceId}/template/${id}`);
  if (status !== 200) return 'unknown';
  return (body as { data: Shown }).data.archived ? 'deleted' : 'live';
}

export async function createTemplate(
  call: AdminCall,
  { serviceId, folders }: Server,
  template: TemplateText,
): Promise<Change> {
  const folder = folderIn(folders, template.folder);
  if (folder === undefined) return noFolder(template.folder);
  const body = { ...bodyOf(template), parent_folder_id: folder };
  return changeOf(await call('POST', `/service/${serviceId}/template`, body), folders);
}

/** Changes the version that is named and no other. Leaves the template in its folder. */
export async function updateTemplate(
  call: AdminCall,
  { serviceId, folders }: Server,
  id: string,
  asked: Readonly<{ version: number; template: TemplateText | 'archive' }>,
): Promise<Change> {
  const { version, template } = asked;
  const fields = template === 'archive' ? { archived: true } : bodyOf(template);
  const body = { ...fields, version, created_by: platformUserId };
  return changeOf(await call('POST', `/service/${serviceId}/template/${id}`, body), folders);
}

/** Moves a template to the folder that a file names. Returns why not; null if it is there. */
export async function moveTemplate(
  call: AdminCall,
  { serviceId, folders }: Server,
  id: string,
  written: string | null,
): Promise<string | null> {
  const folder = folderIn(folders, written);
  if (folder === undefined) return noFolder(written).why;
  const path = `/service/${serviceId}/template-folder/${folder === null ? '' : `${folder}/`}contents`;
  const { status, body } = await call('POST', path, { templates: [id], folders: [] });
  return status < 400 ? null : refusal(status, body);
}

/**
 * The path of a folder: the names of those that it is in and its own, separated by slashes. A slash in a name has a
 * backslash before it. Where several folders have the same path, it is the folder's id.
 */
export function pathOf(folders: readonly Folder[], id: string): string {
  const path = fullPath(folders, id);
  return folders.some((other) => other.id !== id && fullPath(folders, other.id) === path) ? id : path;
}

/** The id of the folder that a file names; null for none, undefined if the service has no such folder. */
export function folderIn(folders: readonly Folder[], written: string | null): string | null | undefined {
  if (written === null) return null;
  const id = parseUuid(written);
  return folders.find((one) => one.id === id || pathOf(folders, one.id) === written)?.id;
}

/** A folder as a file names it, in the one form in which files and the server can be compared. */
export function knownFolder(folders: readonly Folder[], written: string | null): string | null {
  const id = folderIn(folders, written);
  return id ? pathOf(folders, id) : written;
}

function fullPath(folders: readonly Folder[], id: string): string {
  const found = folders.find((one) => one.id === id);
  if (!found) return id;
  const name = found.name.replace(/[\\/]/g, '\\$&');
  return found.parent_id === null ? name : `${fullPath(folders, found.parent_id)}/${name}`;
}

function noFolder(path: string | null) {
  return {
    outcome: 'refused',
    why: `the service has no folder "${path}", or several: name it by its id`,
  } as const;
}

function keptOf(shown: Shown, folders: readonly Folder[]): KeptTemplate {
  return {
    ...{ id: shown.id, version: shown.version, name: shown.name, type: shown.template_type },
    ...{ subject: shown.subject, content: shown.content, unsubscribe: shown.has_unsubscribe_link },
    priority: shown.process_type === 'priority',
    folder: shown.folder === null ? null : pathOf(folders, shown.folder),
  };
}

function bodyOf({ name, type, subject, content, priority, unsubscribe }: TemplateText) {
  return {
    ...{ name, template_type: type, content, process_type: priority ? 'priority' : 'normal' },
    ...(type === 'email' && { subject, has_unsubscribe_link: unsubscribe }),
    created_by: platformUserId,
  };
}

function changeOf({ status, body }: Awaited<ReturnType<AdminCall>>, folders: readonly Folder[]): Change {
  if (status >= 400 && status !== 409) return { outcome: 'refused', why: refusal(status, body) };
  const template = keptOf((body as { data: Shown }).data, folders);
  return { outcome: status === 409 ? 'stale' : 'done', template };
}
