import { createHash } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { readCsv, surveyCsv } from '../../content/recipient/csv/file.ts';
import { csvProblemText, maxCellLength, maxColumns } from '../../content/recipient/csv/record.ts';
import { recipientColumns } from '../../content/recipient/csv/row.ts';
import { compileContent, placeholdersIn } from '../../content/template/template.ts';
import type { NotificationType } from '../../database/tables.ts';
import { fileTexts, formatOf, isMarkup, maxRows } from './file-format.ts';
import { type Piece, PieceMaker } from './piece.ts';
import { columnsOf, createRowCheck, type RowRules, unclosedQuoteFault } from './row-check.ts';
import type { UploadFormat, WrittenRows } from './store.ts';
import type { StoredFault } from './store-faults.ts';
import { ComparedRows, Counter, emptySummary, isValid, type Summary } from './summary.ts';
import { readWorkbook } from './workbook.ts';

/** A file and what it is checked against; everything in it can be copied to a thread. */
export type CheckTask = Readonly<{
  bytes: Uint8Array;
  fileName: string;
  /**
   * A file of any format; CSV; JSON of a list of records, each a list of texts, of which the header is the first; or
   * lines of JSON: of `PiecesHead`, then of the records of each piece.
   */
  given: 'file' | 'csv' | 'rows' | 'pieces';
  type: NotificationType;
  subject: string | null;
  content: string;
  rules: RowRules;
}>;

/** What is known of rows that come in pieces. */
export type PiecesHead = Pick<WrittenRows, 'header' | 'filledWidth' | 'rowCount'>;

/** What the thread tells while it works. Each message is answered before the third one after it is sent. */
export type CheckMessage =
  | Readonly<{ opened: Readonly<{ format: UploadFormat; digest: Uint8Array }> }>
  | Readonly<{ piece: Piece; faults: readonly StoredFault[] }>;

/** All rows, or why the file cannot be read (spec 03, section 4.1). */
export type CheckAnswer = Readonly<{ written: WrittenRows }> | Readonly<{ problem: string }>;

/** The rows that are stored of a file with too many. */
const firstRows = 10;

/** A file that can be read: its header and form, and its rows. */
type OpenedFile = Readonly<{
  header: readonly string[];
  filledWidth: number;
  rowCount: number;
  form: Pick<Summary, 'encoding' | 'separator'>;
  unclosedQuote: Readonly<{ record: number; position: number }> | null;
  records(): AsyncIterable<readonly string[]>;
}>;

/** Checks a file in a thread (check-threads.ts), and passes its rows on piece by piece. */
export default async function checkTask({
  port,
  ...task
}: CheckTask & { port: MessagePort }): Promise<CheckAnswer> {
  try {
    const { bytes, fileName, given, type, subject } = task;
    const content = compileContent(type, subject, task.content);
    const expected = [...recipientColumns[type], ...placeholdersIn(content)];
    const format = given === 'file' ? formatOf(bytes, fileName) : given === 'pieces' ? 'rows' : given;
    const file = given === 'pieces' ? openPieces(bytes) : await open(format, bytes, expected);
    if (typeof file === 'string') return { problem: file };

    const send = createSender(port);
    await send({ opened: { format, digest: createHash('sha256').update(bytes).digest() } });
    const columns = columnsOf(content, file);
    const check = createRowCheck(content, columns, task.rules);
    const tooManyRows = file.rowCount > maxRows;
    const counter = new Counter({
      ...emptySummary({ ...file.form, prefix: task.rules.prefix }),
      ...{ tooManyRows, unclosedQuoteInHeader: file.unclosedQuote?.record === 0 },
    });
    const compared = new ComparedRows();
    const ready: Piece[] = [];
    const faults: StoredFault[] = [];
    const maker = new PieceMaker(true, (piece) => ready.push(piece));
    const pass = async () => {
      for (const piece of ready.splice(0)) await send({ piece, faults: faults.splice(0) });
    };
    let index = 0;
    for await (const cells of file.records()) {
      if (tooManyRows && index === firstRows) break;
      const checked = check(index, cells);
      const isUnclosed = file.unclosedQuote?.record === index + 1;
      const outcome = isUnclosed
        ? {
            ...checked,
            faults: [
              unclosedQuoteFault(columns, file.header[file.unclosedQuote!.position] || null),
              ...checked.faults,
            ],
          }
        : checked;
      maker.add(cells, outcome);
      if (ready.length > 0) await pass();
      counter.add(outcome);
      compared.add(outcome);
      for (const fault of outcome.faults) faults.push({ ...fault, index });
      index += 1;
    }
    maker.end();
    await pass();
    await send(null);
    const summary = counter.summary(compared.result());
    const { header, filledWidth, rowCount } = file;
    const valid = isValid(summary, rowCount, columns);
    return { written: { header, filledWidth, rowCount, valid, summary } };
  } finally {
    port.close();
  }
}

function open(
  format: UploadFormat,
  bytes: Uint8Array,
  expected: readonly string[],
): Promise<OpenedFile | string> | OpenedFile | string {
  if (format === 'rows') return openRows(bytes);
  return format === 'csv' || format === 'tsv' ? openText(bytes, expected) : openSheet(bytes);
}

/** The rows of a request, or why they cannot be read: in the limits of a file. */
function openRows(bytes: Uint8Array): OpenedFile | string {
  const [header = [], ...records] = JSON.parse(Buffer.from(bytes).toString()) as string[][];
  let filledWidth = 0;
  for (const [index, cells] of [header, ...records].entries()) {
    if (cells.length > maxColumns) return csvProblemText('too-many-columns');
    if (cells.some((cell) => cell.length > maxCellLength))
      return csvProblemText('cell-too-long', { row: index + 1 });
    if (index > 0) filledWidth = Math.max(filledWidth, cells.findLastIndex((cell) => cell !== '') + 1);
  }
  return {
    ...{ header, filledWidth, rowCount: records.length, unclosedQuote: null },
    form: { encoding: null, separator: null },
    async *records() {
      for (const cells of records) yield cells.slice(0, cells.findLastIndex((cell) => cell !== '') + 1);
    },
  };
}

/** Rows that have been an upload before; one piece of them is read at a time. */
function openPieces(bytes: Uint8Array): OpenedFile {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const headEnd = all.indexOf('\n');
  return {
    ...(JSON.parse(all.toString('utf8', 0, headEnd)) as PiecesHead),
    ...{ unclosedQuote: null, form: { encoding: null, separator: null } },
    async *records() {
      for (let from = headEnd + 1; from < all.length; ) {
        const end = all.indexOf('\n', from);
        yield* JSON.parse(all.toString('utf8', from, end)) as string[][];
        from = end + 1;
      }
    },
  };
}

/** A text file, or why it cannot be read. */
async function openText(bytes: Uint8Array, expected: readonly string[]): Promise<OpenedFile | string> {
  const source = async function* () {
    yield bytes;
  };
  const survey = await surveyCsv(source(), { expected });
  if (!survey.ok) return csvProblemText(survey.problem, survey);
  const { form } = survey;
  if (isMarkup(form.header.cells[0] ?? '')) return fileTexts.markup;
  const { encoding, separator, filledWidth, rowCount, unclosedQuote } = form;
  const header = Array.from({ length: form.header.width }, (_, index) => form.header.cells[index] ?? '');
  return {
    ...{ header, filledWidth, rowCount, unclosedQuote, form: { encoding, separator } },
    async *records() {
      for await (const { cells } of readCsv(source(), form)) yield cells;
    },
  };
}

/** A workbook, or why it cannot be read. */
async function openSheet(bytes: Uint8Array): Promise<OpenedFile | string> {
  const workbook = await readWorkbook(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  if (typeof workbook === 'string') return workbook;
  const { header, rowCount, filledWidth } = workbook;
  return {
    ...{ header, rowCount, filledWidth, unclosedQuote: null },
    form: { encoding: null, separator: null },
    async *records() {
      let isHeader = true;
      for await (const cells of workbook.records()) {
        if (!isHeader) yield cells;
        isHeader = false;
      }
    },
  };
}

/** Messages that are not answered yet: more would fill the memory of the other side. */
const mostOpen = 2;

/** Sends messages, and waits while too many are open; null waits until all are answered. */
function createSender(port: MessagePort): (message: CheckMessage | null) => Promise<void> {
  let open = 0;
  let answered = (): void => undefined;
  port.on('message', () => {
    open -= 1;
    answered();
  });
  return async (message) => {
    while (open > (message === null ? 0 : mostOpen - 1))
      await new Promise<void>((resolve) => {
        answered = resolve;
      });
    if (message === null) return;
    open += 1;
    port.postMessage(message);
  };
}
