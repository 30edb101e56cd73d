import { sql } from 'kysely';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';

/** The content of a document, encrypted under the key in its link, which the storage does not know. */
export type SealedContent = Readonly<{ id: string; sealed: Buffer }>;

/**
 * Where the contents of documents are kept; everything else about them is in the table `documents`. Every
 * implementation passes `test/conformance/document-storage.ts`.
 */
export type DocumentStorage = Readonly<{
  /**
   * All contents are durable when it resolves, or when `trx` commits if the storage is that database; any of them may
   * be when it rejects. An id is put once.
   */
  put(contents: readonly SealedContent[], trx?: Trx): Promise<void>;
  /** The bytes as they were put, or null. */
  open(id: string): Promise<Buffer | null>;
  /** All contents are gone when it resolves. Unknown ids are ignored. */
  delete(ids: readonly string[]): Promise<void>;
}>;

/** A row of the table `documents`: what is known of a document without its key. */
export type Document = Readonly<{
  id: string;
  serviceId: string;
  /** Encrypted under the key in the link. */
  filename: Buffer;
  contentType: string;
  /** Bytes of the file before encryption. */
  size: number;
  proof: Buffer;
  /** null when the link alone opens the document. */
  recipientHash: Buffer | null;
  createdAt: Date;
  expiresAt: Date;
}>;

/** Wrong email addresses that may be entered for one document within an hour. */
const maxGuesses = 10;
const guessWindowMilliseconds = 3_600_000;

/** Maximum number of documents deleted by one run, and by one statement. */
const maxDeleted = 50_000;
const deleteBatchSize = 1000;

/** Adds the rows of documents; their contents go to a `DocumentStorage`. */
export async function addDocuments(db: DbOrTrx, documents: readonly Document[]): Promise<void> {
  await db
    .insertInto('documents')
    .values(
      documents.map((document) => ({
        id: document.id,
        service_id: document.serviceId,
        filename: document.filename,
        content_type: document.contentType,
        size: document.size,
        proof: document.proof,
        recipient_hash: document.recipientHash,
        created_at: document.createdAt,
        expires_at: document.expiresAt,
        tried_since: null,
      })),
    )
    .execute();
}

/** A service's files of one day, and the most there may be. `day`: in the business zone, YYYY-MM-DD. */
export type Quota = Readonly<{
  serviceId: string;
  day: string;
  files: number;
  bytes: number;
  limits: DocumentLimits;
}>;

/** Most files, and bytes of files, that one service may send in a day, whatever its keys. */
export type DocumentLimits = Readonly<{ files: number; file_bytes: number }>;

/**
 * The limit that files would pass as things are, or null. It takes nothing: `takeQuota` decides, this only spares the
 * work for a request that will be refused.
 */
export async function quotaReached(db: DbOrTrx, quota: Quota): Promise<keyof DocumentLimits | null> {
  const { serviceId, day, files, bytes, limits } = quota;
  const { rows } = await sql<{ files: number; bytes: number }>`
    select files, bytes from document_counts where service_id = ${serviceId} and day = ${day}`.execute(db);
  const used = rows[0] ?? { files: 0, bytes: 0 };
  if (used.files + files > limits.files) return 'files';
  return used.bytes + bytes > limits.file_bytes ? 'file_bytes' : null;
}

/**
 * Counts files against their service's day, exactly: the row stays locked until the commit. Returns the limit that they
 * would pass, having counted nothing, or null.
 */
export async function takeQuota(trx: Trx, quota: Quota): Promise<keyof DocumentLimits | null> {
  const { serviceId, day, files, bytes, limits } = quota;
  const { rows } = await sql`
    insert into document_counts as d (service_id, day, files, bytes)
    select ${serviceId}::uuid, ${day}::date, ${files}::bigint, ${bytes}::bigint
    where ${files}::bigint <= ${limits.files}::bigint and ${bytes}::bigint <= ${limits.file_bytes}::bigint
    on conflict (service_id, day) do update set files = d.files + excluded.files, bytes = d.bytes + excluded.bytes
    where d.files + excluded.files <= ${limits.files}::bigint
      and d.bytes + excluded.bytes <= ${limits.file_bytes}::bigint
    returning 1`.execute(trx);
  return rows.length > 0 ? null : ((await quotaReached(trx, quota)) ?? 'files');
}

/** Deletes at most `limit` counts of files from before a day (in the business zone, YYYY-MM-DD). Returns how many. */
export async function deleteDocumentCounts(db: DbOrTrx, before: string, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from document_counts where ctid = any(array(
      select ctid from document_counts where day < ${before} limit ${limit}))`.execute(db);
  return Number(numAffectedRows);
}

/** The document; null when there is none or it has expired at `now` (Unix milliseconds). */
export async function findDocument(db: DbOrTrx, id: string, now: number): Promise<Document | null> {
  const row = await db
    .selectFrom('documents')
    .select([
      'id',
      'service_id as serviceId',
      'filename',
      'content_type as contentType',
      'size',
      'proof',
      'recipient_hash as recipientHash',
      'created_at as createdAt',
      'expires_at as expiresAt',
    ])
    .where('id', '=', id)
    .where('expires_at', '>', new Date(now))
    .executeTakeFirst();
  return row ?? null;
}

/** Counts one download of a document. */
export async function countDownload(db: DbOrTrx, id: string): Promise<void> {
  await sql`update documents set downloads = downloads + 1 where id = ${id}`.execute(db);
}

/**
 * Reserves one guess at the email address of a document before it is compared, so that concurrent guesses cannot exceed
 * the limit. Returns null, or the seconds until the next guess is allowed. `now` is in Unix milliseconds.
 */
export async function reserveGuess(db: DbOrTrx, id: string, now: number): Promise<number | null> {
  const time = new Date(now);
  const windowStart = new Date(now - guessWindowMilliseconds);
  const { rows } = await sql`
    update documents
    set wrong_tries = case when tried_since > ${windowStart} then wrong_tries + 1 else 1 end,
      tried_since = case when tried_since > ${windowStart} then tried_since else ${time} end
    where id = ${id} and (tried_since is null or tried_since <= ${windowStart} or wrong_tries < ${maxGuesses})
    returning 1`.execute(db);
  if (rows.length > 0) return null;
  const row = await db.selectFrom('documents').select('tried_since').where('id', '=', id).executeTakeFirst();
  const since = row?.tried_since?.getTime() ?? now;
  return Math.max(1, Math.ceil((since + guessWindowMilliseconds - now) / 1000));
}

/** Gives back a guess that turned out right. */
export async function releaseGuess(db: DbOrTrx, id: string): Promise<void> {
  await sql`update documents set wrong_tries = wrong_tries - 1 where id = ${id} and wrong_tries > 0`.execute(
    db,
  );
}

/**
 * Deletes documents that have expired at `now` (Unix milliseconds), oldest first, at most `limit` and never more than
 * 50,000. Returns how many. At least once: contents go before rows, so the next run finds what was interrupted.
 */
export async function deleteExpiredDocuments(
  { db, storage }: Readonly<{ db: Db; storage: DocumentStorage }>,
  now: number,
  limit = maxDeleted,
): Promise<number> {
  const max = Math.min(limit, maxDeleted);
  let deleted = 0;
  while (deleted < max) {
    const rows = await db
      .selectFrom('documents')
      .select('id')
      .where('expires_at', '<=', new Date(now))
      .orderBy('expires_at')
      .limit(Math.min(deleteBatchSize, max - deleted))
      .execute();
    if (rows.length === 0) break;
    const ids = rows.map(({ id }) => id);
    await storage.delete(ids);
    await sql`delete from documents where id = any(${ids}::uuid[])`.execute(db);
    deleted += rows.length;
  }
  return deleted;
}

/** Keeps contents in the database: nothing to set up, and every backup has them. */
export function databaseStorage(db: Db): DocumentStorage {
  return {
    async put(contents, trx) {
      if (contents.length > 0)
        await (trx ?? db)
          .insertInto('document_contents')
          .values([...contents])
          .execute();
    },
    async open(id) {
      const row = await db
        .selectFrom('document_contents')
        .select('sealed')
        .where('id', '=', id)
        .executeTakeFirst();
      return row?.sealed ?? null;
    },
    async delete(ids) {
      await sql`delete from document_contents where id = any(${[...ids]}::uuid[])`.execute(db);
    },
  };
}
