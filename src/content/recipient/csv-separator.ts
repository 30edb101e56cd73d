/**
 * What separates the cells of an uploaded file. The reference knows the comma only (spec 03 section 4.1);
 * spreadsheet programs write semicolons where the comma is the decimal sign, and tabs as "Unicode text".
 */
import { columnKey } from './csv-columns.ts';
import { type CsvRecord, RecordReader } from './csv-record.ts';
import { stripStart } from './csv-text.ts';

export type Separator = ',' | ';' | '\t';

/** Characters of the start of the text that decide; a header line is seldom longer than some hundred. */
export const SAMPLE_LENGTH = 65_536;

/** In order of preference. */
const SEPARATORS: readonly Separator[] = [',', ';', '\t'];

/**
 * The separator under which the header line of the sample has most of the `expected` columns; only that line
 * counts, quoted parts respected, so text in the rows cannot mislead. When that does not decide, it is the comma if
 * the line has one at all, then whichever of the others makes more columns.
 */
export function detectSeparator(sample: string, expected: Iterable<string>): Separator {
  const keys = new Set(Array.from(expected, columnKey));
  const readings = SEPARATORS.map((separator) => {
    const { cells, width } = firstRecord(sample, separator);
    const found = new Set(cells.map(columnKey).filter((key) => keys.has(key))).size;
    return { separator, found, width };
  });
  const most = Math.max(...readings.map(({ found }) => found));
  const [best, ...others] = readings.filter(({ found }) => found === most);
  if (best!.separator === ',' && best!.width > 1) return ',';
  return [best!, ...others].reduce((wider, other) => (other.width > wider.width ? other : wider)).separator;
}

function firstRecord(sample: string, separator: Separator): CsvRecord {
  const records: CsvRecord[] = [];
  const reader = new RecordReader(separator, (record) => {
    // The rest of the sample is not wanted, but costs little.
    if (records.length === 0) records.push(record);
  });
  reader.push(stripStart(sample, separator));
  reader.end();
  return records[0] ?? { cells: [], width: 0 };
}
