import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import type { Db, Trx } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, type Refinement, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { moveRefusal } from './folder.ts';
import {
  addFolder,
  deleteFolder,
  findFolders,
  holdFolder,
  lockFolders,
  moveFolders,
  moveTemplates,
  renameFolder,
  setFolderUsers,
  type TemplateFolder,
} from './store-folders.ts';

export type FolderRouteDeps = Readonly<{ db: Db; clock: Clock; services: Cache<Service | null> }>;

const name = Type.String({ maxLength: 255, format: 'text' });
const users = Type.Array(uuid(), { description: 'Active members of the service who may use it.' });

const folder = Type.Object(
  {
    id: uuid(),
    name: Type.String(),
    parent_id: orNull(uuid(), 'The folder that it is in; null: at the top.'),
    service_id: uuid(),
    users_with_permission: users,
  },
  { $id: 'TemplateFolder' },
);

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_templates',
  errors: adminSchemaErrors,
  async before({ services }: FolderRouteDeps, { params }: { params: { service_id: string } }) {
    if (!(await services.get(params.service_id))) throw noResultFound();
  },
} as const;
const base = `/service/${uuidPart('service_id')}/template-folder`;
const byId = `${base}/${uuidPart('template_folder_id')}`;
const ofService = Type.Object({ service_id: uuid() });
const withId = Type.Object({ service_id: uuid(), template_folder_id: uuid() });
const one = { description: 'The folder.', schema: Type.Object({ data: folder }) };
const invalid = { description: 'The body is invalid, or names a folder or template that the service lacks.' };
const notFound = { description: 'There is no such service, folder or member.' };

/** The API has no folder without a name. */
function refuseBlank(body: Readonly<Record<string, unknown>>): readonly Refinement[] {
  const isBlank = typeof body['name'] === 'string' && body['name'].trim() === '';
  return isBlank ? [{ field: 'name', text: 'may not be blank' }] : [];
}

const list = defineRoute({
  ...common,
  permission: 'member',
  before: async () => undefined,
  method: 'GET',
  path: base,
  handlerName: 'template_folder.get_template_folders_for_service',
  summary: 'List the template folders of a service',
  params: ofService,
  answers: {
    200: {
      description: 'The folders by name.',
      schema: Type.Object({ template_folders: Type.Array(folder) }),
    },
  },
  handler: async ({ db }: FolderRouteDeps, { params }) => ({
    template_folders: (await findFolders(db, params.service_id)).map(show),
  }),
});

const create = defineRoute({
  ...common,
  method: 'POST',
  path: base,
  handlerName: 'template_folder.create_template_folder',
  summary: 'Create a template folder',
  description: 'For those who may use the folder that it is in; at the top, for all active members.',
  params: ofService,
  body: Type.Object({ name, parent_id: orNull(uuid()) }),
  example: { name: 'Tides', parent_id: null },
  refine: (_deps, body) => refuseBlank(body),
  answers: { 201: one, 400: invalid, 404: notFound },
  async handler({ db, clock }: FolderRouteDeps, { params: { service_id: serviceId }, body, actorId }) {
    const id = randomUUID();
    const parentId = body.parent_id === null ? null : parseUuid(body.parent_id);
    const at = new Date(clock.now());
    const added = await db.transaction().execute(async (trx) => {
      if (parentId !== null && !(await holdFolder(trx, serviceId, parentId)))
        throw badRequest('parent_id not found');
      await addFolder(trx, { id, serviceId, name: body.name, parentId }, at);
      const created = await find(trx, serviceId, id);
      const data = { before: null, after: show(created) };
      const event = { type: 'create_template_folder', serviceId, userId: actorId, subjectId: id, data };
      await recordEvent(trx, event, at);
      return created;
    });
    return { data: show(added) };
  },
});

const change = defineRoute({
  ...common,
  method: 'POST',
  path: byId,
  handlerName: 'template_folder.update_template_folder',
  summary: 'Rename a template folder, or set who may use it',
  params: withId,
  body: Type.Object({ name, users_with_permission: Type.Optional(users) }),
  refine: (_deps, body) => refuseBlank(body),
  answers: { 200: one, 400: invalid, 404: notFound },
  async handler({ db, clock }: FolderRouteDeps, { params, body, actorId }) {
    const { service_id: serviceId, template_folder_id: id } = params;
    const at = new Date(clock.now());
    const changed = await db.transaction().execute(async (trx) => {
      await lockFolders(trx, serviceId);
      const before = await find(trx, serviceId, id);
      await renameFolder(trx, id, body.name);
      const wanted = body.users_with_permission?.map((user) => parseUuid(user)!);
      if (wanted && !(await setFolderUsers(trx, serviceId, id, wanted))) throw noResultFound();
      const after = await find(trx, serviceId, id);
      const data = { before: show(before), after: show(after) };
      const event = { type: 'update_template_folder', serviceId, userId: actorId, subjectId: id, data };
      await recordEvent(trx, event, at);
      return after;
    });
    return { data: show(changed) };
  },
});

const remove = defineRoute({
  ...common,
  method: 'DELETE',
  path: byId,
  handlerName: 'template_folder.delete_template_folder',
  summary: 'Delete an empty template folder',
  params: withId,
  answers: { 204: { description: 'Deleted.' }, 400: { description: 'It is not empty.' }, 404: notFound },
  async handler({ db, clock }: FolderRouteDeps, { params, actorId }) {
    const { service_id: serviceId, template_folder_id: id } = params;
    await db.transaction().execute(async (trx) => {
      await lockFolders(trx, serviceId);
      const before = show(await find(trx, serviceId, id));
      if (!(await deleteFolder(trx, id))) throw badRequest('Folder is not empty');
      const event = { type: 'delete_template_folder', serviceId, userId: actorId, subjectId: id };
      await recordEvent(trx, { ...event, data: { before, after: null } }, new Date(clock.now()));
    });
  },
});

const contents = Type.Object({ templates: Type.Array(uuid()), folders: Type.Array(uuid()) });
const moving = {
  ...common,
  method: 'POST',
  body: contents,
  example: { templates: ['{sms_template_id}'], folders: [] },
  answers: { 204: { description: 'Moved.' }, 400: invalid, 404: notFound },
} as const;

const moveToTop = defineRoute({
  ...moving,
  path: `${base}/contents`,
  handlerName: 'template_folder.move_to_root',
  summary: 'Move templates and folders out of all folders',
  description: 'Deleted templates are left out.',
  params: ofService,
  handler: (deps: FolderRouteDeps, { params, body, actorId }) =>
    move(deps, params.service_id, null, body, actorId),
});

const moveToFolder = defineRoute({
  ...moving,
  path: `${byId}/contents`,
  handlerName: 'template_folder.move_to_template_folder',
  summary: 'Move templates and folders into a folder',
  description: 'Deleted templates are left out.',
  params: withId,
  handler: (deps: FolderRouteDeps, { params, body, actorId }) =>
    move(deps, params.service_id, params.template_folder_id, body, actorId),
});

/** Template folders (spec 04, section 5.6). */
export const folderRoutes = [list, create, change, remove, moveToTop, moveToFolder];

async function move(
  { db, clock }: FolderRouteDeps,
  serviceId: string,
  target: string | null,
  body: Static<typeof contents>,
  actorId: string | null,
): Promise<void> {
  const folders = body.folders.map((id) => parseUuid(id)!);
  const templates = body.templates.map((id) => parseUuid(id)!);
  await db.transaction().execute(async (trx) => {
    const parents = await lockFolders(trx, serviceId);
    if (target !== null && !parents.has(target)) throw noResultFound();
    const refusal = moveRefusal(parents, serviceId, folders, target);
    if (refusal !== null) throw badRequest(refusal);
    await moveFolders(trx, folders, target);
    const { found, moved } = await moveTemplates(trx, serviceId, templates, target);
    const known = new Set(found);
    const unknown = templates.find((id) => !known.has(id));
    if (unknown !== undefined)
      throw badRequest(
        `Could not move to folder: No template found with id ${unknown} for service ${serviceId}`,
      );
    const movedFolders = folders.filter((id) => parents.get(id) !== target);
    if (moved.length + movedFolders.length === 0) return;
    const data = { after: { folder: target, templates: moved, folders: movedFolders } };
    const event = { type: 'move_to_template_folder', serviceId, userId: actorId, subjectId: target };
    await recordEvent(trx, { ...event, data }, new Date(clock.now()));
  });
}

/** Throws a Problem (404) if the service has no such folder. */
async function find(trx: Trx, serviceId: string, id: string): Promise<TemplateFolder> {
  const [found] = await findFolders(trx, serviceId, id);
  if (!found) throw noResultFound();
  return found;
}

function show({ id, name, parentId, serviceId, users }: TemplateFolder): Static<typeof folder> {
  return { id, name, parent_id: parentId, service_id: serviceId, users_with_permission: [...users] };
}
