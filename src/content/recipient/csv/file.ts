/**
 * A file of recipients. It is streamed twice and never held in memory: `surveyCsv` finds its form while it is being
 * stored, `readCsv` then yields its rows, for the check and again for sending. One pass is not enough, because the
 * meaning of a row is known only at the end of the file: one late byte decides between UTF-8 and Windows-1252 for all
 * of it, one late cell decides whether a repeated header is a second column (spec 03, section 4.3), and the number of
 * rows decides whether any is checked.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type CellPlace,
  type CsvProblem,
  type CsvRecord,
  detectSeparator,
  maxCsvBytes,
  RecordReader,
} from './record.ts';
import {
  type CsvEncoding,
  createDecoder,
  createLineJoiner,
  createTrimmer,
  namedSeparator,
  possibleEncodings,
  type Separator,
  sniffedBytes,
  type TextStage,
  trimStart,
} from './text.ts';

/** The bytes of a file in chunks of any size, for instance a ReadableStream. */
export type CsvSource = AsyncIterable<Uint8Array>;

/** How a file has to be read. Holds JSON values only, so that it can be stored with the file. */
export type CsvForm = {
  readonly encoding: CsvEncoding;
  readonly separator: Separator;
  readonly isConverted: boolean;
  /** The first record, uncleaned; width 0 when the file has none. */
  readonly header: CsvRecord;
  /** Records after the header, blank lines included, even beyond the maximum. */
  readonly rowCount: number;
  /** One more than the highest index of a non-empty data cell. */
  readonly filledWidth: number;
  /** The first cell whose quote is not closed, as `RecordReader` finds it. */
  readonly unclosedQuote: CellPlace | null;
};

export type SurveyOptions = {
  /** Names of columns the file should have, from which its separator is guessed. */
  readonly expected: readonly string[];
  /**
   * The text was already converted as spec 03, section 4.1 describes: only commas separate, and line ends are those of
   * section 4.2. Default false, for files as people upload them.
   */
  readonly isConverted?: boolean;
};

export type Survey =
  | { readonly ok: true; readonly form: CsvForm }
  /** `row`, the row number with the header as 1, is given if a cell is too long. */
  | { readonly ok: false; readonly problem: CsvProblem; readonly row?: number };

/** Bytes decoded, and rows yielded, before the event loop may run. */
const pieceBytes = 65_536;
const rowsPerTurn = 256;

/** Characters at the start of the text from which the separator is guessed: far more than a usual header line. */
const sampleLength = 65_536;

/**
 * Reads a whole file for its form. Any bytes give a result; errors of the source are thrown. Reading stops early only
 * when the file turns out not to be text or to be too large (spec 03, sections 4.1 and 4.2).
 */
export async function surveyCsv(source: CsvSource, options: SurveyOptions): Promise<Survey> {
  // All possible encodings are tried side by side, so that one pass is enough.
  let readings: Reading[] | null = null;
  let head: Uint8Array = new Uint8Array();
  const begin = () => {
    const begun = possibleEncodings(head).map((encoding) => new Reading(encoding, options));
    for (const reading of begun) reading.push(head);
    return begun;
  };
  let bytes = 0;
  for await (const piece of piecesOf(source)) {
    bytes += piece.length;
    if (bytes > maxCsvBytes) return { ok: false, problem: 'too-large' };
    if (readings) for (const reading of readings) reading.push(piece);
    else {
      head = Buffer.concat([head, piece]);
      if (head.length >= sniffedBytes) readings = begin();
    }
    if (readings?.every(({ isText }) => !isText)) break;
  }
  readings ??= begin();
  for (const reading of readings) reading.end();
  const reading = readings.find(({ isText }) => isText);
  if (!reading) return { ok: false, problem: looksLikeText(head) ? 'damaged-text' : 'not-text' };
  const { problem } = reading;
  if (problem === null) return { ok: true, form: reading.form() };
  return { ok: false, problem, ...(problem === 'cell-too-long' && { row: reading.recordCount + 1 }) };
}

/** Whether the start of a file has no bytes that only binary files and UTF-16 have. */
function looksLikeText(head: Uint8Array): boolean {
  return head.subarray(0, sniffedBytes).every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/** Yields the data records of a surveyed file in order. Throws when `source` is not the file that was surveyed. */
export async function* readCsv(source: CsvSource, form: CsvForm): AsyncGenerator<CsvRecord, void, void> {
  let yielded = 0;
  for await (const records of recordsOf(source, form))
    for (const record of records) {
      yield record;
      yielded += 1;
      if (yielded % rowsPerTurn === 0) await setImmediate();
    }
}

async function* recordsOf(
  source: CsvSource,
  form: CsvForm,
): AsyncGenerator<readonly CsvRecord[], void, void> {
  let records: CsvRecord[] = [];
  let isHeader = true;
  const text = new CsvText(form, (record) => {
    if (isHeader) isHeader = false;
    else records.push(record);
  });
  const decoder = createDecoder(form.encoding);
  const recordsIn = (decoded: string | null, isEnd = false) => {
    if (decoded !== null) text.push(decoded);
    if (isEnd) text.end();
    if (decoded === null || text.problem !== null) throw new Error('This is not the file that was surveyed.');
    const ready = records;
    records = [];
    return ready;
  };
  for await (const piece of piecesOf(source)) yield recordsIn(decoder.decode(piece));
  yield recordsIn(decoder.end(), true);
}

/** Cuts large chunks, so that a source of one chunk neither fills the memory nor blocks the event loop. */
async function* piecesOf(source: CsvSource): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source)
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      yield chunk.subarray(start, start + pieceBytes);
      await setImmediate();
    }
}

/** One attempt to read the file, in one encoding. */
class Reading {
  /** Whether all bytes so far are in the encoding; checked to the end, even if there is another problem. */
  isText = true;

  readonly #encoding: CsvEncoding;
  readonly #isConverted: boolean;
  readonly #decoder;
  readonly #text: CsvText;
  #header: CsvRecord | null = null;
  #rowCount = 0;
  #filledWidth = 0;

  constructor(encoding: CsvEncoding, { expected, isConverted = false }: SurveyOptions) {
    this.#encoding = encoding;
    this.#isConverted = isConverted;
    this.#decoder = createDecoder(encoding);
    this.#text = new CsvText({ separator: isConverted ? ',' : null, isConverted, expected }, (record) =>
      this.#count(record),
    );
  }

  get problem(): CsvProblem | null {
    return this.#text.problem;
  }

  get recordCount(): number {
    return this.#text.recordCount;
  }

  push(bytes: Uint8Array): void {
    if (this.isText) this.#pushText(this.#decoder.decode(bytes));
  }

  end(): void {
    if (!this.isText) return;
    this.#pushText(this.#decoder.end());
    this.#text.end();
  }

  form(): CsvForm {
    return {
      encoding: this.#encoding,
      separator: this.#text.separator ?? ',',
      isConverted: this.#isConverted,
      header: this.#header ?? { cells: [], width: 0 },
      rowCount: this.#rowCount,
      filledWidth: this.#filledWidth,
      unclosedQuote: this.#text.unclosedQuote,
    };
  }

  #pushText(decoded: string | null): void {
    if (decoded === null) this.isText = false;
    else this.#text.push(decoded);
  }

  #count(record: CsvRecord): void {
    if (this.#header === null) this.#header = record;
    else {
      this.#rowCount += 1;
      this.#filledWidth = Math.max(this.#filledWidth, record.cells.length);
    }
  }
}

/** From decoded text to records: joins lines, guesses the separator if it is not known, trims both ends. */
class CsvText {
  separator: Separator | null;
  readonly #expected: readonly string[];
  readonly #onRecord: (record: CsvRecord) => void;
  readonly #lines: TextStage | null;
  #trimmer: TextStage | null = null;
  #records: RecordReader | null = null;
  #sample = '';

  constructor(
    form: { separator: Separator | null; isConverted: boolean; expected?: readonly string[] },
    onRecord: (record: CsvRecord) => void,
  ) {
    this.separator = form.separator;
    this.#expected = form.expected ?? [];
    this.#onRecord = onRecord;
    this.#lines = form.isConverted ? null : createLineJoiner();
  }

  get problem(): CsvProblem | null {
    return this.#records?.problem ?? null;
  }

  get recordCount(): number {
    return this.#records?.recordCount ?? 0;
  }

  get unclosedQuote(): CellPlace | null {
    return this.#records?.unclosedQuote ?? null;
  }

  push(text: string): void {
    this.#pushLines(this.#lines ? this.#lines.push(text) : text, false);
  }

  end(): void {
    this.#pushLines(this.#lines?.end() ?? '', true);
    this.#records?.end();
  }

  #pushLines(text: string, isEnd: boolean): void {
    const isStart = this.#trimmer === null;
    if (isStart && !this.#findSeparator(text, isEnd)) return;
    const trimmed = this.#trimmer!.push(isStart ? this.#sample : text);
    this.#sample = '';
    this.#records!.push(trimmed);
  }

  /** Whether the separator is known by now; until then the text is collected in the sample. */
  #findSeparator(text: string, isEnd: boolean): boolean {
    if (this.#lines) {
      // Leading whitespace does not count towards the sample, but a leading tab may be a separator.
      this.#sample = this.#sample === '' ? trimStart(text, '\t') : this.#sample + text;
      if (this.#sample.length < sampleLength && !isEnd) return false;
      const named = namedSeparator(this.#sample.slice(0, sampleLength));
      if (named) this.#sample = this.#sample.slice(named.length);
      this.separator ??=
        named?.separator ?? detectSeparator(this.#sample.slice(0, sampleLength), this.#expected);
    } else this.#sample = text;
    this.separator ??= ',';
    this.#trimmer = createTrimmer(this.separator);
    this.#records = new RecordReader(this.separator, this.#onRecord);
    return true;
  }
}
