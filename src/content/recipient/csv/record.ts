/**
 * The records of a CSV text, by the state machine of spec 03, section 4.2 step 2. A library such as csv-parse does not
 * fit: it refuses, or reads differently, text after a closing quote, a quote inside an unquoted cell, a quoted cell
 * that never ends, other whitespace than U+0020 before a cell, and blank lines as against lines of spaces.
 */
import { keyOf } from '../characters.ts';
import { type Separator, trimStart } from './text.ts';

/** Why a file cannot be read at all; errors of single rows are in check.ts. */
export type CsvProblem =
  /** More than `maxCsvBytes`. */
  | 'too-large'
  /** Neither UTF-8, UTF-16 nor Windows-1252: a workbook or an image, or a wrong UTF-8 byte-order mark. */
  | 'not-text'
  /** Text, but with letters that are damaged or in another encoding. */
  | 'damaged-text'
  /** A carriage return in the middle of a line. */
  | 'lone-carriage-return'
  | 'cell-too-long'
  | 'too-many-columns'
  | 'too-many-cells';

/** Code points in the longest cell allowed (spec 03, section 4.2). */
export const maxCellLength = 131_072;

/**
 * Columns allowed in a file, as many as a worksheet has; empty cells at the end of a record do not count. The reference
 * has no limit, but without one a file with one long header and many short rows would cost the product of the two.
 */
export const maxColumns = 16_384;

/** Cells allowed in a file, empty ones and blank lines included: 100,000 rows of 100 columns. */
export const maxCells = 10_000_000;

/** Bytes allowed in a file (spec 03, section 4.1). */
export const maxCsvBytes = 10 * 1024 * 1024;

/**
 * The text shown for an unreadable file (spec 03, section 4.1; section 4.2 extends it to every such file). `row` is the
 * row number of the cell that is too long, `bytes` the size of the file, where they are known.
 */
export function csvProblemText(
  problem: CsvProblem,
  { row, bytes }: { readonly row?: number; readonly bytes?: number } = {},
): string {
  switch (problem) {
    case 'too-large': {
      const size = bytes === undefined ? '' : `, your file has ${count(bytes)}`;
      return `The file must be smaller than 10MB (Notify can process up to ${count(maxCsvBytes)} bytes${size})`;
    }
    case 'damaged-text':
      return `${unreadable} (some of its letters are damaged, or in an encoding that cannot be told: save it again as ‘CSV UTF-8’ or as an Excel workbook)`;
    case 'too-many-cells':
      return `Your file has too many cells (Notify can process up to ${count(maxCells)} cells)`;
    case 'too-many-columns':
      return `Your file has too many columns (Notify can process up to ${count(maxColumns)} columns)`;
    case 'cell-too-long':
      return `${unreadable}${row === undefined ? '' : ` (row ${row} has a cell of more than ${count(maxCellLength)} characters: look for a quote that is not closed)`}`;
    default:
      return unreadable;
  }
}

const unreadable = 'Notify cannot read this file - try using a different file type';

function count(number: number): string {
  return number.toLocaleString('en-GB');
}

/** One record: `cells` without trailing empty ones, `width` counting them. A blank line has width 0. */
export type CsvRecord = { readonly cells: readonly string[]; readonly width: number };

/** A cell by its place; the header is record 0. */
export type CellPlace = { readonly record: number; readonly position: number };

type State = 'record' | 'cell' | 'unquoted' | 'quoted' | 'quote-seen' | 'carriage-return';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;
const space = 0x20;

/** Takes text in chunks of any size and passes each record on when it is complete. Never throws. */
export class RecordReader {
  /** The first reason why the file is unreadable; nothing is read after it. */
  problem: CsvProblem | null = null;
  /**
   * The first cell whose opening quote is not closed: the text ends in it, or other text follows a closing quote after a
   * line break, which then is the opening one of a later cell. The rows in between are lost in this cell.
   */
  unclosedQuote: CellPlace | null = null;

  readonly #separator: number;
  readonly #onRecord: (record: CsvRecord) => void;
  #state: State = 'record';
  #cell = '';
  #cells: string[] = [];
  #width = 0;
  /** Cells of the records that are complete. */
  #cellCount = 0;
  #recordCount = 0;

  constructor(separator: Separator, onRecord: (record: CsvRecord) => void) {
    this.#separator = separator.charCodeAt(0);
    this.#onRecord = onRecord;
  }

  /** Records that are complete: where reading stopped, if there is a problem. */
  get recordCount(): number {
    return this.#recordCount;
  }

  push(text: string): void {
    let at = 0;
    while (at < text.length && this.problem === null) {
      if (this.#state === 'quoted') at = this.#readQuoted(text, at);
      else if (this.#state === 'unquoted') at = this.#readUnquoted(text, at);
      else at = this.#readSingle(text, at);
    }
  }

  /** Ends the open cell and record, even inside quotes. */
  end(): void {
    if (this.problem !== null || this.#state === 'record' || this.#state === 'carriage-return') return;
    if (this.#state === 'quoted') this.#markUnclosedQuote();
    this.#endCell();
    this.#endRecord('record');
  }

  /** Handles the single character that decides the next state; returns the position to go on from. */
  #readSingle(text: string, at: number): number {
    const code = text.charCodeAt(at);
    switch (this.#state) {
      case 'carriage-return':
        // Several of them before a line feed are one line end.
        if (code === lineFeed) this.#state = 'record';
        else if (code !== carriageReturn) this.problem ??= 'lone-carriage-return';
        return at + 1;
      case 'quote-seen':
        if (code === quote) {
          this.#append('"', 0, 1);
          this.#state = 'quoted';
          return at + 1;
        }
        this.#state = 'unquoted';
        if (![this.#separator, lineFeed, carriageReturn, space].includes(code) && this.#cell.includes('\n'))
          this.#markUnclosedQuote();
        return at;
      case 'record':
        if (code === lineFeed || code === carriageReturn) return this.#endLine(code, at);
        this.#state = 'cell';
        return at;
      default:
        if (code === space) return at + 1;
        this.#state = code === quote ? 'quoted' : 'unquoted';
        return code === quote ? at + 1 : at;
    }
  }

  #readUnquoted(text: string, at: number): number {
    const separator = this.#separator;
    let end = at;
    let code = 0;
    for (; end < text.length; end += 1) {
      code = text.charCodeAt(end);
      if (code === separator || code === lineFeed || code === carriageReturn) break;
    }
    this.#append(text, at, end);
    if (end === text.length) return end;
    this.#endCell();
    if (code !== separator) return this.#endLine(code, end);
    this.#state = 'cell';
    return end + 1;
  }

  #readQuoted(text: string, at: number): number {
    const end = text.indexOf('"', at);
    this.#append(text, at, end === -1 ? text.length : end);
    if (end === -1) return text.length;
    this.#state = 'quote-seen';
    return end + 1;
  }

  #markUnclosedQuote(): void {
    this.unclosedQuote ??= { record: this.#recordCount, position: this.#width };
  }

  #append(text: string, start: number, end: number): void {
    if (end === start) return;
    this.#cell += text.slice(start, end);
    // A code point takes at most two UTF-16 units, so this cell is too long however it is counted.
    if (this.#cell.length > 2 * maxCellLength) this.problem ??= 'cell-too-long';
  }

  #endCell(): void {
    const cell = this.#cell;
    if (cell !== '') {
      if (cell.length > maxCellLength && Array.from(cell).length > maxCellLength)
        this.problem ??= 'cell-too-long';
      if (this.#width >= maxColumns) {
        this.problem ??= 'too-many-columns';
        return;
      }
      while (this.#cells.length < this.#width) this.#cells.push('');
      this.#cells.push(cell);
      this.#cell = '';
    }
    this.#width += 1;
  }

  #endLine(code: number, at: number): number {
    this.#endRecord(code === carriageReturn ? 'carriage-return' : 'record');
    return at + 1;
  }

  #endRecord(next: State): void {
    this.#cellCount += Math.max(this.#width, 1);
    if (this.#cellCount > maxCells) this.problem ??= 'too-many-cells';
    this.#state = next;
    const record = { cells: this.#cells, width: this.#width };
    this.#cells = [];
    this.#width = 0;
    if (this.problem !== null) return;
    this.#recordCount += 1;
    this.#onRecord(record);
  }
}

/** In order of preference. */
const separators: readonly Separator[] = [',', ';', '\t'];

/**
 * Guesses the separator from the header line of `sample`, the start of a file: the one under which most `expected`
 * columns are found. Quotes are respected, and text in the rows cannot mislead because only the header counts. In a
 * draw the comma wins if the header has one; otherwise the separator that makes more columns.
 */
export function detectSeparator(sample: string, expected: Iterable<string>): Separator {
  const keys = new Set(Array.from(expected, keyOf));
  const readings = separators.map((separator) => {
    const { cells, width } = firstRecord(sample, separator);
    const found = new Set(cells.map(keyOf).filter((key) => keys.has(key))).size;
    return { separator, found, width };
  });
  const most = Math.max(...readings.map(({ found }) => found));
  const [best, ...others] = readings.filter(({ found }) => found === most);
  if (best!.separator === ',' && best!.width > 1) return ',';
  return [best!, ...others].reduce((wider, other) => (other.width > wider.width ? other : wider)).separator;
}

function firstRecord(sample: string, separator: Separator): CsvRecord {
  const records: CsvRecord[] = [];
  const reader = new RecordReader(separator, (record) => {
    // Reading the rest of the sample costs little, so it is not worth stopping.
    if (records.length === 0) records.push(record);
  });
  reader.push(trimStart(sample, separator));
  reader.end();
  return records[0] ?? { cells: [], width: 0 };
}
