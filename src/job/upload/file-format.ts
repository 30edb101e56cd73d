import { extname } from 'node:path';
import type { UploadFormat } from './store.ts';

/** Rows in the largest file that is checked (spec 03, section 4.5). */
export const maxRows = 100_000;

/** The sentences for a file that is not read (spec 03, section 4.1). */
export const fileTexts = {
  noFile: 'You need to chose a file to upload',
  wrongExtension: 'The file must be a spreadsheet that Notify can read',
  tooLarge: 'The file must be smaller than 10MB',
  unreadable: 'Notify cannot read this file - try using a different file type',
  markup:
    'Notify cannot read this file because it is a web page or XML, whatever its name says – open it in a spreadsheet program, choose ‘Save As’, and save it as ‘Excel Workbook (*.xlsx)’',
  tooLong:
    'Your file took too long to process – try again, or remove any sheets, columns or rows that are not needed',
} as const;

const extensions: ReadonlySet<string> = new Set(['.csv', '.tsv', '.xlsx', '.xlsm', '.xls', '.ods']);

/** Whether a file of this name may be a spreadsheet. */
export function isSpreadsheetName(name: string): boolean {
  return extensions.has(extname(name.trimEnd()).toLowerCase());
}

/** Whether a file of text is one that programs write as HTML or XML and call .xls, by its first cell. */
export function isMarkup(firstCell: string): boolean {
  return /^\ufeff?\s*<(?:\?xml|!doctype|html|head|meta|style|table)\b/i.test(firstCell);
}

/**
 * What a file is, by its first bytes: the extension is often another, and many programs write text into a file that
 * they call .xls. Anything with the signature of a workbook, also one that cannot be read, is `xlsx` or `ods`.
 */
export function formatOf(bytes: Uint8Array, name: string): Exclude<UploadFormat, 'rows'> {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1');
  if (start.startsWith('\xd0\xcf\x11\xe0')) return 'xlsx';
  if (start.startsWith('PK\x03\x04'))
    // The first entry of an OpenDocument file is its type, stored as it is.
    return start.includes('application/vnd.oasis.opendocument') ? 'ods' : 'xlsx';
  return extname(name.trimEnd()).toLowerCase() === '.tsv' ? 'tsv' : 'csv';
}
