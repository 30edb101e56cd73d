/** One data row as values by column: spec 03 section 4.4. */
import { clean } from './characters.ts';
import { type Column, type CsvColumns, REFERENCE_KEY } from './csv-columns.ts';
import type { CsvRecord } from './csv-record.ts';

/** A cleaned cell, null when empty; a list where a column is repeated. */
export type CellValue = string | null | readonly (string | null)[];

export type CsvRow = {
  /** Counted from 0 on the record after the header; stored as the row number of the message. */
  readonly index: number;
  /** For letters the values of the eight address columns. */
  readonly recipient: CellValue;
  /** By normalised name, the recipient included; columns that the template does not use are left out. */
  readonly personalisation: ReadonlyMap<string, CellValue>;
  /** The value of a column `reference`. */
  readonly reference: CellValue;
  readonly record: CsvRecord;
};

/** A cell for people to look at. */
export type Cell = {
  readonly key: string;
  readonly header: string;
  readonly value: CellValue;
  readonly isIgnored: boolean;
};

/** What a message needs of a row, and no more: files can have thousands of columns that no template uses. */
export function readRow(columns: CsvColumns, index: number, record: CsvRecord): CsvRow {
  const personalisation = new Map<string, CellValue>();
  let reference: CellValue = null;
  for (const column of columns.needed) {
    const value = columnValue(column, record);
    if (isNoCell(column, value)) continue;
    if (!column.isIgnored) personalisation.set(column.key, value);
    if (column.key === REFERENCE_KEY) reference = value;
  }
  const { type, recipientKeys } = columns;
  const recipient =
    type === 'letter'
      ? recipientKeys.map((key) => asText(personalisation.get(key)))
      : (personalisation.get(recipientKeys[0]!) ?? null);
  return { index, recipient, personalisation, reference, record };
}

/** Every cell of a row in the order of the file, and the values past the last header. */
export function cellsOf(
  columns: CsvColumns,
  { record }: CsvRow,
): { cells: readonly Cell[]; withoutHeader: readonly string[] } {
  const cells = new Map<string, Cell>();
  for (const column of columns.columns) {
    const { key, header, isIgnored } = column;
    const value = columnValue(column, record);
    if (!isNoCell(column, value)) cells.set(key, { key, header, value, isIgnored });
  }
  const withoutHeader: string[] = [];
  const end = Math.min(record.width, columns.width);
  for (let place = columns.headedWidth; place < end; place += 1)
    withoutHeader.push(record.cells[place] ?? '');
  return { cells: [...cells.values()], withoutHeader };
}

/**
 * The value of one header, whose repeats make a list when there is something before them; of a recipient the last
 * one counts. A cell that a short row does not have is not quite an empty one: even a recipient then makes a list.
 */
function columnValue({ places, isRecipient }: Column, { cells, width }: CsvRecord): CellValue {
  let held: string | null = null;
  let list: (string | null)[] | null = null;
  for (const place of places) {
    const raw = cells[place];
    const value = raw === undefined || raw === '' ? null : clean(raw) || null;
    if (isRecipient && place < width) {
      held = value;
      list = null;
    } else if (list) list.push(value);
    else if (held !== null) list = [held, value];
    else held = value;
  }
  return list ?? held;
}

/** The empty columns that a spreadsheet leaves beside a table are no cells. */
function isNoCell({ header }: Column, value: CellValue): boolean {
  return header === '' && value === null;
}

function asText(value: CellValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
