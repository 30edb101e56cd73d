import { keyOf } from '../../content/recipient/characters.ts';
import { rowNumber } from '../../content/recipient/csv/report.ts';
import type { CsvColumns } from '../../content/recipient/csv/row.ts';
import type { Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { type ReceiveDeps, rulesFor } from './receive.ts';
import { createRowCheck } from './row-check.ts';
import { type OpenUpload, openUpload, type ShowDeps } from './show.ts';
import { changeUpload, findComparedRows, findPieces, lockUpload, replacePiece } from './store.ts';
import { findFaults, replaceFaults } from './store-faults.ts';
import { type Compared, ComparedRows, Counter, isValid } from './summary.ts';

export type ChangeDeps = ShowDeps & Pick<ReceiveDeps, 'newId'>;

/** One cell that somebody mends. */
export type Mend = Readonly<{
  uploadId: string;
  /** From 0. */
  index: number;
  /** A header of the file; null: what stands beyond the last column, which is taken away. */
  column: string | null;
  value: string;
  userId: string | null;
}>;

/** Faults of one row that are read: it has far fewer. */
const mostFaults = 10_000;

/**
 * The upload for a change; nobody else changes it until the transaction ends. Throws a Problem: 404 if the service has
 * no such upload, 400 once a job has been made of it.
 */
export async function openForChange(
  deps: Pick<ShowDeps, 'cipher' | 'templates'>,
  trx: Trx,
  service: Service,
  id: string,
): Promise<OpenUpload> {
  const locked = await lockUpload(trx, deps.cipher, service.id, id);
  if (!locked) throw noResultFound();
  refuseWithJob(locked);
  if (!locked.summary) throw badRequest('The rows of this upload did not come in a file');
  const open = await openUpload(deps, service, locked);
  if (!open) throw noResultFound();
  return open;
}

export function refuseWithJob({ hasJob }: Readonly<{ hasJob: boolean }>): void {
  if (hasJob) throw badRequest('A job has been made of this file, so it can no longer be changed');
}

/**
 * Puts a value into one cell, and checks its row again. Changes of several people come one after the other, so the last
 * one counts, and the figures of the upload are right. Throws a Problem.
 */
export async function mendCell(deps: ChangeDeps, service: Service, mend: Mend): Promise<void> {
  const { db, cipher, clock } = deps;
  const { index, uploadId: id } = mend;
  const at = new Date(clock.now());
  // Read before the upload is locked.
  const rulesOf = {
    sms: await rulesFor(deps, service, 'sms'),
    email: await rulesFor(deps, service, 'email'),
  };
  await db.transaction().execute(async (trx) => {
    const open = await openForChange(deps, trx, service, id);
    const { upload, summary, content, columns } = open;
    const [piece] = await findPieces(trx, cipher, id, index, index + 1);
    const records = piece ? (JSON.parse(piece.records) as (readonly string[])[]) : [];
    const cells = piece && records[index - piece.firstRow];
    if (!piece || !cells) throw noResultFound();

    const written = writeCell(columns, upload.header, cells, mend);
    if (!written) throw invalidFields({ column: ['The file has no such column.'] });
    const filledWidth = Math.max(upload.filledWidth, written.length);
    const changed = (await openUpload(deps, service, { ...upload, filledWidth }))!;

    const faults = await findFaults(trx, id, index, index + 1, mostFaults);
    const rules = { ...rulesOf[upload.templateType], prefix: summary.prefix };
    const before = createRowCheck(content, columns, rules)(index, cells);
    const after = createRowCheck(content, changed.columns, rules)(index, written);
    // That lines are missing shows in the file only, not in the row.
    const kept = faults.filter(({ kind, header }) => kind === 'unclosed-quote' && header !== mend.column);
    const left = [...kept.map(({ kind, header, text }) => ({ kind, header, text })), ...after.faults];

    const recipients = piece.recipients === null ? null : (JSON.parse(piece.recipients) as string[]);
    const isSame = before.recipient === after.recipient && before.length === after.length;
    await replacePiece(trx, cipher, id, {
      ...piece,
      records: JSON.stringify(records.with(index - piece.firstRow, written)),
      recipients: recipients && JSON.stringify(recipients.with(index - piece.firstRow, after.recipient)),
      lengths: piece.lengths?.with(index - piece.firstRow, after.length) ?? null,
    });
    await replaceFaults(trx, id, index, left);

    const counter = new Counter(summary);
    counter.remove({ faults, totals: before.totals });
    counter.add({ faults: left, totals: after.totals });
    const counted = counter.summary(isSame ? {} : await compare(trx, cipher, id));
    const { header, rowCount } = upload;
    const valid = isValid(counted, rowCount, changed.columns);
    await changeUpload(trx, cipher, id, { header, rowCount, filledWidth, valid, summary: counted }, at);
    const event = { type: 'change_upload', serviceId: service.id, userId: mend.userId, subjectId: id };
    const data = {
      before: { valid: upload.valid, faulty_rows: summary.faultyRows },
      after: { row: rowNumber(index), valid, faulty_rows: counted.faultyRows },
    };
    await recordEvent(trx, { ...event, data }, at);
  });
}

/** Compares all rows of an upload anew. */
async function compare(trx: Trx, cipher: Cipher, id: string): Promise<Partial<Compared>> {
  const rows = await findComparedRows(trx, cipher, id);
  const compared = new ComparedRows();
  for (const { recipient, length } of rows) compared.add({ recipient, length: length ?? 0 });
  const { repeated, extremes } = compared.result();
  // Of files that came before lengths were kept.
  return rows.some(({ length }) => length === null) ? { repeated } : { repeated, extremes };
}

/** The cells with the value in the column; null if there is no such column. */
function writeCell(
  { columns, headerOf, headerWidth }: CsvColumns,
  header: readonly string[],
  cells: readonly string[],
  { column: name, value }: Pick<Mend, 'column' | 'value'>,
): readonly string[] | null {
  if (name === null) return trimmed(cells.slice(0, headerWidth));
  const column =
    columns.find(({ header: own }) => own === name) ??
    columns.find(({ header: own, key }) => key === keyOf(name) && headerOf.get(key) === own);
  if (!column) return null;
  const places = header.flatMap((own, position) => (own === column.header ? [position] : []));
  // Of a repeated recipient the last one counts; the values of any other repeated column make a list.
  const place = column.isRecipient ? places.at(-1)! : places[0]!;
  const written = [...cells];
  while (written.length <= place) written.push('');
  for (const other of places) if (other < written.length) written[other] = '';
  written[place] = value;
  return trimmed(written);
}

function trimmed(cells: readonly string[]): readonly string[] {
  return cells.slice(0, cells.findLastIndex((cell) => cell !== '') + 1);
}
