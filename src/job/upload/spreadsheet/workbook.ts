/**
 * A workbook as records of text cells, streamed from its bytes in memory (spec 03, section 4.1). Any bytes give an
 * outcome. A sheet cannot be judged before its end, so `openWorkbook` goes through all of it; afterwards its records
 * can be read as often as wanted, and nothing but the texts that cells share is held for it.
 */
import { setImmediate } from 'node:timers/promises';
import { stopwatch } from '../../../ground/clock.ts';
import { Archive } from './archive.ts';
import { Grid } from './grid.ts';
import { openOds, readOdsSheet } from './ods.ts';
import { Refusal, type WorkbookProblem } from './refusal.ts';
import { isOfficeOpenXml, openXlsx } from './xlsx.ts';
import { readMergedRanges, readXlsxSheet } from './xlsx-sheet.ts';

export type Workbook = {
  /** The first record, without empty cells at its end; none if the sheet is empty. */
  readonly header: readonly string[];
  /** Records after the header. */
  readonly rowCount: number;
  /** One more than the highest index of a cell in them that is not empty. */
  readonly filledWidth: number;
  /**
   * All records in order, the header first. Each ends with its last cell that is not empty; an empty row between others
   * is a record without cells. Can be called again, also before another call is done.
   */
  records(): AsyncGenerator<readonly string[], void, void>;
};

export type WorkbookOutcome =
  | { readonly ok: true; readonly workbook: Workbook }
  /** `row`, the number of the sheet's row, is given if a cell is too long. */
  | { readonly ok: false; readonly problem: WorkbookProblem; readonly row?: number };

/** Milliseconds that reading a workbook once may take. */
const defaultPatience = 30_000;

/** Records yielded before the event loop may run. */
const recordsPerTurn = 256;

/**
 * Opens the workbook in `bytes`, of which the caller has bounded the number, and judges it. Its format is known by its
 * content, not by the name of the file. `patience` in milliseconds is how long this may take. Never throws for any
 * bytes.
 */
export async function openWorkbook(bytes: Buffer, patience = defaultPatience): Promise<WorkbookOutcome> {
  const elapsed = stopwatch();
  let isJudged = false;
  const watch = () => {
    if (!isJudged && elapsed() > patience) throw new Refusal('too-long');
  };
  try {
    const problem = problemOfSignature(bytes);
    if (problem !== null) return { ok: false, problem };
    const read = await openSheet(await Archive.open(bytes, watch));
    const workbook = await survey(() => recordsOf(read, watch));
    isJudged = true;
    return { ok: true, workbook };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { problem, row } = error;
    return { ok: false, problem, ...(row !== undefined && { row }) };
  }
}

const zipSignature = Buffer.from('PK');
/** The container of the older formats of Office, in which it also keeps encrypted workbooks of the newer. */
const compoundSignature = Buffer.from('d0cf11e0a1b11ae1', 'hex');

function problemOfSignature(bytes: Buffer): WorkbookProblem | null {
  const startsWith = (signature: Buffer) => bytes.subarray(0, signature.length).equals(signature);
  if (startsWith(zipSignature)) return null;
  if (!startsWith(compoundSignature)) return 'not-a-workbook';
  const contains = (stream: string) => bytes.includes(Buffer.from(stream, 'utf16le'));
  if (contains('EncryptedPackage')) return 'encrypted';
  return contains('Workbook') || contains('Book\0') ? 'legacy-xls' : 'not-a-workbook';
}

/** Reads the sheet into a grid; yields after each piece. */
type ReadSheet = (grid: Grid) => AsyncGenerator<void, void, void>;

async function openSheet(archive: Archive): Promise<ReadSheet> {
  if (!isOfficeOpenXml(archive)) {
    await openOds(archive);
    return (grid) => readOdsSheet(archive, grid);
  }
  const xlsx = await openXlsx(archive);
  const ranges = await readMergedRanges(archive, xlsx);
  return (grid) => readXlsxSheet(archive, xlsx, ranges, grid);
}

async function* recordsOf(read: ReadSheet, watch: () => void): AsyncGenerator<readonly string[], void, void> {
  const grid = new Grid();
  let sinceTurn = 0;
  const paced = async function* (records: Iterable<readonly string[]>) {
    for (const record of records) {
      yield record;
      sinceTurn += 1;
      if (sinceTurn % recordsPerTurn !== 0) continue;
      await setImmediate();
      watch();
    }
  };
  for await (const _ of read(grid)) yield* paced(grid.take());
  yield* paced(grid.end());
}

async function survey(records: Workbook['records']): Promise<Workbook> {
  let header: readonly string[] = [];
  let count = 0;
  let filledWidth = 0;
  for await (const record of records()) {
    if (count === 0) header = record;
    else filledWidth = Math.max(filledWidth, record.length);
    count += 1;
  }
  return { header, rowCount: Math.max(count - 1, 0), filledWidth, records };
}
