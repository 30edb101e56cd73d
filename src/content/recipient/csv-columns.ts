/** The columns of a file against those that a template needs: spec 03 section 4.3. */
import type { CsvRecord } from './csv-record.ts';

export type TemplateType = 'sms' | 'email' | 'letter';

const ADDRESS_LINES = [1, 2, 3, 4, 5, 6].map((line) => `address line ${line}`);
const LAST_ADDRESS_LINE = 'address line 7';

/** The columns that hold the recipient, in the spelling people are told. */
export const RECIPIENT_COLUMNS: Readonly<Record<TemplateType, readonly string[]>> = {
  sms: ['phone number'],
  email: ['email address'],
  letter: [...ADDRESS_LINES, 'postcode', LAST_ADDRESS_LINE],
};

/** Enough of these columns make an address: three of either list. */
const ADDRESSES = [
  [...ADDRESS_LINES, 'postcode'],
  [...ADDRESS_LINES, LAST_ADDRESS_LINE],
];

const IGNORED_IN_NAMES = /[ _-]/g;

/** The form in which names of columns and placeholders are compared (spec 03 section 0, key). */
export function columnKey(name: string): string {
  return name.replace(IGNORED_IN_NAMES, '').toLowerCase();
}

/** The raw headers that make one value of a row: one header in one spelling, with every place it stands at. */
export type Column = {
  readonly header: string;
  readonly key: string;
  readonly isRecipient: boolean;
  /** Neither recipient nor placeholder: shown, but never wrong. */
  readonly isIgnored: boolean;
  /** Indexes into a record; none when no row has anything there, and the value is always null. */
  readonly places: readonly number[];
};

export type CsvColumns = {
  readonly type: TemplateType;
  /** Raw headers without exact repeats, in order; an empty header is `''`. */
  readonly headers: readonly string[];
  /** Recipient columns and placeholders that the file does not have, as the template spells them, in its order. */
  readonly missing: readonly string[];
  /** The spellings of a recipient column that the file has more than once. */
  readonly duplicateRecipients: readonly string[];
  readonly hasRecipient: boolean;
  /** The header of the recipient column of a text message or email, as the file spells it. */
  readonly recipientHeader: string | null;
  readonly recipientKeys: readonly string[];
  /** In the order of the file. */
  readonly columns: readonly Column[];
  /** Those of `columns` that a message needs: not the ignored ones, save `reference`. */
  readonly needed: readonly Column[];
  /** By key, the header whose value counts: of several spellings the later. */
  readonly headerOf: ReadonlyMap<string, string>;
  /** From this place on the cells of a row have no header. */
  readonly headedWidth: number;
  /** Past this place every cell of every row is empty, or dropped. */
  readonly width: number;
};

/** A column of this name gives the reference of each message, placeholder or not (spec 03 section 4.7). */
export const REFERENCE_KEY = 'reference';

/**
 * Reads the header record. `filledWidth` is one more than the highest place of a cell that is not empty, over all
 * data rows of the file: beyond it a repeated header is not a second column (spec 03 section 4.3, wide files).
 */
export function readColumns(
  header: CsvRecord,
  filledWidth: number,
  template: { readonly type: TemplateType; readonly placeholders: readonly string[] },
): CsvColumns {
  const { type } = template;
  const recipientKeys = RECIPIENT_COLUMNS[type].map(columnKey);
  const recipients = new Set(recipientKeys);
  const placeholders = new Map<string, string>();
  for (const name of [...template.placeholders, ...RECIPIENT_COLUMNS[type]])
    if (!placeholders.has(columnKey(name))) placeholders.set(columnKey(name), name);

  const headers = distinctHeaders(header);
  const keys = new Set(headers.map(columnKey));
  const { placesOf, headed } = placeHeaders(header, headers, filledWidth);
  const columns = headers.map((name): Column => {
    const key = columnKey(name);
    return {
      header: name,
      key,
      isRecipient: recipients.has(key),
      isIgnored: !placeholders.has(key),
      places: placesOf.get(name) ?? [],
    };
  });
  return {
    type,
    headers,
    missing: [...placeholders]
      .filter(([key]) => !keys.has(key) && !(type === 'letter' && recipients.has(key)))
      .map(([, name]) => name),
    duplicateRecipients: duplicateRecipients(header, columns),
    hasRecipient:
      type === 'letter'
        ? ADDRESSES.some((lines) => lines.filter((line) => keys.has(columnKey(line))).length >= 3)
        : keys.has(recipientKeys[0]!),
    recipientHeader:
      (type !== 'letter' && columns.findLast(({ isRecipient }) => isRecipient)?.header) || null,
    recipientKeys,
    columns,
    needed: columns.filter(({ key, isIgnored }) => !isIgnored || key === REFERENCE_KEY),
    headerOf: new Map(columns.map(({ key, header }) => [key, header])),
    headedWidth: headed,
    width: Math.max(filledWidth, headed),
  };
}

function distinctHeaders({ cells, width }: CsvRecord): string[] {
  const headers = new Set(cells);
  if (width > cells.length) headers.add('');
  return [...headers];
}

/** Each of the first `filledWidth` headers has its place; of the rest, those not seen yet stand once, without one. */
function placeHeaders({ cells, width }: CsvRecord, headers: readonly string[], filledWidth: number) {
  const placesOf = new Map<string, number[]>();
  const placed = Math.min(width, filledWidth);
  for (let place = 0; place < placed; place += 1) {
    const name = cells[place] ?? '';
    const places = placesOf.get(name);
    if (places) places.push(place);
    else placesOf.set(name, [place]);
  }
  return { placesOf, headed: placed + headers.length - placesOf.size };
}

function duplicateRecipients({ cells }: CsvRecord, columns: readonly Column[]): string[] {
  const recipients = columns.filter(({ isRecipient }) => isRecipient);
  const counts = new Map<string, number>();
  for (const name of cells) {
    const key = columnKey(name);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return recipients.filter(({ key }) => counts.get(key)! > 1).map(({ header }) => header);
}
