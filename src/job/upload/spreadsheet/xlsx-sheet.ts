/** The rows of a sheet of an Office Open XML workbook (ECMA-376 part 1, 18.3). */
import type { Archive } from './archive.ts';
import { booleanText, extended, isoText, numberText, plain } from './cell-text.ts';
import { type CellRun, type Grid, type MergedRange, sheetColumns, sheetRows } from './grid.ts';
import { Refusal } from './refusal.ts';
import { isMain, RichText, unescaped, type XlsxWorkbook } from './xlsx.ts';
import { attribute, decoded, isSet, readXml, type XmlElement, type XmlReader } from './xml.ts';

/** Bytes that a sheet may unpack to: 200,000 rows of 50 numbers have half of it. */
export const maxSheetBytes = 512 * 1024 * 1024;

/** Merged ranges in a sheet; each is held. */
const maxMergedRanges = 500_000;

/** A range of cells, columns and rows from 0. */
type Range = Readonly<{ column: number; lastColumn: number; row: number; lastRow: number }>;

/**
 * The merged ranges of a sheet by their first rows. The sheet lists them after its cells, so it is looked through for
 * them first; few sheets have any.
 */
export async function readMergedRanges(archive: Archive, { sheet }: XlsxWorkbook): Promise<readonly Range[]> {
  if (!(await mentions(decoded(archive.read(sheet, maxSheetBytes)), 'mergeCell'))) return [];
  const ranges: Range[] = [];
  const reader: XmlReader = {
    open(element) {
      if (!isMain(element) || element.local === 'sheetData') return true;
      if (element.local !== 'mergeCell') return false;
      const [first, last = first] = (attribute(element, 'ref') ?? '').split(':').map(placeOf);
      if (!first || !last) throw new Refusal('not-a-workbook');
      ranges.push({ ...first, lastColumn: last.column, lastRow: last.row });
      if (ranges.length > maxMergedRanges) throw new Refusal('too-long');
      return false;
    },
    close() {},
    text() {},
  };
  for await (const _ of readXml(archive.read(sheet, maxSheetBytes), reader));
  return ranges.sort((one, other) => one.row - other.row);
}

async function mentions(pieces: AsyncIterable<string>, name: string): Promise<boolean> {
  let end = '';
  let isFound = false;
  // All of it is read in any case, so that a damaged part is found before anything is made of it.
  for await (const piece of pieces) {
    isFound ||= (end + piece).includes(name);
    end = piece.slice(1 - name.length);
  }
  return isFound;
}

/** Reads a sheet into `grid`; yields after each piece. */
export async function* readXlsxSheet(
  archive: Archive,
  workbook: XlsxWorkbook,
  ranges: readonly Range[],
  grid: Grid,
): AsyncGenerator<void, void, void> {
  const reader = new SheetReader(workbook, ranges, grid);
  yield* readXml(archive.read(workbook.sheet, maxSheetBytes), reader);
  if (!reader.isDone) throw new Refusal('not-a-workbook');
}

class SheetReader implements XmlReader {
  /** The cells are read; what follows does not matter. */
  isDone = false;

  readonly #workbook: XlsxWorkbook;
  readonly #ranges: readonly Range[];
  readonly #grid: Grid;
  #nextRange = 0;
  #row = -1;
  #isHidden = false;
  #column = -1;
  #type = 'n';
  #style = 0;
  #cells: CellRun[] = [];
  #isValue = false;
  #value = '';
  readonly #inline = new RichText();

  constructor(workbook: XlsxWorkbook, ranges: readonly Range[], grid: Grid) {
    this.#workbook = workbook;
    this.#ranges = ranges;
    this.#grid = grid;
  }

  open(element: XmlElement): boolean {
    if (this.isDone || !isMain(element)) return true;
    switch (element.local) {
      case 'sheetFormatPr':
        if (isSet(element, 'zeroHeight')) this.#grid.hideUnlistedRows();
        return false;
      case 'worksheet':
      case 'cols':
      case 'sheetData':
      case 'r':
        return false;
      case 'col':
        this.#readColumn(element);
        return false;
      case 'row':
        this.#beginRow(element);
        return false;
      case 'c':
        this.#beginCell(element);
        return false;
      case 'v':
        this.#isValue = true;
        return false;
      case 'is':
      case 't':
        return this.#inline.open(element);
      default:
        return true;
    }
  }

  close(element: XmlElement): void {
    switch (element.local) {
      case 'v':
        this.#isValue = false;
        return;
      case 't':
        this.#inline.close(element);
        return;
      case 'c':
        this.#endCell();
        return;
      case 'row':
        this.#endRow();
        return;
      case 'sheetData':
        this.isDone = true;
    }
  }

  text(text: string): void {
    if (this.#isValue) this.#value = extended(this.#value, text);
    else this.#inline.add(text);
  }

  #readColumn(element: XmlElement): void {
    const first = Number(attribute(element, 'min')) - 1;
    const last = Number(attribute(element, 'max')) - 1;
    if (isSet(element, 'hidden') && first >= 0 && last >= first) this.#grid.hideColumns(first, last);
  }

  #beginRow(element: XmlElement): void {
    const number = attribute(element, 'r');
    this.#row = number === undefined ? this.#row + 1 : Number(number) - 1;
    if (!(Number.isInteger(this.#row) && this.#row >= 0 && this.#row < sheetRows))
      throw new Refusal('not-a-workbook');
    this.#isHidden = isSet(element, 'hidden');
    this.#column = -1;
    this.#cells = [];
  }

  #endRow(): void {
    const merged = this.#beginningRanges();
    this.#grid.add({
      index: this.#row,
      rows: 1,
      isHidden: this.#isHidden,
      cells: this.#cells,
      merged,
    });
  }

  /** The merged ranges that begin here, and those that began in a row that the sheet does not list. */
  #beginningRanges(): readonly MergedRange[] {
    const merged: MergedRange[] = [];
    for (; this.#nextRange < this.#ranges.length; this.#nextRange += 1) {
      const { column, lastColumn, row, lastRow } = this.#ranges[this.#nextRange]!;
      if (row > this.#row) break;
      const first = row === this.#row ? this.#cells.findLast((cell) => cell.column === column) : undefined;
      merged.push({ column, columns: lastColumn - column + 1, lastRow, value: first?.value ?? '' });
    }
    return merged;
  }

  #beginCell(element: XmlElement): void {
    const reference = attribute(element, 'r');
    if (reference === undefined) this.#column += 1;
    else this.#column = placeOf(reference)?.column ?? sheetColumns;
    if (this.#column >= sheetColumns) throw new Refusal('not-a-workbook');
    this.#type = attribute(element, 't') ?? 'n';
    this.#style = Number(attribute(element, 's') ?? 0);
    this.#value = '';
    this.#inline.begin();
  }

  #endCell(): void {
    const value = this.#cellText();
    if (value !== '') this.#cells.push({ column: this.#column, columns: 1, value });
  }

  #cellText(): string {
    const { texts, kinds, is1904 } = this.#workbook;
    if (this.#type === 'inlineStr') return this.#inline.end();
    const value = this.#value;
    if (value === '') return '';
    switch (this.#type) {
      case 's': {
        const text = /^\s*\d+\s*$/.test(value) ? texts[Number(value)] : undefined;
        if (text === undefined) throw new Refusal('not-a-workbook');
        return text;
      }
      case 'n':
        return numberText(value, kinds[this.#style] ?? plain, is1904);
      case 'b':
        return booleanText(value);
      case 'd':
        return isoText(value, true);
      default:
        return unescaped(value);
    }
  }
}

/** The column and row of a reference such as `AB12`, from 0; null for what is none, or lies outside a sheet. */
function placeOf(reference: string): { readonly column: number; readonly row: number } | null {
  let column = 0;
  let at = 0;
  for (; at < reference.length; at += 1) {
    const letter = reference.charCodeAt(at) - 64;
    if (letter < 1 || letter > 26) break;
    column = column * 26 + letter;
  }
  const row = Number(reference.slice(at));
  const isPlace =
    column >= 1 && column <= sheetColumns && Number.isInteger(row) && row >= 1 && row <= sheetRows;
  return isPlace ? { column: column - 1, row: row - 1 } : null;
}
