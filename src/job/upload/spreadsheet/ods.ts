/** The rows of the first sheet of an OpenDocument workbook (.ods; OpenDocument 1.3 part 3, chapters 6, 9 and 19). */
import type { Archive } from './archive.ts';
import { booleanText, extended, isoDurationText, isoText, percentage, shownZeros } from './cell-text.ts';
import { type CellRun, type Grid, type MergedRange, sheetColumns, sheetRows } from './grid.ts';
import { Refusal } from './refusal.ts';
import { readXml, type XmlElement, type XmlReader } from './xml.ts';

const content = 'content.xml';
const manifest = 'META-INF/manifest.xml';

/** Bytes that the document may unpack to, with all its sheets, and its list of parts. */
const maxContentBytes = 512 * 1024 * 1024;
const maxManifestBytes = 16 * 1024 * 1024;

const [officeSpace, tableSpace, textSpace] = ['office', 'table', 'text'].map(
  (name) => `urn:oasis:names:tc:opendocument:xmlns:${name}:1.0`,
);
const spaces: ReadonlySet<string | undefined> = new Set([officeSpace, tableSpace, textSpace]);

/** Refuses what is encrypted: its list of parts says so, and the parts are noise. */
export async function openOds(archive: Archive): Promise<void> {
  if (!archive.has(manifest)) return;
  const reader: XmlReader = {
    open({ local }) {
      if (local === 'encryption-data') throw new Refusal('encrypted');
      return false;
    },
    close() {},
    text() {},
  };
  for await (const _ of readXml(archive.read(manifest, maxManifestBytes), reader));
}

/** Reads the first sheet into `grid`, hidden or not; yields after each piece. */
export async function* readOdsSheet(archive: Archive, grid: Grid): AsyncGenerator<void, void, void> {
  const reader = new DocumentReader(grid);
  yield* readXml(archive.read(content, maxContentBytes), reader);
  if (!reader.isDone) throw new Refusal('not-a-workbook');
}

/** Where in the document the reader is. In each place only some elements are known; others are left out. */
type Place = 'document' | 'table' | 'row' | 'cell' | 'paragraph';

const known: Readonly<Record<Place, ReadonlySet<string>>> = {
  document: new Set(['document-content', 'body', 'spreadsheet', 'table']),
  table: new Set(['table-header-rows', 'table-rows', 'table-row-group', 'table-row']),
  row: new Set(['table-cell', 'covered-table-cell']),
  cell: new Set(['p', 'h', 'list', 'list-header', 'list-item']),
  paragraph: new Set(),
};

/** What is in a paragraph but not part of its text: notes, how the rest is pronounced, and other paragraphs. */
const besides: ReadonlySet<string> = new Set(['note', 'ruby-text', 'p', 'h', 'list']);

class DocumentReader implements XmlReader {
  /** The first sheet is read; what follows does not matter. */
  isDone = false;

  readonly #grid: Grid;
  #place: Place = 'document';
  #row = 0;
  #rows = 1;
  #column = 0;
  #cells: CellRun[] = [];
  #merged: MergedRange[] = [];
  /** Those of the cell. */
  #attributes: Attributes = new Map();
  /** The paragraphs of the cell so far; null if there is none. */
  #text: string | null = null;

  constructor(grid: Grid) {
    this.#grid = grid;
  }

  open(element: XmlElement): boolean {
    const { local, uri } = element;
    if (this.isDone || !spaces.has(uri)) return true;
    if (this.#place === 'paragraph') return this.#openInParagraph(element);
    if (!known[this.#place].has(local)) return true;
    switch (local) {
      case 'table':
        this.#place = 'table';
        return false;
      case 'table-row':
        this.#place = 'row';
        this.#rows = count(attributesOf(element), 'number-rows-repeated', sheetRows);
        this.#column = 0;
        this.#cells = [];
        this.#merged = [];
        return false;
      case 'table-cell':
      case 'covered-table-cell':
        this.#place = 'cell';
        this.#attributes = attributesOf(element);
        this.#text = null;
        return false;
      case 'p':
      case 'h':
        this.#place = 'paragraph';
        this.#text = this.#text === null ? '' : extended(this.#text, '\n');
        return false;
      default:
        return false;
    }
  }

  close({ local }: XmlElement): void {
    switch (local) {
      case 'p':
      case 'h':
        this.#place = 'cell';
        return;
      case 'table-cell':
      case 'covered-table-cell':
        this.#place = 'row';
        this.#endCell();
        return;
      case 'table-row':
        this.#place = 'table';
        this.#grid.add({
          index: this.#row,
          rows: this.#rows,
          isHidden: false,
          cells: this.#cells,
          merged: this.#merged,
        });
        this.#row += this.#rows;
        return;
      case 'table':
        this.isDone = true;
    }
  }

  /** Line breaks of the document are none of the text. LibreOffice writes, and keeps, several spaces side by side. */
  text(text: string): void {
    if (this.#place === 'paragraph') this.#append(text.replace(/ *[\t\n\r][\t\n\r ]*/g, ' '));
  }

  #openInParagraph(element: XmlElement): boolean {
    const { local, uri } = element;
    if (uri !== textSpace || besides.has(local)) return true;
    if (local === 's') this.#append(' '.repeat(count(attributesOf(element), 'c', 65_536)));
    else if (local === 'tab') this.#append('\t');
    else if (local === 'line-break') this.#append('\n');
    return false;
  }

  #append(text: string): void {
    this.#text = extended(this.#text!, text);
  }

  #endCell(): void {
    const attributes = this.#attributes;
    const column = this.#column;
    const columns = count(attributes, 'number-columns-repeated', sheetColumns);
    this.#column += columns;
    if (column >= sheetColumns) return;
    const value = cellText(attributes, this.#text);
    if (value !== '') this.#cells.push({ column, columns: Math.min(columns, sheetColumns - column), value });
    const mergedColumns = count(attributes, 'number-columns-spanned', sheetColumns - column);
    const mergedRows = count(attributes, 'number-rows-spanned', sheetRows);
    if (mergedColumns > 1 || mergedRows > 1)
      this.#merged.push({ column, columns: mergedColumns, lastRow: this.#row + mergedRows - 1, value });
  }
}

type Attributes = ReadonlyMap<string, string>;

/** The attributes that OpenDocument defines; programs add their own under the same names. */
function attributesOf({ attributes }: XmlElement): Attributes {
  const defined = new Map<string, string>();
  for (const name in attributes) {
    const { local, uri, value } = attributes[name]!;
    if (spaces.has(uri)) defined.set(local, value);
  }
  return defined;
}

function cellText(attributes: Attributes, text: string | null): string {
  const shown = text ?? '';
  switch (attributes.get('value-type')) {
    case 'float':
    case 'currency':
      return shownZeros(attributes.get('value') ?? shown, shown);
    case 'percentage':
      return shown || percentage(Number(attributes.get('value') ?? 0), shortPercentage);
    case 'date':
      return isoText(attributes.get('date-value') ?? shown, false);
    case 'time':
      return isoDurationText(attributes.get('time-value') ?? shown);
    case 'boolean':
      return booleanText(attributes.get('boolean-value') ?? shown);
    default:
      return shown || (attributes.get('string-value') ?? '');
  }
}

/** How a percentage is written whose text is missing. */
const shortPercentage = { kind: 'percentage', least: 0, most: 2 } as const;

/** A number of cells or spaces; 1 if the attribute is missing or makes no sense. */
function count(attributes: Attributes, name: string, most: number): number {
  const value = attributes.get(name);
  if (value === undefined || !/^\d+$/.test(value)) return 1;
  return Math.max(1, Math.min(Number(value), most));
}
