import { fileTexts } from './file-format.ts';

/** The records of a workbook's sheet, the header first; can be read again from the start. */
export type Records = () => AsyncIterable<readonly string[]>;

/** The records of a workbook, or the sentence that says why it cannot be read (spec 03, section 4.1). */
export async function readWorkbook(_format: 'xlsx' | 'ods', _bytes: Uint8Array): Promise<Records | string> {
  return fileTexts.unreadable;
}
