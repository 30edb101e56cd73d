/** The result of a check in words, as the response to an upload gives it (spec 03, sections 4.5 and 4.6). */
import type { CheckedRow, CsvCheck, Doubt, MessageProblem } from './check.ts';
import { recipientColumns } from './row.ts';
import type { Separator } from './text.ts';

export type CsvError = {
  /** The header is row 1. null for an error of the whole file. */
  readonly row: number | null;
  /** The header, in the template's spelling if it is missing. null when the error is not about one column. */
  readonly column: string | null;
  readonly message: string;
};

export type CsvReport = {
  readonly notificationCount: number;
  readonly columns: readonly string[];
  readonly recipientColumn: string | null;
  readonly missingColumns: readonly string[];
  /** Errors of the file first, in the order of spec 03, section 4.6; limited as `reportCsv` says. */
  readonly errors: readonly CsvError[];
  readonly errorCount: number;
  /** Rows whose recipient is also in an earlier row; a warning only. */
  readonly duplicateCount: number;
  readonly duplicates: readonly { readonly row: number; readonly firstRow: number }[];
  /** No errors, no doubts and at least one row. */
  readonly valid: boolean;
};

/** Reports on a checked file, with at most `maxErrors` errors in words. Doubts are errors here. */
export function reportCsv(check: CsvCheck, maxErrors = 20): CsvReport {
  const { columns, rowCount, duplicates } = check;
  const errorsOfFile = fileErrors(check);
  const errorsOfRows = [
    ...check.doubts.shown.map((doubt) => doubtError(doubt, check)),
    ...check.initialRowsWithErrors.flatMap(rowErrors),
  ].sort((one, other) => one.row! - other.row!);
  return {
    notificationCount: rowCount,
    columns: columns.headers,
    recipientColumn: columns.recipientHeader,
    missingColumns: columns.missing,
    errors: [...errorsOfFile, ...errorsOfRows].slice(0, maxErrors),
    errorCount: errorsOfFile.length + check.doubts.count + check.errorCount,
    duplicateCount: duplicates.count,
    duplicates: duplicates.shown.map(({ index, firstIndex }) => ({
      row: rowNumber(index),
      firstRow: rowNumber(firstIndex),
    })),
    valid: !check.hasErrors && check.doubts.count === 0 && columns.hasRecipient && rowCount > 0,
  };
}

/** What the errors of a whole file are made of. */
export type FileCheck = Pick<
  CsvCheck,
  | 'columns'
  | 'rowCount'
  | 'tooManyRows'
  | 'allowedToSendTo'
  | 'moreRowsThanCanSend'
  | 'internationalCount'
  | 'moreInternationalThanCanSend'
  | 'limits'
>;

/** The row number shown to people: the header is row 1, however many lines it takes (spec 03, section 4.5). */
export function rowNumber(index: number): number {
  return index + 2;
}

export function fileErrors(check: FileCheck): CsvError[] {
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

export const messageProblemTexts: Readonly<Record<MessageProblem, string>> = {
  'too-long': 'Message is too long',
  empty: 'No content for this message',
};

/** A hint at what a spreadsheet did helps more than the error that follows from it. */
function rowErrors({ index, cellErrors, messageProblem }: CheckedRow): CsvError[] {
  const row = rowNumber(index);
  const errors: CsvError[] = cellErrors.map(({ header, text, hint }) => ({
    row,
    column: header,
    message: hint ?? text,
  }));
  if (messageProblem !== null)
    errors.push({ row, column: null, message: messageProblemTexts[messageProblem] });
  return errors;
}

const separatorNames: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' };

function doubtError(doubt: Doubt, { columns, separator }: CsvCheck): CsvError {
  const row = doubt.index === null ? 1 : rowNumber(doubt.index);
  return { row, column: doubt.header, message: doubtText(doubt, columns.headerWidth, separator) };
}

/** What is in doubt, and what to do about it. `headerWidth`: cells of the header. */
export function doubtText(
  { kind, value }: Pick<Doubt, 'kind' | 'value'>,
  headerWidth: number,
  separator: Separator,
): string {
  const line = value.replace(/\s+/g, ' ');
  const shown = `‘${line.length > 30 ? `${line.slice(0, 30).toWellFormed()}…` : line}’`;
  const messages = {
    'unclosed-quote':
      'A cell begins with a quote (") that is not closed, so the lines after it became part of the cell – close the quote, or delete it',
    'surplus-cells': `The row has more cells than the header has columns, from ${shown} on – put a value that contains ${separatorNames[separator] ?? `‘${separator}’`} in quotes ("), or give the header ${headerWidth === 1 ? 'another column' : 'more columns'}`,
    'damaged-character': `${shown} has a damaged character (\ufffd), which another program left – enter it again`,
  };
  return messages[kind];
}

function recipientName({ columns }: Pick<CsvCheck, 'columns'>): string {
  return columns.type === 'letter' ? 'address' : recipientColumns[columns.type][0]!;
}

function count(number: number): string {
  return Math.max(number, 0).toLocaleString('en-GB');
}
