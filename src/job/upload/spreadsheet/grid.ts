/**
 * From the rows of a sheet to its records (spec 03, section 4.1): hidden rows and columns are left out, a merged range
 * repeats its value, the first visible row that is not empty is the header and says how many columns are read, and
 * empty rows and columns at the end are dropped. Nothing is held but the values of merged ranges.
 */
import { maxCellLength, maxCells } from '../../../content/recipient/csv/record.ts';
import { maxSheetColumns, maxSheetRows, Refusal } from './refusal.ts';

/** Columns and rows of the largest sheet that spreadsheet programs have. */
export const sheetColumns = 16_384;
export const sheetRows = 1_048_576;

/** Columns that are read at least, however few have a header (spec 03, section 4.1). */
const leastColumns = 50;

/**
 * Characters in all records together. A file names a text once and can use it in every cell, so the size of the file
 * is no bound.
 */
const maxCharacters = 128 * 1024 * 1024;

/** A value in one or more cells side by side. Columns and rows count from 0. */
export type CellRun = Readonly<{ column: number; columns: number; value: string }>;

/** The value of a merged range below and beside its first cell. */
export type MergedRange = CellRun & Readonly<{ lastRow: number }>;

export type SheetRow = Readonly<{
  index: number;
  /** How many rows are like this one, from `index` on. */
  rows: number;
  isHidden: boolean;
  /** Of several values for one cell the last one counts. */
  cells: readonly CellRun[];
  /** The ranges that begin in this row. */
  merged: readonly MergedRange[];
}>;

export class Grid {
  readonly #waiting: SheetRow[] = [];
  readonly #hidden = new Uint8Array(sheetColumns);
  #isUnlistedHidden = false;
  /** The columns that are read; null before the header. */
  #columns: readonly number[] | null = null;
  /** All columns before it can matter. */
  #end = sheetColumns;
  #nextRow = 0;
  /** Empty records since the last other one; they count only if another follows. */
  #blanks = 0;
  #records = 0;
  #cells = 0;
  #characters = 0;
  /** For each column, the value of the merged range in it and that range's last row. */
  readonly #mergedValues: string[] = [];
  readonly #mergedUntil: number[] = [];
  /** The last row of any of them that has a value. */
  #lastMergedRow = -1;

  hideColumns(first: number, last: number): void {
    this.#hidden.fill(1, first, last + 1);
  }

  /** Rows that the sheet does not list are hidden. */
  hideUnlistedRows(): void {
    this.#isUnlistedHidden = true;
  }

  add(row: SheetRow): void {
    this.#waiting.push(row);
  }

  /** The records of the rows added since the last call. */
  *take(): Generator<readonly string[], void, void> {
    for (const row of this.#waiting) {
      if (row.index < this.#nextRow) throw new Refusal('not-a-workbook');
      yield* this.#unlisted(row.index);
      for (const range of row.merged) this.#merge(range);
      yield* this.#alike(row.cells, row.index, row.index + row.rows, row.isHidden);
    }
    this.#waiting.length = 0;
  }

  /** The records after the last row that the sheet lists, which a merged range can have. */
  *end(): Generator<readonly string[], void, void> {
    yield* this.#unlisted(Math.min(this.#lastMergedRow + 1, sheetRows));
  }

  #merge({ column, columns, lastRow, value }: MergedRange): void {
    const end = Math.min(column + columns, this.#end);
    for (let at = this.#mergedUntil.length; at < end; at += 1) {
      this.#mergedValues.push('');
      this.#mergedUntil.push(-1);
    }
    this.#mergedValues.fill(value, column, end);
    this.#mergedUntil.fill(lastRow, column, end);
    if (!isBlank(value) && column < end) this.#lastMergedRow = Math.max(this.#lastMergedRow, lastRow);
  }

  *#unlisted(end: number): Generator<readonly string[], void, void> {
    if (end > this.#nextRow) yield* this.#alike([], this.#nextRow, end, this.#isUnlistedHidden);
  }

  /** Rows with the same cells of their own; they differ where merged ranges end. */
  *#alike(
    cells: readonly CellRun[],
    first: number,
    end: number,
    isHidden: boolean,
  ): Generator<readonly string[], void, void> {
    this.#nextRow = end;
    if (isHidden) return;
    for (let row = first; row < end; ) {
      const { values, lastRow } = this.#lay(cells, row);
      const isHeader = this.#columns === null;
      const record = isHeader ? this.#readHeader(values) : this.#pick(values, this.#columns!);
      const rows = isHeader && record.length > 0 ? 1 : Math.min(lastRow + 1, end) - row;
      yield* this.#repeat(record, rows, row);
      row += rows;
    }
  }

  /** The values of a row by column, and the last row for which merged ranges leave them so. */
  #lay(cells: readonly CellRun[], row: number) {
    const values: string[] = [];
    for (const { column, columns, value } of cells) {
      const end = Math.min(column + columns, this.#end);
      while (values.length < end) values.push('');
      values.fill(value, column, end);
    }
    let lastRow = Infinity;
    if (row > this.#lastMergedRow && cells.length === 0) return { values, lastRow };
    for (let column = 0; column < this.#mergedUntil.length; column += 1) {
      const until = this.#mergedUntil[column]!;
      if (until < row) continue;
      lastRow = Math.min(lastRow, until);
      while (values.length <= column) values.push('');
      values[column] = this.#mergedValues[column]!;
    }
    return { values, lastRow };
  }

  #readHeader(values: readonly string[]): readonly string[] {
    const visible: number[] = [];
    for (let column = 0; column < sheetColumns; column += 1)
      if (this.#hidden[column] === 0) visible.push(column);
    const header = this.#pick(values, visible);
    if (header.length === 0) return header;
    if (header.length > maxSheetColumns) throw new Refusal('too-many-columns');
    this.#columns = visible.slice(0, Math.max(header.length, leastColumns));
    this.#end = this.#columns.at(-1)! + 1;
    this.#mergedUntil.length = Math.min(this.#mergedUntil.length, this.#end);
    this.#mergedValues.length = this.#mergedUntil.length;
    return header;
  }

  /** The values of these columns without empty ones at the end. */
  #pick(values: readonly string[], columns: readonly number[]): readonly string[] {
    const record: string[] = [];
    let length = 0;
    for (const column of columns) {
      const value = values[column];
      if (value === undefined) break;
      record.push(value);
      if (!isBlank(value)) length = record.length;
    }
    record.length = length;
    return record;
  }

  *#repeat(record: readonly string[], rows: number, row: number): Generator<readonly string[], void, void> {
    if (record.length === 0) {
      if (this.#columns !== null) this.#blanks += rows;
      return;
    }
    this.#records += this.#blanks + rows;
    if (this.#records > maxSheetRows) throw new Refusal('too-many-rows');
    this.#cells += this.#blanks + rows * record.length;
    if (this.#cells > maxCells) throw new Refusal('too-many-cells');
    for (const { length } of record) {
      if (length > maxCellLength) throw new Refusal('cell-too-long', row + 1);
      this.#characters += rows * length;
    }
    if (this.#characters > maxCharacters) throw new Refusal('too-long');
    for (; this.#blanks > 0; this.#blanks -= 1) yield [];
    for (let count = 0; count < rows; count += 1) yield record;
  }
}

function isBlank(value: string): boolean {
  return value === '' || value.trim() === '';
}
