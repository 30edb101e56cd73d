import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';

/** A folder of a service's templates (spec 04, section 5.6). */
export type TemplateFolder = Readonly<{
  id: string;
  serviceId: string;
  name: string;
  /** null: at the top. */
  parentId: string | null;
  /** Active members of the service who may use it, sorted by id. */
  users: readonly string[];
}>;

/** A service's folders by name. `id`: only this one. */
export async function findFolders(
  db: DbOrTrx,
  serviceId: string,
  id: string | null = null,
): Promise<readonly TemplateFolder[]> {
  const { rows } = await sql<TemplateFolder>`
    select f.id, f.service_id as "serviceId", f.name, f.parent_id as "parentId",
      array(
        select fu.user_id::text from template_folder_users fu join users u on u.id = fu.user_id and u.state = 'active'
        where fu.folder_id = f.id order by 1
      ) as users
    from template_folders f where f.service_id = ${serviceId} ${id === null ? sql`` : sql`and f.id = ${id}`}
    order by lower(f.name) collate "C", f.name collate "C", f.id`.execute(db);
  return rows;
}

/** Whether the service has the folder; then nobody can delete it before the transaction ends. */
export async function holdFolder(trx: Trx, serviceId: string, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from template_folders where id = ${id} and service_id = ${serviceId} for key share`.execute(trx);
  return rows.length > 0;
}

/** Adds a folder for those who may use the one that it is in; at the top, for all active members of the service. */
export async function addFolder(
  trx: Trx,
  { id, serviceId, name, parentId }: Omit<TemplateFolder, 'users'>,
  at: Date,
): Promise<void> {
  await sql`
    insert into template_folders (id, service_id, name, parent_id, created_at)
    values (${id}, ${serviceId}, ${name}, ${parentId}, ${at})`.execute(trx);
  const users =
    parentId === null
      ? sql`select m.user_id from service_users m join users u on u.id = m.user_id
          where m.service_id = ${serviceId} and u.state = 'active'`
      : sql`select m.user_id from service_users m join template_folder_users fu on fu.user_id = m.user_id
          where m.service_id = ${serviceId} and fu.folder_id = ${parentId}`;
  await addFolderUsers(trx, serviceId, id, users);
}

/** Adds users to a folder; returns how many. They stay members until the transaction ends. */
async function addFolderUsers(
  trx: Trx,
  serviceId: string,
  id: string,
  users: RawBuilder<unknown>,
): Promise<number> {
  const { numAffectedRows } = await sql`
    insert into template_folder_users (folder_id, service_id, user_id)
    select ${id}, ${serviceId}, user_id from (${users} order by m.user_id for key share of m) found`.execute(
    trx,
  );
  return Number(numAffectedRows);
}

/** Lets a member use more folders; those that the service lacks are ignored. */
export async function addToFolders(
  trx: Trx,
  serviceId: string,
  userId: string,
  folderIds: readonly string[],
): Promise<void> {
  await sql`
    insert into template_folder_users (folder_id, service_id, user_id)
    select id, ${serviceId}, ${userId} from (
      select id from template_folders where service_id = ${serviceId} and id = any(${[...folderIds]}::uuid[])
      order by id for key share) held
    on conflict do nothing`.execute(trx);
}

/** Renames a folder that the transaction has locked. */
export async function renameFolder(trx: Trx, id: string, name: string): Promise<void> {
  await sql`update template_folders set name = ${name} where id = ${id}`.execute(trx);
}

/** Replaces those who may use a folder. Returns false if one of them is no active member of the service. */
export async function setFolderUsers(
  trx: Trx,
  serviceId: string,
  id: string,
  users: readonly string[],
): Promise<boolean> {
  await sql`delete from template_folder_users where folder_id = ${id}`.execute(trx);
  const wanted = [...new Set(users)];
  const members = sql`select m.user_id from service_users m join users u on u.id = m.user_id
    where m.service_id = ${serviceId} and u.state = 'active' and m.user_id = any(${wanted}::uuid[])`;
  return (await addFolderUsers(trx, serviceId, id, members)) === wanted.length;
}

/** Deletes a folder that the transaction has locked. Returns false if there is anything in it. */
export async function deleteFolder(trx: Trx, id: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from template_folders f where f.id = ${id}
      and not exists (select from templates t where t.folder_id = f.id)
      and not exists (select from template_folders child where child.parent_id = f.id)`.execute(trx);
  return Number(numAffectedRows) > 0;
}

/** A service's folders, each with the one that it is in, locked until the transaction ends so that none can move. */
export async function lockFolders(trx: Trx, serviceId: string): Promise<ReadonlyMap<string, string | null>> {
  const { rows } = await sql<{ id: string; parentId: string | null }>`
    select id, parent_id as "parentId" from template_folders where service_id = ${serviceId}
    order by id for update`.execute(trx);
  return new Map(rows.map(({ id, parentId }) => [id, parentId]));
}

/** Moves locked folders into another; null: to the top. */
export async function moveFolders(trx: Trx, ids: readonly string[], parentId: string | null): Promise<void> {
  await sql`update template_folders set parent_id = ${parentId} where id = any(${[...ids]}::uuid[])`.execute(
    trx,
  );
}

/**
 * Moves a service's templates into a folder; null: to the top. Archived ones stay where they are. Returns which of them
 * the service has, and which moved.
 */
export async function moveTemplates(
  trx: Trx,
  serviceId: string,
  ids: readonly string[],
  folderId: string | null,
): Promise<Readonly<{ found: readonly string[]; moved: readonly string[] }>> {
  const { rows: locked } = await sql<{ id: string }>`
    select id from templates
    where service_id = ${serviceId} and not hidden and id = any(${[...ids]}::uuid[]) order by id for update`.execute(
    trx,
  );
  const { rows: moved } = await sql<{ id: string }>`
    update templates set folder_id = ${folderId}
    where id = any(${locked.map(({ id }) => id)}::uuid[]) and not archived and folder_id is distinct from ${folderId}::uuid
    returning id`.execute(trx);
  return { found: locked.map(({ id }) => id), moved: moved.map(({ id }) => id) };
}
