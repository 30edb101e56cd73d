import { extname } from 'node:path';
import type { UploadFormat } from './store.ts';

/** The sentences for a file that is not read (spec 03, section 4.1). */
export const fileTexts = {
  noFile: 'You need to chose a file to upload',
  wrongExtension: 'The file must be a spreadsheet that Notify can read',
  tooLarge: 'The file must be smaller than 10MB',
  unreadable: 'Notify cannot read this file - try using a different file type',
  oldWorkbook: 'Notify cannot read this file - try saving it as a CSV instead',
  tooLong:
    'Your file took too long to process – try again, or remove any sheets, columns or rows that are not needed',
} as const;

const extensions: ReadonlySet<string> = new Set(['.csv', '.tsv', '.xlsx', '.xlsm', '.xls', '.ods']);

/** Whether a file of this name may be a spreadsheet. */
export function isSpreadsheetName(name: string): boolean {
  return extensions.has(extname(name.trimEnd()).toLowerCase());
}

/**
 * What a file is, by its first bytes: the extension is often another, and many programs write text into a file that
 * they call .xls. `old`: a workbook of before 2007, which is not read.
 */
export function formatOf(bytes: Uint8Array, name: string): Exclude<UploadFormat, 'rows'> | 'old' {
  if (startsWith(bytes, [0xd0, 0xcf, 0x11, 0xe0])) return 'old';
  if (startsWith(bytes, [0x50, 0x4b, 0x03, 0x04])) {
    // The first entry of an OpenDocument file is its type, stored as it is.
    const entry = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1');
    return entry.includes('application/vnd.oasis.opendocument') ? 'ods' : 'xlsx';
  }
  return extname(name.trimEnd()).toLowerCase() === '.tsv' ? 'tsv' : 'csv';
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}
