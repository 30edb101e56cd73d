import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import type { NotificationType, UploadRow } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Piece, PieceMaker } from './piece.ts';

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
  createdBy: string | null;
  apiKeyId: string | null;
  createdAt: Date;
}>;

export type UploadFormat = UploadRow['format'];

/** An upload that is about to be written. */
export type NewUpload = Omit<Upload, 'rowCount' | 'valid' | 'filledWidth' | 'header'> &
  Readonly<{
    format: UploadFormat;
    /** Of the file as it came; 0 for rows of a request. */
    bytes: number;
    /** SHA-256 of what came, by which the same file is recognised. */
    digest: Buffer;
    /** The upload that its rows were left out of. */
    leftOutOf: string | null;
    expiresAt: Date;
  }>;

/** What is known of an upload when all its rows are written. */
export type WrittenRows = Readonly<{
  header: readonly string[];
  filledWidth: number;
  rowCount: number;
  valid: boolean;
  /** JSON without personal data (summary.ts). */
  summary: unknown;
}>;

const columns = sql`id, service_id as "serviceId", template_id as "templateId", template_version as "templateVersion",
  template_type as "templateType", original_file_name as "originalFileName", row_count as "rowCount", valid, header,
  filled_width as "filledWidth", sender_id as "senderId", created_by as "createdBy", api_key_id as "apiKeyId",
  created_at as "createdAt"`;

/** An upload of a service; null if it has none with this id, or it is still being written. */
export async function findUpload(db: DbOrTrx, serviceId: string, id: string): Promise<Upload | null> {
  const { rows } = await sql<Upload>`
    select ${columns} from uploads where id = ${id} and service_id = ${serviceId} and checked_at is not null`.execute(
    db,
  );
  return rows[0] ?? null;
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
    select first_row as "firstRow", row_count as "rowCount", records, recipients from upload_rows
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
export type RowsUpload = NewUpload &
  Readonly<{ header: readonly string[]; valid: boolean; summary?: unknown }>;

/** Adds an upload with all its records, which may be any number: rows of a request, messages that are sent again. */
export async function addUpload(
  trx: Trx,
  cipher: Cipher,
  { header, valid, summary = {}, ...upload }: RowsUpload,
  records: Iterable<readonly string[]>,
): Promise<void> {
  await beginUpload(trx, upload);
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
  const written = { header, filledWidth, rowCount: maker.rowCount, valid, summary };
  await finishUpload(trx, upload.id, written, upload.createdAt);
}

/** Begins an upload, which nobody sees until `finishUpload`. */
export async function beginUpload(db: DbOrTrx, upload: NewUpload): Promise<void> {
  const { createdAt, expiresAt } = upload;
  await db
    .insertInto('uploads')
    .values({
      ...{ id: upload.id, service_id: upload.serviceId, template_id: upload.templateId },
      ...{ template_version: upload.templateVersion, template_type: upload.templateType },
      ...{ original_file_name: storableText(upload.originalFileName), format: upload.format },
      ...{ bytes: upload.bytes, digest: upload.digest, left_out_of: upload.leftOutOf },
      ...{ header: '[]', filled_width: 0, row_count: 0, summary: '{}', valid: false },
      ...{ sender_id: upload.senderId, created_by: upload.createdBy, api_key_id: upload.apiKeyId },
      ...{ created_at: createdAt, updated_at: createdAt, checked_at: null, expires_at: expiresAt },
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
      pieces.map(({ firstRow, rowCount, records, recipients }) => ({
        ...{ upload_id: uploadId, first_row: firstRow, row_count: rowCount },
        records: cipher.seal(records, rowsContext(uploadId, firstRow)),
        recipients: recipients && cipher.seal(recipients, recipientsContext(uploadId, firstRow)),
      })),
    )
    .execute();
}

/** Ends the writing of an upload: from now on it exists. */
export async function finishUpload(db: DbOrTrx, id: string, written: WrittenRows, at: Date): Promise<void> {
  const { header, filledWidth, rowCount, valid, summary } = written;
  await sql`
    update uploads set header = ${JSON.stringify(header)}::json, filled_width = ${filledWidth}, row_count = ${rowCount},
      valid = ${valid}, summary = ${JSON.stringify(summary)}::jsonb, checked_at = ${at}, updated_at = ${at}
    where id = ${id}`.execute(db);
}

/** PostgreSQL stores neither zeros nor half characters in text. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

function rowsContext(uploadId: string, firstRow: number): string {
  return `${uploadId} ${firstRow}`;
}

function recipientsContext(uploadId: string, firstRow: number): string {
  return `${uploadId} ${firstRow} recipients`;
}
