/** The outcome of a check in words: what an upload is answered with. Spec 03 sections 4.5 and 4.6. */
import type { CheckedRow, CsvCheck } from './csv-check.ts';
import { RECIPIENT_COLUMNS } from './csv-columns.ts';

export type CsvError = {
  /** As people count: the header is row 1. null for an error of the file. */
  readonly row: number | null;
  /** The header, for a missing one as the template spells it. null when it is about no single column. */
  readonly column: string | null;
  readonly message: string;
};

export type CsvReport = {
  readonly notificationCount: number;
  readonly columns: readonly string[];
  readonly recipientColumn: string | null;
  readonly missingColumns: readonly string[];
  /** At most as many as the check keeps rows (20), those of the file first, in the order of spec 03 section 4.6. */
  readonly errors: readonly CsvError[];
  readonly errorCount: number;
  /** Rows whose recipient an earlier row has too; a warning only. */
  readonly duplicateCount: number;
  readonly duplicates: readonly { readonly row: number; readonly firstRow: number }[];
  /** No errors and at least one row. */
  readonly valid: boolean;
};

/** What to tell about a checked file; at most `most` errors in words. */
export function reportCsv(check: CsvCheck, most = 20): CsvReport {
  const { columns, rowCount, duplicates } = check;
  const ofFile = fileErrors(check);
  return {
    notificationCount: rowCount,
    columns: columns.headers,
    recipientColumn: columns.recipientHeader,
    missingColumns: columns.missing,
    errors: [...ofFile, ...check.initialRowsWithErrors.flatMap(rowErrors)].slice(0, most),
    errorCount: ofFile.length + check.errorCount,
    duplicateCount: duplicates.count,
    duplicates: duplicates.shown.map(({ index, firstIndex }) => ({
      row: rowNumber(index),
      firstRow: rowNumber(firstIndex),
    })),
    valid: !check.hasErrors && columns.hasRecipient && rowCount > 0,
  };
}

/** Row numbers shown to people; the header is row 1, however many lines it takes. */
function rowNumber(index: number): number {
  return index + 2;
}

function fileErrors(check: CsvCheck): CsvError[] {
  const { columns, rowCount, limits } = check;
  const ofFile = (message: string, column: string | null = null) => ({ row: null, column, message });
  const errors: CsvError[] = [];
  if (check.tooManyRows)
    errors.push(
      ofFile(
        `Your file has too many rows (Notify can process up to ${count(limits.maxRows)} rows at once, your file has ${count(rowCount)})`,
      ),
    );
  if (rowCount === 0) errors.push(ofFile('Your file has no rows with recipients'));
  if (!columns.hasRecipient && columns.type === 'letter')
    errors.push(ofFile('Your file needs at least 3 address columns, for example ‘address line 1’'));
  for (const header of columns.duplicateRecipients)
    errors.push(ofFile(`Your file has more than one column for the ${recipientName(check)}`, header));
  for (const name of columns.missing) errors.push(ofFile(`Your file needs a column called ‘${name}’`, name));
  if (!check.allowedToSendTo)
    errors.push(ofFile('Your file has recipients you cannot send to while your service is in trial mode'));
  if (check.moreRowsThanCanSend)
    errors.push(
      ofFile(
        `Your file has ${count(rowCount)} rows, your service can send ${count(limits.remainingMessages)} more messages today`,
      ),
    );
  if (check.moreInternationalThanCanSend)
    errors.push(
      ofFile(
        `Your file has ${count(check.internationalCount)} international numbers, your service can send to ${count(limits.remainingInternational)} more today`,
      ),
    );
  return errors;
}

/** What a spreadsheet did to a number tells more than what is wrong with the number now. */
function rowErrors({ index, cellErrors, messageProblem }: CheckedRow): CsvError[] {
  const row = rowNumber(index);
  const errors: CsvError[] = cellErrors.map(({ header, text, hint }) => ({
    row,
    column: header,
    message: hint ?? text,
  }));
  if (messageProblem === 'too-long') errors.push({ row, column: null, message: 'Message is too long' });
  if (messageProblem === 'empty') errors.push({ row, column: null, message: 'No content for this message' });
  return errors;
}

function recipientName({ columns }: CsvCheck): string {
  return columns.type === 'letter' ? 'address' : RECIPIENT_COLUMNS[columns.type][0]!;
}

function count(number: number): string {
  return Math.max(number, 0).toLocaleString('en-GB');
}
