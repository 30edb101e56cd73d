import { workbookProblemText } from './spreadsheet/refusal.ts';
import { openWorkbook, type Workbook } from './spreadsheet/workbook.ts';

/** Reads a workbook, or says in a sentence why it cannot be read (spec 03, section 4.1). */
export async function readWorkbook(bytes: Buffer): Promise<Workbook | string> {
  const outcome = await openWorkbook(bytes);
  return outcome.ok ? outcome.workbook : workbookProblemText(outcome.problem, outcome.row);
}
