import { sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { storableText } from './store.ts';
import type { FaultKind, RowFault } from './summary.ts';

/** A fault and its row, as an index. */
export type StoredFault = RowFault & Readonly<{ index: number }>;

/** Adds faults of rows that have none yet. Those of one row are together and in order. */
export async function addFaults(
  db: DbOrTrx,
  uploadId: string,
  faults: readonly StoredFault[],
): Promise<void> {
  if (faults.length === 0) return;
  let number = 0;
  const numbers = faults.map(({ index }, at) => {
    number = faults[at - 1]?.index === index ? number + 1 : 0;
    return number;
  });
  await sql`
    insert into upload_faults (upload_id, row_index, number, kind, header, text)
    select ${uploadId}, * from unnest(${faults.map(({ index }) => index)}::int[], ${numbers}::int[],
      ${faults.map(({ kind }) => kind)}::text[],
      ${faults.map(({ header }) => header && storableText(header))}::text[],
      ${faults.map(({ text }) => text)}::text[])`.execute(db);
}

/** The faults of rows `from` to before `until`, in order; at most `limit`. */
export async function findFaults(
  db: DbOrTrx,
  uploadId: string,
  from: number,
  until: number,
  limit: number,
): Promise<readonly StoredFault[]> {
  const { rows } = await sql<StoredFault>`
    select row_index as index, kind, header, text from upload_faults
    where upload_id = ${uploadId} and row_index >= ${from} and row_index < ${until}
    order by row_index, number limit ${limit}`.execute(db);
  return rows;
}

/** The indexes of the next rows with a fault, or with one of a kind, from `from` on; at most `limit`. */
export async function findFaultyRows(
  db: DbOrTrx,
  uploadId: string,
  kind: FaultKind | null,
  from: number,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ index: number }>`
    select distinct row_index as index from upload_faults
    where upload_id = ${uploadId} and row_index >= ${from} ${kind === null ? sql`` : sql`and kind = ${kind}`}
    order by row_index limit ${limit}`.execute(db);
  return rows.map(({ index }) => index);
}

/** The same of the next rows without a fault, among the first `rowCount`. */
export async function findGoodRows(
  db: DbOrTrx,
  uploadId: string,
  rowCount: number,
  from: number,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ index: number }>`
    select index from generate_series(${from}::int, ${rowCount}::int - 1) index
    where not exists (select from upload_faults where upload_id = ${uploadId} and row_index = index)
    order by index limit ${limit}`.execute(db);
  return rows.map(({ index }) => index);
}

export async function replaceFaults(
  trx: Trx,
  uploadId: string,
  index: number,
  faults: readonly RowFault[],
): Promise<void> {
  await sql`delete from upload_faults where upload_id = ${uploadId} and row_index = ${index}`.execute(trx);
  await addFaults(
    trx,
    uploadId,
    faults.map((fault) => ({ ...fault, index })),
  );
}

/** Gives all faults to another upload, whose rows are the faulty ones. */
export async function moveFaults(trx: Trx, fromId: string, toId: string): Promise<void> {
  await sql`
    insert into upload_faults (upload_id, row_index, number, kind, header, text)
    select ${toId}, dense_rank() over (order by row_index) - 1, number, kind, header, text
    from upload_faults where upload_id = ${fromId}`.execute(trx);
  await sql`delete from upload_faults where upload_id = ${fromId}`.execute(trx);
}
