import { type RawBuilder, sql } from 'kysely';
import type { DbOrTrx, Trx } from '../../database/connection.ts';
import { storableText } from './store.ts';
import type { FaultKind, RowFault } from './summary.ts';

/** A fault and its row, as an index. */
export type StoredFault = RowFault & Readonly<{ index: number }>;

/** Adds faults, in order of rows, behind all that the upload has: one row of the table, since each costs far more than a fault. */
export async function addFaults(
  db: DbOrTrx,
  uploadId: string,
  faults: readonly StoredFault[],
): Promise<void> {
  const [first] = faults;
  if (!first) return;
  await sql`
    insert into upload_fault_pieces (upload_id, first_row, rows, kinds, headers, texts)
    values (${uploadId}, ${first.index}, ${faults.map(({ index }) => index)}::int[],
      ${faults.map(({ kind }) => kind)}::text[],
      ${faults.map(({ header }) => header && storableText(header))}::text[],
      ${faults.map(({ text }) => text)}::text[])`.execute(db);
}

/**
 * The faults of rows `from` to before `until`: row_index, number within a piece, kind, header, text. Those of rows from
 * before pieces had any are one by one in `upload_faults`, which goes when no upload of that time is left.
 */
function faultsOf(uploadId: string, from: number, until: number): RawBuilder<unknown> {
  return sql`(
    select f.* from upload_fault_pieces p,
      unnest(p.rows, p.kinds, p.headers, p.texts) with ordinality f (row_index, kind, header, text, number)
    where p.upload_id = ${uploadId} and p.first_row < ${until} and p.first_row >= coalesce(
        (select max(first_row) from upload_fault_pieces where upload_id = ${uploadId} and first_row <= ${from}), 0)
      and f.row_index >= ${from} and f.row_index < ${until}
    union all
    select row_index, kind, header, text, number from upload_faults
    where upload_id = ${uploadId} and row_index >= ${from} and row_index < ${until})`;
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
    select row_index as index, kind, header, text from ${faultsOf(uploadId, from, until)} faults
    order by row_index, number limit ${limit}`.execute(db);
  return rows;
}

/** Of rows `from` to before `until`, the indexes of those with a fault, or with one of a kind; at most `limit`. */
export async function findFaultyRows(
  db: DbOrTrx,
  uploadId: string,
  kind: FaultKind | null,
  from: number,
  until: number,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ index: number }>`
    select distinct row_index as index from ${faultsOf(uploadId, from, until)} faults
    ${kind === null ? sql`` : sql`where kind = ${kind}`}
    order by row_index limit ${limit}`.execute(db);
  return rows.map(({ index }) => index);
}

/** The same of those without a fault. */
export async function findGoodRows(
  db: DbOrTrx,
  uploadId: string,
  from: number,
  until: number,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ index: number }>`
    select index from generate_series(${from}::int, ${until}::int - 1) index
    where index not in (select row_index from ${faultsOf(uploadId, from, until)} faults)
    order by index limit ${limit}`.execute(db);
  return rows.map(({ index }) => index);
}

/** Puts faults in the place of those of one row. The caller holds the lock of the upload. */
export async function replaceFaults(
  trx: Trx,
  uploadId: string,
  index: number,
  faults: readonly RowFault[],
): Promise<void> {
  await sql`delete from upload_faults where upload_id = ${uploadId} and row_index = ${index}`.execute(trx);
  type Piece = { rows: number[]; kinds: FaultKind[]; headers: (string | null)[]; texts: string[] };
  const { rows: pieces } = await sql<Piece>`
    delete from upload_fault_pieces where upload_id = ${uploadId} and first_row = (
      select max(first_row) from upload_fault_pieces where upload_id = ${uploadId} and first_row <= ${index})
    returning rows, kinds, headers, texts`.execute(trx);
  const others = pieces.flatMap(({ rows, kinds, headers, texts }) =>
    rows.map((row, at) => ({ index: row, kind: kinds[at]!, header: headers[at]!, text: texts[at]! })),
  );
  await addFaults(trx, uploadId, [
    ...others.filter((fault) => fault.index < index),
    ...faults.map((fault) => ({ ...fault, index })),
    ...others.filter((fault) => fault.index > index),
  ]);
}

/** Rows whose faults are moved into one piece. */
const rowsPerPiece = 500;

/** Gives all faults to another upload, whose rows are the faulty ones. `rowCount`: of the upload that had them. */
export async function moveFaults(trx: Trx, fromId: string, toId: string, rowCount: number): Promise<void> {
  await sql`
    insert into upload_fault_pieces (upload_id, first_row, rows, kinds, headers, texts)
    select ${toId}, min(row), array_agg(row order by row, number), array_agg(kind order by row, number),
      array_agg(header order by row, number), array_agg(text order by row, number)
    from (select (dense_rank() over (order by row_index) - 1)::int as row, number, kind, header, text
      from ${faultsOf(fromId, 0, rowCount)} faults) moved
    group by row / ${rowsPerPiece}::int`.execute(trx);
  await sql`delete from upload_fault_pieces where upload_id = ${fromId}`.execute(trx);
  await sql`delete from upload_faults where upload_id = ${fromId}`.execute(trx);
}
