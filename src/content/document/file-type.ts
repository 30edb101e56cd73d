import { isText } from './text.ts';
import { zipKind } from './zip.ts';

/** What the bytes themselves say they are, whatever the name of the file. */
export type Kind = 'pdf' | 'png' | 'jpeg' | 'rtf' | 'doc' | 'xls' | 'docx' | 'xlsx' | 'odt' | 'text';

/** A type of file that is taken. */
export type FileType = Readonly<{
  contentType: string;
  /** As people call it. */
  name: string;
  /** What a file with this extension may be inside: many a `.doc` is really RTF, and every CSV or JSON is text. */
  kinds: readonly Kind[];
}>;

const type = (contentType: string, name: string, ...kinds: Kind[]): FileType =>
  Object.freeze({ contentType, name, kinds });

const openXml = 'application/vnd.openxmlformats-officedocument';
const jpeg = type('image/jpeg', 'JPEG image', 'jpeg');

/** By extension; nothing else is taken. None of them is run by a browser or, without asking, by the program it opens. */
const fileTypes: ReadonlyMap<string, FileType> = new Map([
  ['csv', type('text/csv', 'CSV file', 'text')],
  ['doc', type('application/msword', 'Word document', 'doc', 'rtf')],
  ['docx', type(`${openXml}.wordprocessingml.document`, 'Word document', 'docx')],
  ['jpeg', jpeg],
  ['jpg', jpeg],
  ['json', type('application/json', 'JSON file', 'text')],
  ['odt', type('application/vnd.oasis.opendocument.text', 'OpenDocument text', 'odt')],
  ['pdf', type('application/pdf', 'PDF', 'pdf')],
  ['png', type('image/png', 'PNG image', 'png')],
  ['rtf', type('application/rtf', 'Rich text document', 'rtf')],
  ['txt', type('text/plain', 'Plain text file', 'text')],
  ['xls', type('application/vnd.ms-excel', 'Excel spreadsheet', 'xls')],
  ['xlsx', type(`${openXml}.spreadsheetml.sheet`, 'Excel spreadsheet', 'xlsx')],
]);

/** `.csv, .doc, …`, for the text of a refusal. */
export const supportedTypes = [...fileTypes.keys()].map((extension) => `.${extension}`).join(', ');

export function typeOfExtension(extension: string): FileType | undefined {
  return fileTypes.get(extension);
}

/** How people call a stored content type. */
export function typeName(contentType: string): string {
  return [...fileTypes.values()].find((one) => one.contentType === contentType)?.name ?? 'File';
}

/** The extension that a file of this kind gets when its sender gave it no name. */
export function extensionOf(kind: Kind): string {
  return kind === 'text' ? 'txt' : kind === 'jpeg' ? 'jpg' : kind;
}

const signatures: readonly (readonly [Kind, Buffer])[] = [
  ['pdf', Buffer.from('%PDF-')],
  ['png', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['jpeg', Buffer.from('ffd8ff', 'hex')],
  ['rtf', Buffer.from('{\\rtf')],
];
const compound = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const zip = Buffer.from('504b0304', 'hex');
/** Streams of a compound file that say which program it is of. */
const streams: readonly (readonly [Kind, Buffer])[] = [
  ['doc', Buffer.from('WordDocument', 'utf16le')],
  ['xls', Buffer.from('Workbook', 'utf16le')],
  // Excel 5 and 95. The length of a name in its directory entry follows 64 bytes after; the zeros pad it.
  ['xls', Buffer.from('Book\0\0\0\0', 'utf16le')],
];

/**
 * What these bytes can be taken for, the likeliest first; nothing where it is none that is taken: a program, a page of
 * HTML, some other archive. A compound file can be two at once: one with a document of the other program in it.
 */
export function sniff(bytes: Buffer): readonly Kind[] {
  const startsWith = (signature: Buffer) => bytes.subarray(0, signature.length).equals(signature);
  for (const [kind, signature] of signatures) if (startsWith(signature)) return [kind];
  if (startsWith(compound)) return streams.flatMap(([kind, name]) => (bytes.includes(name) ? [kind] : []));
  if (startsWith(zip)) return [zipKind(bytes) ?? []].flat();
  return isText(bytes) ? ['text'] : [];
}
