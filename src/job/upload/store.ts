import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { NotificationType, UploadRow } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Piece, PieceMaker } from './piece.ts';
import type { Summary } from './summary.ts';

/** A file of recipients that was uploaded, or rows that came in another way. */
export type Upload = Readonly<{
  /** Also of the job that is made of it. */
  id: string;
  serviceId: string;
  templateId: string;
  templateVersion: number;
  templateType: NotificationType;
  originalFileName: string;
  /** Rows of the file. Of a file with too many, only the first ones are stored. */
  rowCount: number;
  /** Whether its rows could be sent when they were checked; the limits of the day are not part of it. */
  valid: boolean;
  /** Raw cells. */
  header: readonly string[];
  /** One more than the highest index of a cell that is not empty, for `readColumns`. */
  filledWidth: number;
  /** The sender or reply-to address that was chosen. */
  senderId: string | null;
  format: UploadFormat;
  /** SHA-256 of what came, by which the same file is recognised. */
  digest: Buffer;
  /** What the check found; null for rows that came in another way. */
  summary: Summary | null;
  /** The upload that its rows were left out of. */
  leftOutOf: string | null;
  /** The contact list that its rows are a copy of. */
  contactListId: string | null;
  createdBy: string | null;
  apiKeyId: string | null;
  createdAt: Date;
  updatedAt: Date;
  expiresAt: Date;
}>;

export type UploadFormat = UploadRow['format'];

/** An upload that is about to be written. */
export type NewUpload = Omit<Upload, keyof WrittenRows | 'updatedAt'> &
  Readonly<{
    /** Of the file as it came; 0 for rows of a request. */
    bytes: number;
  }>;

/** What is known of an upload when all its rows are written. */
export type WrittenRows = Pick<Upload, 'header' | 'filledWidth' | 'rowCount' | 'valid' | 'summary'>;

/** An upload as it is stored, with its header sealed, or not if it came before headers were. */
type StoredUpload = Upload & Readonly<{ sealedHeader: Buffer | null }>;

function withHeader<Stored extends StoredUpload>(cipher: Cipher, stored: Stored): Stored {
  const { id, sealedHeader } = stored;
  if (sealedHeader === null) return stored;
  return { ...stored, header: JSON.parse(cipher.open(sealedHeader, headerContext(id))) as string[] };
}

const columns = sql`id, service_id as "serviceId", template_id as "templateId", template_version as "templateVersion",
  template_type as "templateType", original_file_name as "originalFileName", row_count as "rowCount", valid, header,
  sealed_header as "sealedHeader", filled_width as "filledWidth", sender_id as "senderId", format, digest, summary,
  left_out_of as "leftOutOf", contact_list_id as "contactListId", created_by as "createdBy", api_key_id as "apiKeyId",
  created_at as "createdAt", updated_at as "updatedAt",
  expires_at as "expiresAt"`;

/** An upload of a service; null if it has none with this id, or it is still being written. */
export async function findUpload(
  db: DbOrTrx,
  cipher: Cipher,
  serviceId: string,
  id: string,
): Promise<Upload | null> {
  const { rows } = await sql<StoredUpload>`
    select ${columns} from uploads where id = ${id} and service_id = ${serviceId} and checked_at is not null`.execute(
    db,
  );
  return rows[0] ? withHeader(cipher, rows[0]) : null;
}

/**
 * The records (raw cells, empty ones at the end left out) of rows `from` to before `until`, in order; those that are not
 * stored are left out. The caller bounds how many: a record has at most about 128 KiB.
 */
export async function findRecords(
  db: DbOrTrx,
  cipher: Cipher,
  uploadId: string,
  from: number,
  until: number,
): Promise<readonly (readonly string[])[]> {
  const pieces = await findPieces(db, cipher, uploadId, from, until);
  return pieces.flatMap(({ firstRow, records }) =>
    (JSON.parse(records) as string[][]).slice(Math.max(0, from - firstRow), Math.max(0, until - firstRow)),
  );
}

/** The records of single rows, by index; those that are not stored are left out. */
export async function findRecordsOf(
  db: DbOrTrx,
  cipher: Cipher,
  uploadId: string,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  if (indexes.length === 0) return new Map();
  const { rows } = await sql<{ firstRow: number; rowCount: number; records: Buffer }>`
    select first_row as "firstRow", row_count as "rowCount", records from upload_rows
    where upload_id = ${uploadId} and exists (
      select from unnest(${indexes}::int[]) index where index >= first_row and index < first_row + row_count)
    order by first_row`.execute(db);
  const wanted = new Set(indexes);
  const found = new Map<number, readonly string[]>();
  for (const { firstRow, rowCount, records } of rows) {
    const opened = JSON.parse(cipher.open(records, rowsContext(uploadId, firstRow))) as string[][];
    for (let at = 0; at < rowCount; at += 1)
      if (wanted.has(firstRow + at)) found.set(firstRow + at, opened[at]!);
  }
  return found;
}

/** The pieces that have rows `from` to before `until`, in order. */
export async function findPieces(
  db: DbOrTrx,
  cipher: Cipher,
  uploadId: string,
  from: number,
  until: number,
): Promise<readonly Piece[]> {
  type Stored = Omit<Piece, 'records' | 'recipients'> & { records: Buffer; recipients: Buffer | null };
  const { rows } = await sql<Stored>`
    select first_row as "firstRow", row_count as "rowCount", records, recipients, lengths from upload_rows
    where upload_id = ${uploadId} and first_row < ${until} and first_row >= coalesce(
      (select max(first_row) from upload_rows where upload_id = ${uploadId} and first_row <= ${from}), 0)
    order by first_row`.execute(db);
  return rows.map(({ records, recipients, ...piece }) => ({
    ...piece,
    records: cipher.open(records, rowsContext(uploadId, piece.firstRow)),
    recipients: recipients && cipher.open(recipients, recipientsContext(uploadId, piece.firstRow)),
  }));
}

/** Rows of a request that become an upload at once. `valid`: the caller has checked them. */
export type RowsUpload = NewUpload & Pick<Upload, 'header' | 'valid'>;

/** Adds an upload with all its records, which may be any number: rows of a request, messages that are sent again. */
export async function addUpload(
  trx: Trx,
  cipher: Cipher,
  { header, valid, ...upload }: RowsUpload,
  records: Iterable<readonly string[]>,
): Promise<void> {
  await beginUpload(trx, upload, upload.expiresAt);
  const ready: Piece[] = [];
  const maker = new PieceMaker(false, (piece) => ready.push(piece));
  let filledWidth = 0;
  for (const cells of records) {
    filledWidth = Math.max(filledWidth, cells.findLastIndex((cell) => cell !== '') + 1);
    maker.add(cells);
    if (ready.length > 0) await addPieces(trx, cipher, upload.id, ready.splice(0));
  }
  maker.end();
  await addPieces(trx, cipher, upload.id, ready);
  const written = { header, filledWidth, rowCount: maker.rowCount, valid, summary: null };
  await finishUpload(trx, cipher, upload, written, upload.createdAt);
}

/** Begins an upload, which nobody sees until `finishUpload`. `until`: when it is deleted if that does not come. */
export async function beginUpload(db: DbOrTrx, upload: NewUpload, until: Date): Promise<void> {
  const { createdAt } = upload;
  await db
    .insertInto('uploads')
    .values({
      ...{ id: upload.id, service_id: upload.serviceId, template_id: upload.templateId },
      ...{ template_version: upload.templateVersion, template_type: upload.templateType },
      ...{ original_file_name: storableText(upload.originalFileName), format: upload.format },
      ...{ bytes: upload.bytes, digest: upload.digest, left_out_of: upload.leftOutOf },
      contact_list_id: upload.contactListId,
      ...{ header: '[]', filled_width: 0, row_count: 0, summary: 'null', valid: false },
      ...{ sender_id: upload.senderId, created_by: upload.createdBy, api_key_id: upload.apiKeyId },
      ...{ created_at: createdAt, updated_at: createdAt, checked_at: null, expires_at: until },
    })
    .execute();
}

/** Adds the next pieces of an upload that has begun. */
export async function addPieces(
  db: DbOrTrx,
  cipher: Cipher,
  uploadId: string,
  pieces: readonly Piece[],
): Promise<void> {
  if (pieces.length === 0) return;
  await db
    .insertInto('upload_rows')
    .values(
      pieces.map(({ firstRow, rowCount, records, recipients, lengths }) => ({
        ...{ upload_id: uploadId, first_row: firstRow, row_count: rowCount },
        records: cipher.seal(records, rowsContext(uploadId, firstRow)),
        recipients:
          recipients === null ? null : cipher.seal(recipients, recipientsContext(uploadId, firstRow)),
        lengths: lengths && [...lengths],
      })),
    )
    .execute();
}

/** Ends the writing of an upload: from now on it exists. Throws if what was written is gone. */
export async function finishUpload(
  db: DbOrTrx,
  cipher: Cipher,
  { id, expiresAt }: Pick<Upload, 'id' | 'expiresAt'>,
  written: WrittenRows,
  at: Date,
): Promise<void> {
  const { numAffectedRows = 0n } = await sql`
    update uploads set ${writtenColumns(cipher, id, written)}, checked_at = ${at}, updated_at = ${at}, expires_at = ${expiresAt}
    where id = ${id}`.execute(db);
  if (numAffectedRows === 0n) throw new Error(`The upload ${id} was deleted while it was written.`);
}

/** The header of a file that has none is its first row, so it is sealed like one. */
function writtenColumns(
  cipher: Cipher,
  id: string,
  { header, filledWidth, rowCount, valid, summary }: WrittenRows,
) {
  return sql`header = 'null'::json, sealed_header = ${cipher.seal(JSON.stringify(header), headerContext(id))}, filled_width = ${filledWidth}, row_count = ${rowCount},
    valid = ${valid}, summary = ${JSON.stringify(summary)}::jsonb`;
}

/** Records what changed in the rows of an upload. */
export async function changeUpload(
  trx: Trx,
  cipher: Cipher,
  id: string,
  written: WrittenRows,
  at: Date,
): Promise<void> {
  await sql`update uploads set ${writtenColumns(cipher, id, written)}, updated_at = ${at} where id = ${id}`.execute(
    trx,
  );
}

/**
 * An upload whose rows nobody else changes, and of which no job is made, until the transaction ends; and whether there
 * is a job of it already.
 */
export async function lockUpload(
  trx: Trx,
  cipher: Cipher,
  serviceId: string,
  id: string,
): Promise<(Upload & Readonly<{ hasJob: boolean }>) | null> {
  const { rows: locked } = await sql`
    select from uploads where id = ${id} and service_id = ${serviceId} and checked_at is not null for update`.execute(
    trx,
  );
  if (locked.length === 0) return null;
  // A statement of its own, which sees what the holder of the lock before wrote.
  const { rows } = await sql<StoredUpload & { hasJob: boolean }>`
    select ${columns}, exists (select from jobs where jobs.id = uploads.id) as "hasJob" from uploads
    where id = ${id}`.execute(trx);
  return rows[0] ? withHeader(cipher, rows[0]) : null;
}

/** Puts a piece in the place of the one that begins with the same row. */
export async function replacePiece(trx: Trx, cipher: Cipher, uploadId: string, piece: Piece): Promise<void> {
  await deletePieces(trx, uploadId, [piece.firstRow]);
  await addPieces(trx, cipher, uploadId, [piece]);
}

export async function deletePieces(trx: Trx, uploadId: string, firstRows: readonly number[]): Promise<void> {
  await sql`
    delete from upload_rows where upload_id = ${uploadId} and first_row = any(${firstRows}::int[])`.execute(
    trx,
  );
}

/** What the rows are compared by, in order; a length that was not kept is null. */
export async function findComparedRows(
  db: DbOrTrx,
  cipher: Cipher,
  uploadId: string,
): Promise<readonly Readonly<{ recipient: string; length: number | null }>[]> {
  const { rows } = await sql<{ firstRow: number; recipients: Buffer | null; lengths: number[] | null }>`
    select first_row as "firstRow", recipients, lengths from upload_rows where upload_id = ${uploadId}
    order by first_row`.execute(db);
  return rows.flatMap(({ firstRow, recipients, lengths }) =>
    recipients === null
      ? []
      : (JSON.parse(cipher.open(recipients, recipientsContext(uploadId, firstRow))) as string[]).map(
          (recipient, at) => ({ recipient, length: lengths?.[at] ?? null }),
        ),
  );
}

export async function deleteUpload(db: DbOrTrx, id: string): Promise<void> {
  await sql`delete from uploads where id = ${id}`.execute(db);
}

/** Deletes an upload that has begun and is not finished; of one whose end nobody knows, nothing if it was finished. */
export async function deleteUnfinished(db: DbOrTrx, id: string): Promise<void> {
  await sql`delete from uploads where id = ${id} and checked_at is null`.execute(db);
}

/**
 * A job of this day that sent the same: the same file, or one of the same name to the same version of the template. The
 * latest one; null if there is none. A job that was cancelled before it began sent nothing.
 */
export async function findSameFile(
  db: DbOrTrx,
  upload: Upload,
  since: Date,
): Promise<Readonly<{ id: string; createdAt: Date }> | null> {
  const { rows } = await sql<{ id: string; createdAt: Date }>`
    select j.id, j.created_at as "createdAt" from jobs j left join uploads u on u.id = j.id
    where j.service_id = ${upload.serviceId} and j.created_at >= ${since} and (j.status <> 'cancelled' or j.processing_started is not null) and j.id <> ${upload.id}
      and ((octet_length(u.digest) > 0 and u.digest = ${upload.digest})
        or (j.original_file_name = ${upload.originalFileName} and j.template_id = ${upload.templateId}
          and j.template_version = ${upload.templateVersion}))
    order by j.created_at desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** A file that waits to be sent, as a list shows it. */
export type WaitingUpload = Pick<
  Upload,
  | 'id'
  | 'templateId'
  | 'templateType'
  | 'originalFileName'
  | 'rowCount'
  | 'leftOutOf'
  | 'createdBy'
  | 'createdAt'
  | 'expiresAt'
> &
  Readonly<{ faultyRows: number }>;

/** Files of a service that no job was made of, the newest first. Rows that did not come in a file are none. */
export async function findWaitingUploads(
  db: DbOrTrx,
  serviceId: string,
  limit: number,
): Promise<readonly WaitingUpload[]> {
  const { rows } = await sql<WaitingUpload>`
    select u.id, u.template_id as "templateId", u.template_type as "templateType", u.original_file_name as "originalFileName",
      u.row_count as "rowCount", u.left_out_of as "leftOutOf", u.created_by as "createdBy", u.created_at as "createdAt",
      u.expires_at as "expiresAt", coalesce((u.summary->>'faultyRows')::int, 0) as "faultyRows"
    from uploads u left join jobs j on j.id = u.id
    where u.service_id = ${serviceId} and u.checked_at is not null and u.format not in ('rows', 'messages') and j.id is null
    order by u.created_at desc, u.id desc limit ${limit}`.execute(db);
  return rows;
}

const openStatuses = ['scheduled', 'pending', 'in progress', 'paused'];

/**
 * Deletes at most `limit` uploads whose time is over. One with a job is kept until the job has ended, and then for
 * `days` or as long as the service keeps its messages, whichever is longer. Returns how many were deleted.
 */
export async function deleteExpiredUploads(
  db: DbOrTrx,
  now: Date,
  days: number,
  limit: number,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from uploads where expires_at < ${now} and id = any(array(
      select u.id from uploads u left join jobs j on j.id = u.id
      left join service_data_retention r on r.service_id = u.service_id and r.notification_type = u.template_type
      where u.expires_at < ${now} and (j.id is null or (j.status <> all(${openStatuses}::text[])
        and coalesce(j.final_at, j.processing_finished, j.updated_at, j.created_at)
          < ${now}::timestamptz - greatest(${days}::int, coalesce(r.days_of_retention, 0)) * interval '1 day'))
      limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** PostgreSQL stores neither zeros nor half characters in text. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

/** What its sealed value belongs to. */
export function rowsContext(uploadId: string, firstRow: number): string {
  return `${uploadId} ${firstRow}`;
}

/** What its sealed header belongs to. */
export function headerContext(uploadId: string): string {
  return `${uploadId} header`;
}

/** What its sealed value belongs to. */
export function recipientsContext(uploadId: string, firstRow: number): string {
  return `${uploadId} ${firstRow} recipients`;
}
