/** The kinds of content that can be recognised by their bytes. */
export type Kind = 'pdf' | 'png' | 'jpeg' | 'rtf' | 'doc' | 'xls' | 'docx' | 'xlsx' | 'odt' | 'text';

/** A type of file that services may send; `name` is the one that people use. */
export type FileType = Readonly<{ contentType: string; name: string }>;

const type = (contentType: string, name: string): FileType => Object.freeze({ contentType, name });

const openXml = 'application/vnd.openxmlformats-officedocument';
const jpeg = type('image/jpeg', 'JPEG image');

/**
 * The supported types by extension. None is run by a browser or, without asking first, by the program that opens it.
 */
const fileTypes: ReadonlyMap<string, FileType> = new Map([
  ['csv', type('text/csv', 'CSV file')],
  ['doc', type('application/msword', 'Word document')],
  ['docx', type(`${openXml}.wordprocessingml.document`, 'Word document')],
  ['jpeg', jpeg],
  ['jpg', jpeg],
  ['json', type('application/json', 'JSON file')],
  ['odt', type('application/vnd.oasis.opendocument.text', 'OpenDocument text')],
  ['pdf', type('application/pdf', 'PDF')],
  ['png', type('image/png', 'PNG image')],
  ['rtf', type('application/rtf', 'Rich text document')],
  ['txt', type('text/plain', 'Plain text file')],
  ['xls', type('application/vnd.ms-excel', 'Excel spreadsheet')],
  ['xlsx', type(`${openXml}.spreadsheetml.sheet`, 'Excel spreadsheet')],
]);

const supported = [...fileTypes.keys()].map((extension) => `'.${extension}'`).join(', ');

/** The error for a file of a type that is not supported: its extension with a dot, or its content type. */
export function unsupported(typeOrExtension: string): string {
  return `Unsupported file type '${typeOrExtension}'. Supported types are: ${supported}`;
}

/** The type of an extension in lower case, without its dot; undefined when it is not supported. */
export function typeOfExtension(extension: string): FileType | undefined {
  return fileTypes.get(extension);
}

/** The name that people use for a stored content type. */
export function typeName(contentType: string): string {
  return [...fileTypes.values()].find((one) => one.contentType === contentType)?.name ?? 'File';
}

/** The extension for a file of this kind that has no name. */
export function extensionOf(kind: Kind): string {
  return kind === 'text' ? 'txt' : kind === 'jpeg' ? 'jpg' : kind;
}

const signatures: readonly (readonly [Kind, Buffer])[] = [
  ['pdf', Buffer.from('%PDF-')],
  ['png', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['jpeg', Buffer.from('ffd8ff', 'hex')],
  ['rtf', Buffer.from('{\\rtf')],
];
const compoundFile = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const zipFile = Buffer.from('504b0304', 'hex');
/** The streams of a compound file that name its program. */
const streams: readonly (readonly [Kind, Buffer])[] = [
  ['doc', Buffer.from('WordDocument', 'utf16le')],
  ['xls', Buffer.from('Workbook', 'utf16le')],
  // Excel 5 and 95. A directory entry gives a name 64 bytes and pads it with zeros.
  ['xls', Buffer.from('Book\0\0\0\0', 'utf16le')],
];

/**
 * The kinds that these bytes may be, likeliest first; none for anything unsupported, such as programs, HTML pages and
 * other archives. A compound file can be two kinds at once when it embeds a document of the other program.
 */
export function sniff(bytes: Buffer): readonly Kind[] {
  const startsWith = (signature: Buffer) => bytes.subarray(0, signature.length).equals(signature);
  for (const [kind, signature] of signatures) if (startsWith(signature)) return [kind];
  if (startsWith(compoundFile))
    return streams.flatMap(([kind, name]) => (bytes.includes(name) ? [kind] : []));
  if (startsWith(zipFile)) return [zipKind(bytes) ?? []].flat();
  return isText(bytes) ? ['text'] : [];
}

/** The content type of bytes that `sniff` does not know, for the error that refuses them. */
export function unsupportedType(bytes: Buffer): string {
  if (bytes.subarray(0, zipFile.length).equals(zipFile)) return 'application/zip';
  if (bytes.subarray(0, compoundFile.length).equals(compoundFile)) return 'application/x-ole-storage';
  const tag = markup.exec(
    bytes
      .subarray(0, markupSearchLength)
      .toString('utf8')
      .replace(/^\ufeff/, ''),
  )?.[1];
  if (tag === undefined) return 'application/octet-stream';
  if (/svg/i.test(tag)) return 'image/svg+xml';
  return /xml/i.test(tag) ? 'text/xml' : 'text/html';
}

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const endLength = 22;
const entryLength = 46;
const maxCommentLength = 0xffff;
/** Far more than any document has. Guards against crafted directories. */
const maxEntries = 10_000;

/** The kind of a zip archive, from the names of its parts; null for any other archive. Unpacks nothing. */
function zipKind(bytes: Buffer): 'docx' | 'xlsx' | 'odt' | null {
  const names = entryNames(bytes);
  // The first part of an OpenDocument file is its type, uncompressed, so it is at a fixed offset.
  const mimetype = 'mimetypeapplication/vnd.oasis.opendocument.text';
  const start = bytes.subarray(30, 30 + mimetype.length + 8).toString('latin1');
  if (names.has('content.xml') && new RegExp(`^${mimetype}(?:PK|$)`).test(start)) return 'odt';
  if (!names.has('[Content_Types].xml')) return null;
  if (names.has('word/document.xml')) return 'docx';
  return names.has('xl/workbook.xml') ? 'xlsx' : null;
}

/** The names in the archive's directory, as many as can be read. */
function entryNames(bytes: Buffer): Set<string> {
  const names = new Set<string>();
  const end = positionOfEnd(bytes);
  if (end === null) return names;
  let at = bytes.readUInt32LE(end + 16);
  while (at + entryLength <= end && names.size < maxEntries && bytes.readUInt32LE(at) === directoryEntry) {
    const nameLength = bytes.readUInt16LE(at + 28);
    names.add(bytes.toString('utf8', at + entryLength, Math.min(at + entryLength + nameLength, end)));
    at += entryLength + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return names;
}

function positionOfEnd(bytes: Buffer): number | null {
  const first = Math.max(0, bytes.length - endLength - maxCommentLength);
  for (let at = bytes.length - endLength; at >= first; at -= 1)
    if (bytes.readUInt32LE(at) === endOfDirectory) return at;
  return null;
}

/** Markup at the start makes a browser or viewer run or draw a file that is named as plain text. */
const markup = /^\s*<(!doctype|!--|\?xml|html|head|body|script|style|iframe|svg|a\s)/i;
const markupSearchLength = 1024;

/**
 * Whether bytes are plain text: UTF-8, UTF-16 with a byte order mark or an old one-byte character set, without the
 * control characters that no text has, and not markup.
 */
function isText(bytes: Buffer): boolean {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return isUtf16(bytes, mark === 'fffe' ? 'utf-16le' : 'utf-16be');
  for (const byte of bytes) {
    // Tab, line ends and the page break are text; the escape sequences of terminals are not.
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d) return false;
    if (byte === 0x7f) return false;
  }
  return !isMarkup(bytes.subarray(0, markupSearchLength).toString('utf8'));
}

function isUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be'): boolean {
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return false;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return !/[\0-\x08\x0b\x0e-\x1f\x7f]/.test(text) && !isMarkup(text.slice(0, markupSearchLength));
}

function isMarkup(start: string): boolean {
  return markup.test(start.replace(/^\ufeff/, ''));
}
