import type { Trx } from '../../database/connection.ts';
import { badRequest } from '../../ground/problem.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { type ChangeDeps, openForChange } from './mend.ts';
import { type Piece, PieceMaker } from './piece.ts';
import { expiryOf } from './receive.ts';
import { addPieces, beginUpload, changeUpload, deletePieces, findPieces, finishUpload } from './store.ts';
import { findFaultyRows, moveFaults } from './store-faults.ts';
import { type ComparedRow, ComparedRows, isValid, partSummary } from './summary.ts';

/**
 * Takes the rows with faults out of an upload, and keeps them as an upload of their own, whose id is returned. All of it
 * happens or nothing; one piece of the rows is in memory at a time. Throws a Problem.
 */
export async function leaveOutFaulty(
  deps: ChangeDeps,
  service: Service,
  id: string,
  userId: string | null,
): Promise<string> {
  const { db, clock, newId } = deps;
  const at = new Date(clock.now());
  const leftId = newId();
  await db.transaction().execute(async (trx) => {
    const { upload, summary, columns } = await openForChange(deps, trx, service, id);
    const { faultyRows } = summary;
    if (summary.tooManyRows) throw badRequest('The file has too many rows: its rows have not been checked');
    if (faultyRows === 0) throw badRequest('The file has no rows with errors');
    if (faultyRows === upload.rowCount) throw badRequest('Every row of the file has an error');

    const { id: _, header, filledWidth, rowCount, valid, updatedAt, ...kept } = upload;
    const left = {
      ...kept,
      ...{ id: leftId, leftOutOf: id, createdBy: userId, createdAt: at, expiresAt: expiryOf(at) },
      // Not the same file, should somebody upload that again.
      ...{ originalFileName: `Left out of ${upload.originalFileName}`, digest: Buffer.alloc(0), bytes: 0 },
    };
    await beginUpload(trx, left, left.expiresAt);
    const compared = await partRows(deps, trx, id, leftId);
    await moveFaults(trx, id, leftId, rowCount);
    const [good, bad] = partSummary(summary, compared);
    const goodRows = rowCount - faultyRows;
    const isGoodValid = isValid(good, goodRows, columns);
    await changeUpload(
      trx,
      deps.cipher,
      id,
      { header, filledWidth, rowCount: goodRows, valid: isGoodValid, summary: good },
      at,
    );
    await finishUpload(
      trx,
      deps.cipher,
      left,
      { header, filledWidth, rowCount: faultyRows, valid: false, summary: bad },
      at,
    );
    const event = { serviceId: service.id, userId, subjectId: id, type: 'leave_out_of_upload' };
    const data = {
      before: { notification_count: rowCount, valid },
      after: { notification_count: goodRows, valid: isGoodValid, left_out: leftId },
    };
    await recordEvent(trx, { ...event, data }, at);
  });
  return leftId;
}

/**
 * Writes each row to one of the two uploads. Rows move towards the beginning only, so a piece that is written never
 * begins where one begins that is not read yet.
 */
async function partRows({ cipher }: ChangeDeps, trx: Trx, id: string, leftId: string) {
  const good = createPart();
  const bad = createPart();
  const write = async () => {
    await addPieces(trx, cipher, id, good.ready.splice(0));
    await addPieces(trx, cipher, leftId, bad.ready.splice(0));
  };
  for (let next = 0; ; ) {
    const [piece] = await findPieces(trx, cipher, id, next, next + 1);
    if (!piece || piece.firstRow !== next) break;
    const { firstRow, rowCount } = piece;
    const faulty = new Set(await findFaultyRows(trx, id, null, firstRow, firstRow + rowCount, rowCount));
    const records = JSON.parse(piece.records) as string[][];
    const recipients = JSON.parse(piece.recipients ?? '[]') as string[];
    await deletePieces(trx, id, [firstRow]);
    for (const [at, cells] of records.entries())
      (faulty.has(firstRow + at) ? bad : good).add(cells, {
        recipient: recipients[at] ?? '',
        length: piece.lengths?.[at] ?? 0,
      });
    await write();
    next += rowCount;
  }
  good.end();
  bad.end();
  await write();
  return [good.compared(), bad.compared()] as const;
}

function createPart() {
  const ready: Piece[] = [];
  const maker = new PieceMaker(true, (piece) => ready.push(piece));
  const compared = new ComparedRows();
  return {
    ready,
    add(cells: readonly string[], row: ComparedRow): void {
      maker.add(cells, row);
      compared.add(row);
    },
    end: () => maker.end(),
    compared: () => compared.result(),
  };
}
