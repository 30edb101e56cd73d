/** A whole file judged before anything is sent: spec 03 sections 4.4 and 4.5. */
import type { RecipientSet } from './allow-list.ts';
import { type CsvForm, type CsvSource, readCsv } from './csv.ts';
import { type CsvColumns, readColumns, type TemplateType } from './csv-columns.ts';
import { Duplicates } from './csv-duplicates.ts';
import { type JudgedRecipient, judgeRecipient, MISSING, type RecipientRules } from './csv-recipient.ts';
import { type CellValue, type CsvRow, readRow } from './csv-row.ts';
import { DEFAULT_RATES, type Rates } from './international-rates.ts';
import type { PhonePermissions } from './phone-number.ts';

/** What a file is for; made from a template by src/template/recipient-rows.ts. */
export type CsvTemplate = {
  readonly type: TemplateType;
  /** Names as the template spells them. */
  readonly placeholders: readonly string[];
  /** What is wrong with the message that these values make; values are by normalised name. */
  readonly judge: (values: ReadonlyMap<string, CellValue>) => MessageProblem | null;
};

export type MessageProblem = 'too-long' | 'empty';

export type CheckOptions = {
  /** Rows in the largest file that is checked; default 100,000. */
  readonly maxRows?: number;
  /** Rows with errors, and repeated recipients, that are kept to be shown; default 20. */
  readonly maxErrorsShown?: number;
  /** Rows that are kept to be shown whatever they hold; default 10. */
  readonly maxInitialRowsShown?: number;
  /** Messages the service may still send today; default any number. */
  readonly remainingMessages?: number;
  /** The same for foreign phone numbers: 0 without that permission, and less than 0 counts as 0. */
  readonly remainingInternational?: number;
  /** Service permissions; default none. */
  readonly permissions?: PhonePermissions;
  /** false for a file from a saved emergency contact list; default true. */
  readonly validatePhoneNumbers?: boolean;
  /** Who a service on trial may send to; default, and when empty, everybody. */
  readonly allowed?: RecipientSet | null;
  readonly rates?: Rates;
};

export type CellError = {
  /** As the file spells it. */
  readonly header: string;
  readonly key: string;
  /** The exact text of the spec. */
  readonly text: string;
  /** What a spreadsheet did to the value, where that is known. */
  readonly hint: string | null;
};

export type CheckedRow = CsvRow & {
  readonly judged: JudgedRecipient;
  readonly cellErrors: readonly CellError[];
  readonly messageProblem: MessageProblem | null;
};

/** Rows are indexes from 0; lists of them are in order and complete. */
export type CsvCheck = {
  readonly columns: CsvColumns;
  readonly rowCount: number;
  /** Then only the first rows were looked at, and they count for nothing below. */
  readonly tooManyRows: boolean;
  readonly moreRowsThanCanSend: boolean;
  readonly internationalCount: number;
  readonly moreInternationalThanCanSend: boolean;
  readonly allowedToSendTo: boolean;
  readonly rowsWithErrors: readonly number[];
  readonly rowsWithBadRecipients: readonly number[];
  readonly rowsWithMissingData: readonly number[];
  readonly rowsWithMessageTooLong: readonly number[];
  readonly rowsWithEmptyMessage: readonly number[];
  /** Errors of cells and messages, of which a row can have several. */
  readonly errorCount: number;
  readonly initialRows: readonly CheckedRow[];
  readonly initialRowsWithErrors: readonly CheckedRow[];
  /** What the check page shows: rows with errors if there are any and no column is missing, else the first rows. */
  readonly displayedRows: readonly CheckedRow[];
  /** Rows whose recipient stands in an earlier row too; no error. */
  readonly duplicates: Pick<Duplicates, 'count' | 'shown'>;
  /** What the file was measured against. */
  readonly limits: {
    readonly maxRows: number;
    readonly remainingMessages: number;
    readonly remainingInternational: number;
  };
  /** Any error of the file or of a row; no rows at all is none (spec 03 section 4.5). */
  readonly hasErrors: boolean;
};

/**
 * Judges the rows of a surveyed file one by one, in order. `source` is the same file from its start. A row that is
 * wrong in itself is handed out like any other, with what is wrong.
 */
export async function* checkRows(
  source: CsvSource,
  form: CsvForm,
  template: CsvTemplate,
  options: CheckOptions = {},
): AsyncGenerator<CheckedRow, void, void> {
  const columns = readColumns(form.header, form.filledWidth, template);
  const rules = rulesOf(options);
  let index = 0;
  for await (const record of readCsv(source, form)) {
    yield checkRow(columns, readRow(columns, index, record), template, rules);
    index += 1;
  }
}

/** Reads the rows of a surveyed file without judging them, as a job does (spec 03 section 4.7). */
export async function* readRows(
  source: CsvSource,
  form: CsvForm,
  template: Pick<CsvTemplate, 'type' | 'placeholders'>,
): AsyncGenerator<CsvRow, void, void> {
  const columns = readColumns(form.header, form.filledWidth, template);
  let index = 0;
  for await (const record of readCsv(source, form)) {
    yield readRow(columns, index, record);
    index += 1;
  }
}

/** Judges a surveyed file. `source` is the same file from its start; of one with too many rows little is read. */
export async function checkCsv(
  source: CsvSource,
  form: CsvForm,
  template: CsvTemplate,
  options: CheckOptions = {},
): Promise<CsvCheck> {
  const { maxRows = 100_000, maxErrorsShown = 20, maxInitialRowsShown = 10 } = options;
  const { remainingMessages = Infinity, remainingInternational = Infinity } = options;
  const columns = readColumns(form.header, form.filledWidth, template);
  const { rowCount } = form;
  const tooManyRows = rowCount > maxRows;
  const duplicates = new Duplicates(tooManyRows ? 0 : rowCount, maxErrorsShown);
  const rowsWithErrors: number[] = [];
  const rowsWithBadRecipients: number[] = [];
  const rowsWithMissingData: number[] = [];
  const rowsWithMessageTooLong: number[] = [];
  const rowsWithEmptyMessage: number[] = [];
  const initialRows: CheckedRow[] = [];
  const initialRowsWithErrors: CheckedRow[] = [];
  let internationalCount = 0;
  let allowedToSendTo = true;
  let errorCount = 0;

  for await (const row of checkRows(source, form, template, options)) {
    const { index, judged, cellErrors, messageProblem } = row;
    if (initialRows.length < maxInitialRowsShown) initialRows.push(row);
    else if (tooManyRows) break;
    if (tooManyRows) continue;
    if (judged.isForeign) internationalCount += 1;
    if (!judged.isAllowed) allowedToSendTo = false;
    if (judged.normalised !== null) duplicates.add(judged.normalised, index);
    const errors = cellErrors.length + (messageProblem === null ? 0 : 1);
    if (errors === 0) continue;
    errorCount += errors;
    rowsWithErrors.push(index);
    if (initialRowsWithErrors.length < maxErrorsShown) initialRowsWithErrors.push(row);
    if (cellErrors.some(({ text }) => text === MISSING)) rowsWithMissingData.push(index);
    if (cellErrors.some(({ text }) => text !== MISSING)) rowsWithBadRecipients.push(index);
    if (messageProblem === 'too-long') rowsWithMessageTooLong.push(index);
    if (messageProblem === 'empty') rowsWithEmptyMessage.push(index);
  }

  const moreRowsThanCanSend = rowCount > remainingMessages;
  const moreInternationalThanCanSend = internationalCount > Math.max(remainingInternational, 0);
  const showErrors = rowsWithErrors.length > 0 && columns.missing.length === 0;
  return {
    columns,
    rowCount,
    tooManyRows,
    moreRowsThanCanSend,
    internationalCount,
    moreInternationalThanCanSend,
    allowedToSendTo,
    rowsWithErrors,
    rowsWithBadRecipients,
    rowsWithMissingData,
    rowsWithMessageTooLong,
    rowsWithEmptyMessage,
    errorCount,
    initialRows,
    initialRowsWithErrors,
    displayedRows: showErrors ? initialRowsWithErrors : initialRows,
    duplicates,
    limits: { maxRows, remainingMessages, remainingInternational },
    hasErrors:
      columns.missing.length > 0 ||
      columns.duplicateRecipients.length > 0 ||
      moreRowsThanCanSend ||
      tooManyRows ||
      !allowedToSendTo ||
      rowsWithErrors.length > 0 ||
      moreInternationalThanCanSend,
  };
}

const NO_PERMISSIONS: PhonePermissions = { international: false, ukLandlines: false };

function rulesOf(options: CheckOptions): RecipientRules {
  const {
    permissions = NO_PERMISSIONS,
    validatePhoneNumbers = true,
    allowed = null,
    rates = DEFAULT_RATES,
  } = options;
  return { permissions, validatePhoneNumbers, allowed, rates };
}

function checkRow(
  columns: CsvColumns,
  row: CsvRow,
  template: CsvTemplate,
  rules: RecipientRules,
): CheckedRow {
  const judged = judgeRecipient(columns.type, row.recipient, rules);
  const cellErrors: CellError[] = [];
  for (const [key, value] of row.personalisation) {
    const isRecipient = columns.recipientKeys.includes(key);
    const text = isRecipient ? recipientError(columns, value, judged) : value === null ? MISSING : null;
    if (text === null) continue;
    const header = columns.headerOf.get(key)!;
    cellErrors.push({ header, key, text, hint: isRecipient ? judged.hint : null });
  }
  return { ...row, judged, cellErrors, messageProblem: template.judge(row.personalisation) };
}

/** Which of several recipient columns is the right one nobody knows, so an empty one is not said to be missing. */
function recipientError(columns: CsvColumns, value: CellValue, judged: JudgedRecipient): string | null {
  if (typeof value !== 'string' && columns.duplicateRecipients.length > 0) return null;
  return judged.error;
}
