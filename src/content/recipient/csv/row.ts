/**
 * The columns of a file against those a template needs, and its rows as values by column (spec 03, sections 4.3 and
 * 4.4).
 */
import { clean, keyOf } from '../characters.ts';
import type { CsvRecord } from './record.ts';

export type TemplateType = 'sms' | 'email' | 'letter';

const addressLines = [1, 2, 3, 4, 5, 6].map((line) => `address line ${line}`);
const lastAddressLine = 'address line 7';

/** The columns that hold the recipient, as shown to people (spec 03, section 4.3). */
export const recipientColumns: Readonly<Record<TemplateType, readonly string[]>> = {
  sms: ['phone number'],
  email: ['email address'],
  letter: [...addressLines, 'postcode', lastAddressLine],
};

/** Three columns of either list make an address. */
const addressColumns = [
  [...addressLines, 'postcode'],
  [...addressLines, lastAddressLine],
];

/** A column of this name gives the reference of each message, placeholder or not (spec 03, section 4.7). */
const referenceKey = 'reference';

/** One distinct raw header with all its positions; together they make one value per row. */
export type Column = {
  readonly header: string;
  readonly key: string;
  readonly isRecipient: boolean;
  /** Neither recipient nor placeholder: shown, but never an error. */
  readonly isIgnored: boolean;
  /** Indexes into a record; empty when no row has a value there, so that the value is always null. */
  readonly positions: readonly number[];
};

export type CsvColumns = {
  readonly type: TemplateType;
  /** Cells are the values of messages as they were, not what somebody typed: nothing around them is taken away. */
  readonly isVerbatim: boolean;
  /** Raw headers without exact repeats, in order; an empty header is `''`. */
  readonly headers: readonly string[];
  /** Placeholders and recipient columns that the file lacks, in the template's spelling and order. */
  readonly missing: readonly string[];
  /** The spellings of a recipient column that the file has more than once. */
  readonly duplicateRecipients: readonly string[];
  readonly hasRecipient: boolean;
  /** The recipient header of a text message or email, in the file's spelling. */
  readonly recipientHeader: string | null;
  readonly recipientKeys: readonly string[];
  /** In the order of the file. */
  readonly columns: readonly Column[];
  /** The columns a message needs: all but the ignored ones, and `reference`. */
  readonly needed: readonly Column[];
  /** By key, the header whose value counts: the last of several spellings. */
  readonly headerOf: ReadonlyMap<string, string>;
  /** Cells of the header, empty ones included; a value beyond them has lost its column. */
  readonly headerWidth: number;
  /** Cells from this index on have no header. */
  readonly headedWidth: number;
  /** Cells from this index on are empty in every row, or dropped. */
  readonly width: number;
};

/**
 * Reads the header record. `filledWidth` is one more than the highest index of a non-empty data cell in the whole
 * file; beyond it a repeated header is not a second column (spec 03, section 4.3, wide files).
 */
export function readColumns(
  header: CsvRecord,
  filledWidth: number,
  template: {
    readonly type: TemplateType;
    readonly placeholders: readonly string[];
    readonly isVerbatim?: boolean;
  },
): CsvColumns {
  const { type, isVerbatim = false } = template;
  const recipientKeys = recipientColumns[type].map(keyOf);
  const recipients = new Set(recipientKeys);
  const placeholders = new Map<string, string>();
  for (const name of [...template.placeholders, ...recipientColumns[type]])
    if (!placeholders.has(keyOf(name))) placeholders.set(keyOf(name), name);

  const headers = distinctHeaders(header);
  const headerKey = (name: string) => {
    const key = keyOf(name);
    if (placeholders.has(key)) return key;
    const mended = keyOf(clean(name.replace(invisible, '')));
    return placeholders.has(mended) ? mended : key;
  };
  const keys = new Set(headers.map(headerKey));
  const { positionsOf, headedWidth } = positionHeaders(header, headers, filledWidth);
  const columns = headers.map((name): Column => {
    const key = headerKey(name);
    return {
      header: name,
      key,
      isRecipient: recipients.has(key),
      isIgnored: !placeholders.has(key),
      positions: positionsOf.get(name) ?? [],
    };
  });
  return {
    type,
    isVerbatim,
    headers,
    missing: [...placeholders]
      .filter(([key]) => !keys.has(key) && !(type === 'letter' && recipients.has(key)))
      .map(([, name]) => name),
    duplicateRecipients: duplicateRecipients(header, columns, headerKey),
    hasRecipient:
      type === 'letter'
        ? addressColumns.some((lines) => lines.filter((line) => keys.has(keyOf(line))).length >= 3)
        : keys.has(recipientKeys[0]!),
    recipientHeader:
      (type !== 'letter' && columns.findLast(({ isRecipient }) => isRecipient)?.header) || null,
    recipientKeys,
    columns,
    needed: columns.filter(({ key, isIgnored }) => !isIgnored || key === referenceKey),
    headerOf: new Map(columns.map(({ key, header }) => [key, header])),
    headerWidth: header.width,
    headedWidth,
    width: Math.max(filledWidth, headedWidth),
  };
}

function distinctHeaders({ cells, width }: CsvRecord): string[] {
  const headers = new Set(cells);
  if (width > cells.length) headers.add('');
  return [...headers];
}

/** The first `filledWidth` headers keep their positions; of the rest, each new name counts once, without a position. */
function positionHeaders({ cells, width }: CsvRecord, headers: readonly string[], filledWidth: number) {
  const positionsOf = new Map<string, number[]>();
  const positioned = Math.min(width, filledWidth);
  for (let position = 0; position < positioned; position += 1) {
    const name = cells[position] ?? '';
    const positions = positionsOf.get(name);
    if (positions) positions.push(position);
    else positionsOf.set(name, [position]);
  }
  return { positionsOf, headedWidth: positioned + headers.length - positionsOf.size };
}

function duplicateRecipients(
  { cells }: CsvRecord,
  columns: readonly Column[],
  headerKey: (name: string) => string,
): string[] {
  const recipients = columns.filter(({ isRecipient }) => isRecipient);
  const counts = new Map<string, number>();
  for (const name of cells) {
    const key = headerKey(name);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return recipients.filter(({ key }) => counts.get(key)! > 1).map(({ header }) => header);
}

/** A cleaned cell, null when empty; a list where a column is repeated. */
export type CellValue = string | null | readonly (string | null)[];

export type CsvRow = {
  /** From 0, on the record after the header; stored as the message's job row number. */
  readonly index: number;
  /** For letters, the values of the eight address columns. */
  readonly recipient: CellValue;
  /** By key, recipient included; columns that the template does not use are left out. */
  readonly personalisation: ReadonlyMap<string, CellValue>;
  /** The value of the column `reference`. */
  readonly reference: CellValue;
  readonly record: CsvRecord;
};

/** A cell as shown to people. */
export type Cell = {
  readonly key: string;
  readonly header: string;
  readonly value: CellValue;
  readonly isIgnored: boolean;
};

/**
 * The values that a message needs (spec 03, section 4.4). Nothing else is read: files can have thousands of columns
 * that no template uses.
 */
export function readRow(columns: CsvColumns, index: number, record: CsvRecord): CsvRow {
  const personalisation = new Map<string, CellValue>();
  let reference: CellValue = null;
  for (const column of columns.needed) {
    const value = columnValue(column, record, columns.isVerbatim);
    if (isNoCell(column, value)) continue;
    if (!column.isIgnored) personalisation.set(column.key, value);
    if (column.key === referenceKey) reference = value;
  }
  const { type, recipientKeys } = columns;
  const recipient =
    type === 'letter'
      ? recipientKeys.map((key) => asText(personalisation.get(key)))
      : (personalisation.get(recipientKeys[0]!) ?? null);
  return { index, recipient, personalisation, reference, record };
}

/** Every cell of a row in the order of the file, and the values beyond the last header. */
export function cellsOf(
  columns: CsvColumns,
  { record }: CsvRow,
): { cells: readonly Cell[]; withoutHeader: readonly string[] } {
  const cells = new Map<string, Cell>();
  for (const column of columns.columns) {
    const { key, header, isIgnored } = column;
    const value = columnValue(column, record, columns.isVerbatim);
    if (!isNoCell(column, value)) cells.set(key, { key, header, value, isIgnored });
  }
  const withoutHeader: string[] = [];
  const end = Math.min(record.width, columns.width);
  for (let position = columns.headedWidth; position < end; position += 1)
    withoutHeader.push(record.cells[position] ?? '');
  return { cells: [...cells.values()], withoutHeader };
}

/**
 * The value under one header. Repeats make a list if a value precedes them, but of a repeated recipient the last one
 * counts. A cell beyond the end of a short row is not the same as an empty one: there, even a recipient makes a list.
 * Verbatim, a placeholder without a value has an empty one.
 */
function columnValue(
  { positions, isRecipient, isIgnored }: Column,
  { cells, width }: CsvRecord,
  isVerbatim: boolean,
): CellValue {
  const isAsItWas = isVerbatim && !isRecipient;
  let held: string | null = null;
  let list: (string | null)[] | null = null;
  for (const position of positions) {
    const raw = cells[position];
    const value =
      raw === undefined || raw === '' ? null : isAsItWas ? raw : cellText(raw, isRecipient) || null;
    if (isRecipient && position < width) {
      held = value;
      list = null;
    } else if (list) list.push(value);
    else if (held !== null) list = [held, value];
    else held = value;
  }
  return list ?? held ?? (isAsItWas && !isIgnored ? '' : null);
}

/** The marks that copying from a page or document leaves around a recipient or header. */
const invisible = /[\u200e\u200f\u202a-\u202e\u2061-\u2069\u00ad]/g;
const formula = /^="((?:[^"]|"")*)"$/;

/** A cell without what spreadsheets leave around a value: `="07…"` keeps a number's zeros in them. */
function cellText(raw: string, isRecipient: boolean): string {
  const whole = formulaText(raw);
  return clean(isRecipient ? whole.replace(invisible, '') : whole);
}

/** The text that a formula such as `="07…"` stands for; any other cell cleaned. */
export function formulaText(raw: string): string {
  const text = clean(raw);
  return formula.exec(text)?.[1]?.replaceAll('""', '"') ?? text;
}

/** Empty columns without a header, as spreadsheets leave them beside a table, are not cells. */
function isNoCell({ header }: Column, value: CellValue): boolean {
  return header === '' && value === null;
}

function asText(value: CellValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
