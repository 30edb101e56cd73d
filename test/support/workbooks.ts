/** Workbooks for tests: ZIP archives made by hand, so that a test can make any part, or any byte, wrong. */
import { constants, crc32, deflateRawSync } from 'node:zlib';

/** What a part is packed to, with the size and checksum that the archive gives for it. */
export type PackedPart = Readonly<{ packed: Buffer; size: number; checksum: number }>;

export type ZipOptions = Readonly<{
  /** Parts are stored, not compressed. */
  isStored?: boolean;
  /** The general purpose flags: 1 means encrypted. */
  flags?: number;
}>;

/** A ZIP archive. */
export function zip(
  parts: Readonly<Record<string, string | Buffer | PackedPart>>,
  { isStored = false, flags = 0x0800 }: ZipOptions = {},
): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(parts)) {
    const { packed, size, checksum } =
      typeof content === 'object' && 'packed' in content ? content : pack(Buffer.from(content), isStored);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(isStored ? 0 : 8, 4);
    common.writeUInt32LE(checksum, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name));
    files.push(file);
    offset += file.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, entries, Buffer.from('PK\x05\x06'), end]);
}

function pack(bytes: Buffer, isStored: boolean): PackedPart {
  return { packed: isStored ? bytes : deflateRawSync(bytes), size: bytes.length, checksum: crc32(bytes) };
}

/** A part of any size, which is never made: a text, and how often another follows. */
export function hugePart(start: string, text: string, times: number): PackedPart {
  const block = Buffer.from(text);
  let checksum = crc32(start);
  for (let count = 0; count < times; count += 1) checksum = crc32(block, checksum);
  const open = { finishFlush: constants.Z_FULL_FLUSH };
  const packed = deflateRawSync(block, open);
  return {
    packed: Buffer.concat([deflateRawSync(start, open), ...Array(times).fill(packed), deflateRawSync('')]),
    size: start.length + times * block.length,
    checksum,
  };
}

const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';

export function relationships(...targets: readonly (readonly [type: string, target: string])[]): string {
  const each = targets.map(
    ([type, target], index) =>
      `<Relationship Id="rId${index + 1}" Type="${office}/${type}" Target="${target}"/>`,
  );
  return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${each.join('')}</Relationships>`;
}

/** The parts of an Office Open XML workbook with one sheet, given as what is in `<worksheet>`. */
export function xlsxParts(
  sheet: string,
  { strings = '', styles = '', workbook = '' }: { strings?: string; styles?: string; workbook?: string } = {},
): Record<string, string> {
  return {
    '[Content_Types].xml': '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    '_rels/.rels': relationships(['officeDocument', 'xl/workbook.xml']),
    'xl/workbook.xml': `<workbook xmlns="${main}" xmlns:r="${office}">${workbook}<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationships(
      ['worksheet', 'worksheets/sheet1.xml'],
      ['sharedStrings', 'sharedStrings.xml'],
      ['styles', 'styles.xml'],
    ),
    'xl/worksheets/sheet1.xml': `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="${main}">${sheet}</worksheet>`,
    'xl/sharedStrings.xml': `<sst xmlns="${main}">${strings}</sst>`,
    'xl/styles.xml': `<styleSheet xmlns="${main}">${styles}</styleSheet>`,
  };
}

/** An Office Open XML workbook with these texts in its only sheet; empty ones have no cell. */
export function xlsxOf(rows: readonly (readonly string[])[]): Buffer {
  const texts = [...new Set(rows.flat())];
  const positions = new Map(texts.map((text, position) => [text, position]));
  const cell = (text: string, row: number, column: number) =>
    text && `<c r="${columnName(column)}${row + 1}" t="s"><v>${positions.get(text)}</v></c>`;
  const lines = rows.map(
    (row, index) =>
      `<row r="${index + 1}">${row.map((text, column) => cell(text, index, column)).join('')}</row>`,
  );
  const strings = texts.map((text) => `<si><t xml:space="preserve">${escaped(text)}</t></si>`).join('');
  return zip(xlsxParts(`<sheetData>${lines.join('')}</sheetData>`, { strings }));
}

/** `A` for 0. */
export function columnName(column: number): string {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : columnName(Math.floor(column / 26) - 1) + last;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML cannot hold them
export const notInXml = /[\u0000-\u0008\u000B-\u001F\uFFFE\uFFFF]/g;

/** A text in XML; what XML cannot hold as `_x0001_`, as Excel writes it. */
function escaped(text: string): string {
  return text
    .replace(/_(?=x[0-9a-f]{4}_)/gi, '_x005F_')
    .replace(notInXml, (sign) => `_x${sign.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}_`)
    .replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const open = (name: string) => `urn:oasis:names:tc:opendocument:xmlns:${name}:1.0`;

/** The parts of an OpenDocument workbook, given as what is in `<office:spreadsheet>`. */
export function odsParts(spreadsheet: string): Record<string, string> {
  const spaces = ['office', 'table', 'text', 'draw'].map((name) => `xmlns:${name}="${open(name)}"`).join(' ');
  return {
    mimetype: 'application/vnd.oasis.opendocument.spreadsheet',
    'content.xml': `<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content ${spaces} xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"><office:automatic-styles/><office:body><office:spreadsheet>${spreadsheet}</office:spreadsheet></office:body></office:document-content>`,
  };
}

/** An OpenDocument workbook with these texts in its only sheet. */
export function odsOf(rows: readonly (readonly string[])[]): Buffer {
  const paragraph = (text: string) =>
    `<text:p>${text
      .replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
      .replace(/ /g, '<text:s/>')
      .replace(/\t/g, '<text:tab/>')}</text:p>`;
  const cell = (text: string) =>
    text === ''
      ? '<table:table-cell/>'
      : `<table:table-cell office:value-type="string">${text.split('\n').map(paragraph).join('')}</table:table-cell>`;
  const lines = rows.map((row) => `<table:table-row>${row.map(cell).join('')}</table:table-row>`);
  return zip(odsParts(`<table:table>${lines.join('')}</table:table>`));
}
