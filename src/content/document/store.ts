import { sql } from 'kysely';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { DocumentStorage } from './storage.ts';

/** What is known of a document without its key. */
export type Document = Readonly<{
  id: string;
  serviceId: string;
  /** Sealed. */
  filename: Buffer;
  contentType: string;
  /** Bytes of the file itself. */
  size: number;
  proof: Buffer;
  /** null: the link alone is enough. */
  recipientHash: Buffer | null;
  createdAt: Date;
  expiresAt: Date;
}>;

/** Wrong addresses that may be entered for one document within an hour. */
const mostTries = 10;
const tryMilliseconds = 3_600_000;

/** Most documents that one run of the deletion takes, and those of one statement. */
const mostDeleted = 50_000;
const deletedAtOnce = 1000;

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

/** The document, unless it has expired at `now` (Unix milliseconds). */
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

export async function countDownload(db: DbOrTrx, id: string): Promise<void> {
  await sql`update documents set downloads = downloads + 1 where id = ${id}`.execute(db);
}

/**
 * Takes one of the tries at the address of a document, before it is compared, so that any number of guesses at once are
 * no more than the limit. Answers null, or the seconds until there are tries again.
 */
export async function takeTry(db: DbOrTrx, id: string, now: number): Promise<number | null> {
  const time = new Date(now);
  const lapsed = new Date(now - tryMilliseconds);
  const { rows } = await sql`
    update documents
    set wrong_tries = case when tried_since > ${lapsed} then wrong_tries + 1 else 1 end,
      tried_since = case when tried_since > ${lapsed} then tried_since else ${time} end
    where id = ${id} and (tried_since is null or tried_since <= ${lapsed} or wrong_tries < ${mostTries})
    returning 1`.execute(db);
  if (rows.length > 0) return null;
  const row = await db.selectFrom('documents').select('tried_since').where('id', '=', id).executeTakeFirst();
  const since = row?.tried_since?.getTime() ?? now;
  return Math.max(1, Math.ceil((since + tryMilliseconds - now) / 1000));
}

/** The try was no wrong one. */
export async function giveTryBack(db: DbOrTrx, id: string): Promise<void> {
  await sql`update documents set wrong_tries = wrong_tries - 1 where id = ${id} and wrong_tries > 0`.execute(
    db,
  );
}

/**
 * Deletes documents that have expired at `now` (Unix milliseconds), those that expired first before others, at most
 * `limit` and 50,000. Answers how many. At least once: the content goes first, so that what is interrupted is found
 * again by the next run.
 */
export async function deleteExpiredDocuments(
  { db, storage }: Readonly<{ db: Db; storage: DocumentStorage }>,
  now: number,
  limit = mostDeleted,
): Promise<number> {
  const most = Math.min(limit, mostDeleted);
  let deleted = 0;
  while (deleted < most) {
    const rows = await db
      .selectFrom('documents')
      .select('id')
      .where('expires_at', '<=', new Date(now))
      .orderBy('expires_at')
      .limit(Math.min(deletedAtOnce, most - deleted))
      .execute();
    if (rows.length === 0) break;
    const ids = rows.map(({ id }) => id);
    await storage.delete(ids);
    await sql`delete from documents where id = any(${ids}::uuid[])`.execute(db);
    deleted += rows.length;
  }
  return deleted;
}

/** Contents in the database itself: nothing to set up, and in every copy that is made of it. */
export function databaseStorage(db: Db): DocumentStorage {
  return {
    async put(contents) {
      if (contents.length > 0)
        await db
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
