/**
 * The records of a CSV text, by the machine of spec 03 section 4.2 step 2. It is our own because csv-parse refuses
 * what that table allows or reads it otherwise: text after a closing quote, a quote inside an unquoted cell, a
 * quoted cell that never ends, only U+0020 skipped before a cell, a blank line told apart from a line of spaces.
 */
import type { CsvProblem } from './csv-problem.ts';
import type { Separator } from './csv-separator.ts';

/** Characters (code points) in the longest cell; with more the file is unreadable. */
const MAX_CELL = 131_072;

/**
 * Columns in the widest file, those of a worksheet; beyond the reference, which reads any number. Empty cells at the
 * end of a record do not count. Without a limit a file of one long header and many short rows would cost the
 * product of the two.
 */
export const MAX_COLUMNS = 16_384;

/** One record: `cells` without the empty ones at its end, `width` with them. A blank line has width 0. */
export type CsvRecord = { readonly cells: readonly string[]; readonly width: number };

type State = 'record' | 'cell' | 'unquoted' | 'quoted' | 'quote-seen' | 'carriage-return';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const SPACE = 0x20;

/** Takes text in by chunks, however divided, and hands each record over as it ends. Never throws. */
export class RecordReader {
  /** Set once the file has turned out unreadable, to the first reason; nothing more is read then. */
  problem: CsvProblem | null = null;

  readonly #separator: number;
  readonly #onRecord: (record: CsvRecord) => void;
  #state: State = 'record';
  #cell = '';
  #cells: string[] = [];
  #width = 0;

  constructor(separator: Separator, onRecord: (record: CsvRecord) => void) {
    this.#separator = separator.charCodeAt(0);
    this.#onRecord = onRecord;
  }

  push(text: string): void {
    let at = 0;
    while (at < text.length && this.problem === null) {
      if (this.#state === 'quoted') at = this.#quoted(text, at);
      else if (this.#state === 'unquoted') at = this.#unquoted(text, at);
      else at = this.#between(text, at);
    }
  }

  /** The end of the text ends the cell and the record, even inside quotes. */
  end(): void {
    if (this.problem !== null || this.#state === 'record' || this.#state === 'carriage-return') return;
    this.#endCell();
    this.#endRecord('record');
  }

  /** Looks at the one character that decides what comes next, and answers where to go on. */
  #between(text: string, at: number): number {
    const code = text.charCodeAt(at);
    switch (this.#state) {
      case 'carriage-return':
        // Any number of them before a line feed is one line end.
        if (code === LINE_FEED) this.#state = 'record';
        else if (code !== CARRIAGE_RETURN) this.problem ??= 'lone-carriage-return';
        return at + 1;
      case 'quote-seen':
        if (code === QUOTE) {
          this.#cell += '"';
          this.#state = 'quoted';
          return at + 1;
        }
        this.#state = 'unquoted';
        return at;
      case 'record':
        if (code === LINE_FEED || code === CARRIAGE_RETURN) return this.#endLine(code, at);
        this.#state = 'cell';
        return at;
      default:
        if (code === SPACE) return at + 1;
        this.#state = code === QUOTE ? 'quoted' : 'unquoted';
        return code === QUOTE ? at + 1 : at;
    }
  }

  #unquoted(text: string, at: number): number {
    const separator = this.#separator;
    let end = at;
    let code = 0;
    for (; end < text.length; end += 1) {
      code = text.charCodeAt(end);
      if (code === separator || code === LINE_FEED || code === CARRIAGE_RETURN) break;
    }
    this.#append(text, at, end);
    if (end === text.length) return end;
    this.#endCell();
    if (code !== separator) return this.#endLine(code, end);
    this.#state = 'cell';
    return end + 1;
  }

  #quoted(text: string, at: number): number {
    const quote = text.indexOf('"', at);
    this.#append(text, at, quote === -1 ? text.length : quote);
    if (quote === -1) return text.length;
    this.#state = 'quote-seen';
    return quote + 1;
  }

  #append(text: string, start: number, end: number): void {
    if (end === start) return;
    this.#cell += text.slice(start, end);
    // No character takes more than two units, so this is too long however it is counted.
    if (this.#cell.length > 2 * MAX_CELL) this.problem ??= 'cell-too-long';
  }

  #endCell(): void {
    const cell = this.#cell;
    if (cell !== '') {
      if (cell.length > MAX_CELL && Array.from(cell).length > MAX_CELL) this.problem ??= 'cell-too-long';
      if (this.#width >= MAX_COLUMNS) {
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
    this.#endRecord(code === CARRIAGE_RETURN ? 'carriage-return' : 'record');
    return at + 1;
  }

  #endRecord(next: State): void {
    this.#state = next;
    const record = { cells: this.#cells, width: this.#width };
    this.#cells = [];
    this.#width = 0;
    if (this.problem === null) this.#onRecord(record);
  }
}
