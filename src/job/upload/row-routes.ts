import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { rowNumber } from '../../content/recipient/csv/report.ts';
import { formulaText } from '../../content/recipient/csv/row.ts';
import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { noResultFound } from '../../ground/problem.ts';
import type { Turns } from '../../ground/turns.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { baseUrl, callerLeaves, queryParameters } from '../../http/server/request.ts';
import { oneOf, orNull, pageLinksSchema } from '../../http/validate/shapes.ts';
import { leaveOutFaulty } from './leave-out.ts';
import { mendCell } from './mend.ts';
import { rulesFor } from './receive.ts';
import {
  common,
  openForReading,
  openForWriting,
  type UploadRouteDeps,
  uploadParams,
  uploadPath,
} from './routes.ts';
import { createExplain } from './row-check.ts';
import {
  faultSchema,
  type OpenUpload,
  openUpload,
  renderRow,
  rowPreviewSchema,
  showFaults,
  showUpload,
  uploadSchema,
} from './show.ts';
import { findPieces, findRecordsOf, findUpload } from './store.ts';
import { findFaults, findFaultyRows, findGoodRows } from './store-faults.ts';
import { type FaultKind, faultKinds } from './summary.ts';

/** `downloads`: of each service, one at a time. */
export type UploadRowDeps = UploadRouteDeps & Readonly<{ downloads: Turns }>;

const rowsPerPage = 50;
/** UTF-16 units of cells on one page, and one row. */
const pageLength = 1024 * 1024;
const faultsPerRead = 20_000;
/** The longest cell (spec 03, section 4.2). */
const longestCell = 131_072;
/** The highest row that can be asked for: a file has far fewer. */
const highestRow = 2_000_000_000;

const rowSchema = Type.Object({
  row: Type.Integer({ description: 'As people see it: the header is row 1.' }),
  cells: Type.Array(Type.String(), {
    description: 'As in the file, in the order of `columns` of the header.',
  }),
  faults: Type.Array(faultSchema),
});
const rowParam = {
  row: Type.Integer({
    ...{ minimum: 2, maximum: highestRow },
    description: 'The row as people see it: the header is row 1.',
  }),
};
const noUpload = { 404: { description: 'The service has no such upload, or the upload no such row.' } };

const list = defineRoute({
  ...common,
  method: 'GET',
  path: `${uploadPath}/rows`,
  handlerName: 'upload.get_rows',
  summary: 'List the rows of an upload',
  description: `In the order of the file, at most ${rowsPerPage} to a page. Follow \`links.next\` until a page is empty.`,
  params: Type.Object(uploadParams),
  query: Type.Object(
    {
      faulty: Type.Optional(Type.Boolean({ description: 'Only rows with a fault, or only those without.' })),
      kind: Type.Optional(oneOf(faultKinds, 'Only rows with a fault of this kind.')),
      from: Type.Optional(
        Type.Integer({ ...{ minimum: 2, maximum: highestRow }, description: 'The first row to look at.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of rows.',
      schema: Type.Object({ data: Type.Array(rowSchema), links: pageLinksSchema }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
    ...noUpload,
  },
  async handler(deps: UploadRowDeps, request, reply) {
    const { params, query } = request;
    const open = await openForReading(deps, request);
    const data = await deps.reads(params.service_id, callerLeaves(reply), async (db) => {
      const { id, rowCount } = open.upload;
      const from = (query.from ?? 2) - 2;
      const kind = (query.kind ?? null) as FaultKind | null;
      if (query.faulty === false && kind !== null) return [];
      let indexes: readonly number[];
      if (query.faulty === true || kind !== null)
        indexes = await findFaultyRows(db, id, kind, from, rowCount, rowsPerPage);
      else if (query.faulty === false) indexes = await findGoodRows(db, id, from, rowCount, rowsPerPage);
      else
        indexes = Array.from(
          { length: Math.max(0, Math.min(rowsPerPage, rowCount - from)) },
          (_, at) => from + at,
        );
      return await showRows(deps, db, open, indexes);
    });
    const parameters = queryParameters(request.url);
    const at = `${baseUrl(request, deps.publicUrl)}/service/${params.service_id}/upload/${params.upload_id}/rows`;
    const current = parameters.size > 0 ? `${at}?${parameters}` : at;
    const last = data.at(-1);
    if (!last) return { data, links: { current } };
    parameters.set('from', String(last.row + 1));
    return { data, links: { current, next: `${at}?${parameters}` } };
  },
});

const preview = defineRoute({
  ...common,
  method: 'GET',
  path: `${uploadPath}/row/:row(^\\d+$)/preview`,
  handlerName: 'upload.preview_row',
  summary: 'Show a row as it would be sent',
  params: Type.Object({ ...uploadParams, ...rowParam }),
  answers: {
    200: { description: 'The message.', schema: Type.Object({ data: rowPreviewSchema }) },
    400: { description: 'The email is too long.' },
    ...noUpload,
  },
  async handler(deps: UploadRowDeps, request, reply) {
    const { params } = request;
    const open = await openForReading(deps, request);
    const index = params.row - 2;
    const records = await deps.reads(params.service_id, callerLeaves(reply), (db) =>
      findRecordsOf(db, deps.cipher, params.upload_id, [index]),
    );
    const cells = records.get(index);
    if (!cells) throw noResultFound();
    return { data: await renderRow(deps, open, index, cells) };
  },
});

const mend = defineRoute({
  ...common,
  method: 'POST',
  path: `${uploadPath}/row/:row(^\\d+$)`,
  handlerName: 'upload.mend_row',
  summary: 'Mend one cell of an upload',
  description:
    'The row is checked again. If several people mend the same cell, the last one counts. Not after a job has been made of the upload.',
  params: Type.Object({ ...uploadParams, ...rowParam }),
  body: Type.Object({
    column: orNull(
      Type.String({ maxLength: longestCell }),
      'A header of the file. null: whatever stands beyond the last column is taken away.',
    ),
    value: Type.String({ maxLength: longestCell, description: 'The new value of the cell.' }),
  }),
  example: { column: 'phone number', value: '07700 900123' },
  answers: {
    200: {
      description: 'The upload and the row, as they are now.',
      schema: Type.Object({ data: uploadSchema, row: rowSchema }),
    },
    400: { description: 'There is no such column, or a job has been made of the upload.' },
    ...noUpload,
  },
  async handler(deps: UploadRowDeps, request) {
    const { params, body, actorId } = request;
    const { service } = await openForWriting(deps, request);
    const index = params.row - 2;
    await mendCell(deps, service, {
      ...{ uploadId: params.upload_id, index, column: body.column, value: body.value },
      userId: actorId,
    });
    const open = await openForWriting(deps, request);
    const [row] = await showRows(deps, deps.db, open, [index]);
    if (!row) throw noResultFound();
    return { data: await showUpload(deps, deps.db, open), row };
  },
});

const leaveOut = defineRoute({
  ...common,
  method: 'POST',
  path: `${uploadPath}/leave-out-faulty`,
  handlerName: 'upload.leave_out_faulty',
  summary: 'Leave the faulty rows of an upload out',
  description:
    'They become an upload of their own, to be finished later. The rows that follow them move up. Not after a job has been made of the upload.',
  params: Type.Object(uploadParams),
  answers: {
    200: {
      description: 'The upload, and the one with the rows that were left out.',
      schema: Type.Object({ data: uploadSchema, left_out: uploadSchema }),
    },
    400: { description: 'No row or every row is faulty, or a job has been made of the upload.' },
    ...noUpload,
  },
  async handler(deps: UploadRowDeps, request) {
    const { params, actorId } = request;
    const { service } = await openForWriting(deps, request);
    const leftId = await leaveOutFaulty(deps, service, params.upload_id, actorId);
    const open = await openForWriting(deps, request);
    const upload = await findUpload(deps.db, deps.cipher, service.id, leftId);
    const left = upload && (await openUpload(deps, service, upload));
    if (!left) throw noResultFound();
    return {
      data: await showUpload(deps, deps.db, open),
      left_out: await showUpload(deps, deps.db, left),
    };
  },
});

const download = defineRoute({
  ...common,
  method: 'GET',
  path: `${uploadPath}/csv`,
  handlerName: 'upload.get_csv',
  summary: 'Download the rows of an upload',
  description:
    'As a CSV file in UTF-8, with the columns of the file. No cell is a formula: one that would be begins with an apostrophe. A service can have one download under way.',
  params: Type.Object(uploadParams),
  query: Type.Object(
    {
      faulty: Type.Optional(
        Type.Boolean({
          description:
            'true: only rows with a fault, with what is wrong in a last column. false: only those without.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'The file.', contentType: 'text/csv; charset=utf-8', schema: Type.String() },
    400: { description: 'A parameter is unknown or invalid.' },
    404: noUpload[404],
  },
  async handler(deps: UploadRowDeps, request, reply) {
    const { params, query } = request;
    const open = await openForReading(deps, request);
    const left = callerLeaves(reply);
    const leave = await deps.downloads(params.service_id, left);
    // Also when the answer has ended, whatever it was.
    if (left.aborted) leave();
    else left.addEventListener('abort', leave);
    const lines = linesOf(deps, open, query.faulty ?? null, left);
    // Read now, so that what fails at once gets an answer of its own.
    const first = await lines.next();
    const whole = async function* () {
      if (!first.done) yield first.value;
      yield* lines;
    };
    return reply.type('text/csv; charset=utf-8').send(Readable.from(whole()));
  },
});

/** The rows of files of recipients (spec 04, section 6.4). */
export const uploadRowRoutes = [list, preview, mend, leaveOut, download];

/** Rows with their faults; fewer than asked for if they are long. */
async function showRows(
  deps: UploadRowDeps,
  db: Parameters<typeof findFaults>[0],
  open: OpenUpload,
  indexes: readonly number[],
) {
  const first = indexes[0];
  if (first === undefined) return [];
  const { upload, columns, summary, service } = open;
  const faults = await findFaults(db, upload.id, first, indexes.at(-1)! + 1, faultsPerRead);
  const records = await findRecordsOf(db, deps.cipher, upload.id, indexes);
  const explain = createExplain(
    columns,
    await rulesFor(deps, service, upload.templateType),
    summary.separator,
  );
  const shown = [];
  let length = 0;
  for (const index of indexes) {
    const cells = records.get(index);
    if (!cells) continue;
    length += cells.reduce((sum, cell) => sum + cell.length + 4, 0);
    if (length > pageLength && shown.length > 0) break;
    const own = faults.filter((fault) => fault.index === index);
    shown.push({ row: rowNumber(index), cells: [...cells], faults: showFaults(own, cells, explain) });
  }
  return shown;
}

/** The file in pieces, of which one is in memory; the next is read when the caller has taken it. */
async function* linesOf(
  deps: UploadRowDeps,
  open: OpenUpload,
  faulty: boolean | null,
  left: AbortSignal,
): AsyncGenerator<string, void, void> {
  const { upload, service, columns, summary } = open;
  const explain = createExplain(
    columns,
    await rulesFor(deps, service, upload.templateType),
    summary.separator,
  );
  const header = upload.header.map(formulaText);
  yield byteOrderMark + csvLine(faulty ? [...header, 'What is wrong'] : header);
  for (let next = 0; next < upload.rowCount; ) {
    const { piece, faults } = await deps.reads(upload.serviceId, left, async (db) => {
      const [found] = await findPieces(db, deps.cipher, upload.id, next, next + 1);
      const until = found ? found.firstRow + found.rowCount : 0;
      const all = found ? await findFaults(db, upload.id, next, until, faultsPerRead) : [];
      return { piece: found, faults: all };
    });
    // Of a file with too many rows only the first ones are stored.
    if (!piece && summary.tooManyRows) return;
    // Breaks the connection, so that a part is not taken for the whole.
    if (piece?.firstRow !== next)
      throw new Error('The rows of the upload changed while they were downloaded.');
    const byRow = Map.groupBy(faults, ({ index }) => index);
    let text = '';
    for (const [at, cells] of (JSON.parse(piece.records) as string[][]).entries()) {
      const own = byRow.get(next + at) ?? [];
      if (faulty !== null && faulty !== own.length > 0) continue;
      const line = Array.from({ length: Math.max(header.length, cells.length) }, (_, place) =>
        formulaText(cells[place] ?? ''),
      );
      text += csvLine(
        faulty ? [...line, own.map((fault) => reason(fault, explain(fault, cells))).join('; ')] : line,
      );
    }
    next += piece.rowCount;
    if (text !== '') yield text;
  }
}

function reason({ header }: Readonly<{ header: string | null }>, message: string): string {
  return header === null ? message : `${header}: ${message}`;
}
