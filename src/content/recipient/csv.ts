/**
 * A file of recipients, read twice and never held: once to learn its form (`surveyCsv`, while it is being stored),
 * then for its rows (`readCsv`, to check them and again to send to them). Two readings, because what a row means is
 * known only at the end of the file: one byte there decides between UTF-8 and Windows-1252 for all of it, one cell
 * there whether a repeated header is a second column (spec 03 section 4.3), and one row there whether any is checked.
 */
import { setImmediate } from 'node:timers/promises';
import { type CsvEncoding, createDecoder, encodingsOf, SNIFFED_BYTES } from './csv-encoding.ts';
import type { CsvProblem } from './csv-problem.ts';
import { type CsvRecord, RecordReader } from './csv-record.ts';
import { detectSeparator, SAMPLE_LENGTH, type Separator } from './csv-separator.ts';
import { createLineJoiner, createTrimmer, stripStart, type TextStage } from './csv-text.ts';

/** The bytes of a file in chunks of any size; a ReadableStream of bytes is one too. */
export type CsvSource = AsyncIterable<Uint8Array>;

/** The form of a file, in JSON values only so that it can be kept with the file. */
export type CsvForm = {
  readonly encoding: CsvEncoding;
  readonly separator: Separator;
  readonly isConverted: boolean;
  /** The first record, its cells exactly as they stand; width 0 when the file has none. */
  readonly header: CsvRecord;
  /** Records after the header, blank lines included; none is left out, whatever the maximum. */
  readonly rowCount: number;
  /** One more than the highest place of a data cell that is not empty. */
  readonly filledWidth: number;
};

export type SurveyOptions = {
  /** Names of columns the file should have, by which its separator is known. */
  readonly expected: readonly string[];
  /**
   * The text is one that an upload was turned into before (spec 03 section 4.1): only commas separate, and line
   * boundaries are those of section 4.2. Default false, which is for files as they come from people.
   */
  readonly isConverted?: boolean;
};

export type Survey =
  | { readonly ok: true; readonly form: CsvForm }
  | { readonly ok: false; readonly problem: CsvProblem };

/** Work between two turns of the event loop: bytes decoded at once, and rows handed out. */
const PIECE_BYTES = 65_536;
const ROWS_PER_TURN = 256;

/**
 * Reads a file to its end for its form. Any bytes at all give an answer; what the source throws is passed on. Only
 * a file that is no text is not read further than to where that is known. Spec 03 sections 4.1 and 4.2.
 */
export async function surveyCsv(source: CsvSource, options: SurveyOptions): Promise<Survey> {
  // In every encoding that the file may have, side by side, so that one reading is enough.
  let readings: Reading[] | null = null;
  let head: Uint8Array = new Uint8Array();
  const begin = () => {
    const begun = encodingsOf(head).map((encoding) => new Reading(encoding, options));
    for (const reading of begun) reading.push(head);
    return begun;
  };
  for await (const piece of piecesOf(source)) {
    if (readings) for (const reading of readings) reading.push(piece);
    else {
      head = Buffer.concat([head, piece]);
      if (head.length >= SNIFFED_BYTES) readings = begin();
    }
    if (readings?.every(({ isText }) => !isText)) break;
  }
  readings ??= begin();
  for (const reading of readings) reading.end();
  const reading = readings.find(({ isText }) => isText);
  if (!reading) return { ok: false, problem: 'not-text' };
  return reading.problem === null
    ? { ok: true, form: reading.form() }
    : { ok: false, problem: reading.problem };
}

/** Reads the data records of a file of this form, in order. Throws when the source is not the file surveyed. */
export async function* readCsv(source: CsvSource, form: CsvForm): AsyncGenerator<CsvRecord, void, void> {
  let handedOut = 0;
  for await (const records of recordsOf(source, form))
    for (const record of records) {
      yield record;
      handedOut += 1;
      if (handedOut % ROWS_PER_TURN === 0) await setImmediate();
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
  const taken = (decoded: string | null, isEnd = false) => {
    if (decoded !== null) text.push(decoded);
    if (isEnd) text.end();
    if (decoded === null || text.problem !== null) throw new Error('This is not the file that was surveyed.');
    const ready = records;
    records = [];
    return ready;
  };
  for await (const piece of piecesOf(source)) yield taken(decoder.decode(piece));
  yield taken(decoder.end(), true);
}

/** Small enough that a source of one chunk neither fills the memory nor holds up everybody else. */
async function* piecesOf(source: CsvSource): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source)
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      yield chunk.subarray(start, start + PIECE_BYTES);
      await setImmediate();
    }
}

/** One attempt to read the file, in one encoding. */
class Reading {
  /** Whether all bytes so far are in the encoding: looked at to the end, whatever else is wrong. */
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

  push(bytes: Uint8Array): void {
    if (this.isText) this.#take(this.#decoder.decode(bytes));
  }

  end(): void {
    if (!this.isText) return;
    this.#take(this.#decoder.end());
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
    };
  }

  #take(decoded: string | null): void {
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

/** From decoded text to records: lines joined, the separator found where it is not known, the ends trimmed. */
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

  push(text: string): void {
    this.#take(this.#lines ? this.#lines.push(text) : text, false);
  }

  end(): void {
    this.#take(this.#lines?.end() ?? '', true);
    this.#records?.end();
  }

  #take(text: string, isEnd: boolean): void {
    if (this.#trimmer === null && !this.#settle(text, isEnd)) return;
    const known = this.#trimmer!.push(this.#sample === '' ? text : this.#sample);
    this.#sample = '';
    this.#records!.push(known);
  }

  /** Whether the separator is known by now; until then the text gathers in the sample. */
  #settle(text: string, isEnd: boolean): boolean {
    if (this.separator === null) {
      // White space before the header tells nothing; a tab there may be a separator.
      this.#sample = this.#sample === '' ? stripStart(text, '\t') : this.#sample + text;
      if (this.#sample.length < SAMPLE_LENGTH && !isEnd) return false;
      this.separator = detectSeparator(this.#sample.slice(0, SAMPLE_LENGTH), this.#expected);
    }
    this.#trimmer = createTrimmer(this.separator);
    this.#records = new RecordReader(this.separator, this.#onRecord);
    return true;
  }
}
