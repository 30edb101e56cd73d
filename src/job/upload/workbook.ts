import { fileTexts } from './file-format.ts';

/** A workbook's sheet as records; each ends with its last cell that is not empty. */
export type Workbook = Readonly<{
  header: readonly string[];
  /** Records after the header. */
  rowCount: number;
  /** One more than the highest index of a cell in them that is not empty. */
  filledWidth: number;
  /** All records, the header first; can be read again from the start. */
  records(): AsyncIterable<readonly string[]>;
}>;

const oldSignature = Buffer.from('d0cf11e0a1b11ae1', 'hex');

/** Reads a workbook, or says in the sentence of spec 03, section 4.1, why it cannot be read. */
export async function readWorkbook(bytes: Buffer): Promise<Workbook | string> {
  return bytes.subarray(0, oldSignature.length).equals(oldSignature)
    ? fileTexts.oldWorkbook
    : fileTexts.unreadable;
}
