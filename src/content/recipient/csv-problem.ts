/** Why a file as a whole cannot be read; what is wrong with single rows is told by csv-check.ts. */
import { MAX_COLUMNS } from './csv-record.ts';

export type CsvProblem =
  /** Neither UTF-8, UTF-16 nor Windows-1252: a workbook or a picture, or a file whose mark says UTF-8 wrongly. */
  | 'not-text'
  /** A carriage return in the middle of a line. */
  | 'lone-carriage-return'
  | 'cell-too-long'
  | 'too-many-columns';

const UNREADABLE = 'Notify cannot read this file - try using a different file type';

/** What people are told about it: the text of spec 03 section 4.1, which section 4.2 extends to every bad file. */
export function csvProblemText(problem: CsvProblem): string {
  if (problem !== 'too-many-columns') return UNREADABLE;
  return `Your file has too many columns (Notify can process up to ${MAX_COLUMNS.toLocaleString('en-GB')} columns)`;
}
