/** Why a workbook is not read, and what the person reads who chose it (spec 03, section 4.1). */
import { csvProblemText, maxCellLength } from '../../../content/recipient/csv/record.ts';

export type WorkbookProblem =
  /** Neither an Office Open XML nor an OpenDocument workbook, or a damaged one. */
  | 'not-a-workbook'
  /** A workbook of Excel 2003 or earlier, known by its signature. */
  | 'legacy-xls'
  /** It opens only with a password. */
  | 'encrypted'
  /** The header has a value beyond column `maxSheetColumns`. */
  | 'too-many-columns'
  /** More than `maxSheetRows` records. */
  | 'too-many-rows'
  | 'too-many-cells'
  | 'cell-too-long'
  /** It takes too long, or unpacks to too much. */
  | 'too-long';

/** Visible columns up to the last header, and records including the header (spec 03, section 4.1). */
export const maxSheetColumns = 1_000;
export const maxSheetRows = 200_000;

/** The sentence for the person. `row` is the number of the sheet's row with the cell that is too long. */
export function workbookProblemText(problem: WorkbookProblem, row?: number): string {
  switch (problem) {
    case 'not-a-workbook':
      return csvProblemText('not-text');
    case 'legacy-xls':
      return `Notify cannot read this file because it is in the format of Excel 2003 or earlier – open it in Excel, choose ‘Save As’, and save it as ‘Excel Workbook (*.xlsx)’`;
    case 'encrypted':
      return 'Notify cannot read this file because it is protected with a password – open it, remove the password, and save it again';
    case 'too-many-columns':
      return 'Your file has too many columns (Notify can process up to 1,000 columns)';
    case 'too-many-rows':
      return 'Your file has too many rows (Notify can process up to 100,000 rows at once)';
    case 'too-many-cells':
      return csvProblemText('too-many-cells');
    case 'cell-too-long': {
      const place = row === undefined ? 'it has a cell' : `row ${row.toLocaleString('en-GB')} has a cell`;
      return `${csvProblemText('not-text')} (${place} of more than ${maxCellLength.toLocaleString('en-GB')} characters)`;
    }
    case 'too-long':
      return 'Your file took too long to process – try again, or remove any sheets, columns or rows that are not needed';
  }
}

/** Thrown where reading finds that it cannot go on; `openWorkbook` turns it into its outcome. */
export class Refusal extends Error {
  readonly problem: WorkbookProblem;
  readonly row: number | undefined;

  constructor(problem: WorkbookProblem, row?: number) {
    super(`The workbook cannot be read: ${problem}.`);
    this.problem = problem;
    this.row = row;
  }
}
