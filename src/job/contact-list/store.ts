import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { findPieces } from '../upload/store.ts';
import type { ContactList, ContactListRecord } from './contact-list.ts';

const columns = sql`c.id, c.service_id as "serviceId", c.template_type as "templateType",
  c.original_file_name as "originalFileName", c.header, c.filled_width as "filledWidth", c.row_count as "rowCount", c.bytes,
  c.created_by as "createdBy", c.created_at as "createdAt", c.archived_at as "archivedAt"`;

/** Since when jobs count as recent, by the type of the list. */
export type Recent = Readonly<Record<NotificationType, Date>>;

/** The contact lists of a service that are kept, the newest first; or only the one with this id. */
export async function findContactLists(
  db: DbOrTrx,
  serviceId: string,
  id: string | null,
  recent: Recent,
): Promise<readonly ContactListRecord[]> {
  const { rows } = await sql<ContactListRecord>`
    select ${columns}, u.name as "creatorName", jobs."recentJobCount", jobs."hasJobs"
    from contact_lists c join users u on u.id = c.created_by
    cross join lateral (
      select exists (select from jobs j where j.contact_list_id = c.id) as "hasJobs", (
        select count(*)::int from jobs j where j.contact_list_id = c.id and coalesce(j.processing_started, j.created_at)
          >= case c.template_type when 'sms' then ${recent.sms}::timestamptz else ${recent.email} end
      ) as "recentJobCount"
    ) jobs
    where c.service_id = ${serviceId} and c.archived_at is null ${id === null ? sql`` : sql`and c.id = ${id}`}
    order by c.service_id desc, c.created_at desc, c.id desc`.execute(db);
  return rows;
}

/** A contact list of a service, also one that was deleted; null if it never had one with this id. */
export async function findContactList(
  db: DbOrTrx,
  serviceId: string,
  id: string,
): Promise<ContactList | null> {
  const { rows } = await sql<ContactList>`
    select ${columns} from contact_lists c where c.id = ${id} and c.service_id = ${serviceId}`.execute(db);
  return rows[0] ?? null;
}

/** Until the end of the transaction, no other one adds contact lists to the service. Returns what it keeps. */
export async function lockContactLists(
  trx: Trx,
  serviceId: string,
): Promise<Readonly<{ lists: number; bytes: number }>> {
  await sql`select pg_advisory_xact_lock(hashtextextended('despatch.contact_lists ' || ${serviceId}::text, 0))`.execute(
    trx,
  );
  const { rows } = await sql<{ lists: number; bytes: number }>`
    select count(*)::int as lists, coalesce(sum(bytes), 0)::float8 as bytes from contact_lists
    where service_id = ${serviceId} and archived_at is null`.execute(trx);
  return rows[0]!;
}

/** Bytes of the sealed rows of an upload. */
export async function sizeOfRows(db: DbOrTrx, uploadId: string): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select coalesce(sum(octet_length(records)), 0)::float8 as bytes from upload_rows
    where upload_id = ${uploadId}`.execute(db);
  return rows[0]!.bytes;
}

/** Adds a contact list with a copy of the rows of the upload that has its id, one piece in memory at a time. */
export async function addContactList(trx: Trx, cipher: Cipher, list: ContactList): Promise<void> {
  await trx
    .insertInto('contact_lists')
    .values({
      ...{ id: list.id, service_id: list.serviceId, template_type: list.templateType },
      ...{ original_file_name: list.originalFileName, header: list.header },
      ...{ filled_width: list.filledWidth, row_count: list.rowCount, bytes: list.bytes },
      ...{ created_by: list.createdBy, created_at: list.createdAt, archived_at: list.archivedAt },
    })
    .execute();
  for (let next = 0; next < list.rowCount; ) {
    const [piece] = await findPieces(trx, cipher, list.id, next, next + 1);
    if (piece?.firstRow !== next) throw new Error(`The upload ${list.id} lacks rows.`);
    await trx
      .insertInto('contact_list_rows')
      .values({
        ...{ list_id: list.id, first_row: next, row_count: piece.rowCount },
        records: cipher.seal(piece.records, rowsContext(list.id, next)),
      })
      .execute();
    next += piece.rowCount;
  }
}

/** The records of the piece that begins with a row, as JSON; null if the list has no more, or was deleted. */
export async function findRecordsFrom(
  db: DbOrTrx,
  cipher: Cipher,
  listId: string,
  firstRow: number,
): Promise<Readonly<{ records: string; rowCount: number }> | null> {
  const { rows } = await sql<{ records: Buffer; rowCount: number }>`
    select records, row_count as "rowCount" from contact_list_rows
    where list_id = ${listId} and first_row = ${firstRow}`.execute(db);
  const [found] = rows;
  return found
    ? { rowCount: found.rowCount, records: cipher.open(found.records, rowsContext(listId, firstRow)) }
    : null;
}

/** Until the end of the transaction, the contact list is not deleted. Returns false if it has been. */
export async function holdContactList(trx: Trx, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from contact_lists where id = ${id} and archived_at is null for share`.execute(trx);
  return rows.length > 0;
}

/** Deletes the rows of a contact list, and what else it says of them. Returns false if it has been deleted. */
export async function archiveContactList(
  trx: Trx,
  serviceId: string,
  id: string,
  at: Date,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    update contact_lists set archived_at = ${at}, header = '', bytes = 0
    where id = ${id} and service_id = ${serviceId} and archived_at is null`.execute(trx);
  if (numAffectedRows === 0n) return false;
  await sql`delete from contact_list_rows where list_id = ${id}`.execute(trx);
  return true;
}

function rowsContext(listId: string, firstRow: number): string {
  return `${listId} ${firstRow} contact list`;
}

function headerContext(listId: string): string {
  return `${listId} header contact list`;
}

/** The header of a contact list, as `ContactList` has it. */
export function sealedHeader(cipher: Cipher, listId: string, cells: readonly string[]): Buffer {
  return cipher.seal(JSON.stringify(cells), headerContext(listId));
}

/** The raw cells of the header of a contact list that has not been deleted. */
export function headerOf(
  cipher: Cipher,
  { id, header }: Pick<ContactList, 'id' | 'header'>,
): readonly string[] {
  return JSON.parse(cipher.open(header, headerContext(id))) as string[];
}
