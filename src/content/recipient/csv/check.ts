/**
 * The check of a whole file before anything is sent (spec 03, sections 4.4 and 4.5): each recipient, each cell and each
 * message, and the limits of the service.
 */
import { comparable, type RecipientSet } from '../allow-list.ts';
import { clean } from '../characters.ts';
import { parseEmailAddress } from '../email-address.ts';
import { defaultRates, type Rates } from '../international-rates.ts';
import { checkPermissions, type PhonePermissions, parsePhoneNumber } from '../phone-number.ts';
import { phoneProblemText } from '../phone-problem.ts';
import { type CsvForm, type CsvSource, readCsv } from './file.ts';
import {
  type CellValue,
  type CsvColumns,
  type CsvRow,
  readColumns,
  readRow,
  type TemplateType,
} from './row.ts';
import type { Separator } from './text.ts';

/** What the check needs of a template. */
export type CsvTemplate = {
  readonly type: TemplateType;
  /** Names in the template's spelling. */
  readonly placeholders: readonly string[];
  /** What is wrong with the message made from these values, which are by key. */
  readonly judge: (values: ReadonlyMap<string, CellValue>) => MessageProblem | null;
};

export type MessageProblem = 'too-long' | 'empty';

export type CheckOptions = {
  /** Rows in the largest file that is checked; default 100,000. */
  readonly maxRows?: number;
  /** Rows with errors, and repeated recipients, that are kept to be shown; default 20. */
  readonly maxErrorsShown?: number;
  /** First rows that are kept to be shown; default 10. */
  readonly maxInitialRowsShown?: number;
  /** Messages the service may still send today; default any number. */
  readonly remainingMessages?: number;
  /** The same for foreign phone numbers: 0 without the permission; less than 0 counts as 0. */
  readonly remainingInternational?: number;
  /** Permissions of the service; default none. */
  readonly permissions?: PhonePermissions;
  /** false for a file from a saved emergency contact list, whose numbers are not validated; default true. */
  readonly validatePhoneNumbers?: boolean;
  /** Who a service in trial mode may send to; null or empty means everybody, which is the default. */
  readonly allowed?: RecipientSet | null;
  readonly rates?: Rates;
};

export type CellError = {
  /** In the file's spelling. */
  readonly header: string;
  readonly key: string;
  /** `Missing`, or the text of spec 03, section 1.8 or 2. */
  readonly text: string;
  /** What a spreadsheet did to the value, if that is recognised. */
  readonly hint: string | null;
};

export type CheckedRow = CsvRow & {
  readonly recipientCheck: RecipientCheck;
  readonly cellErrors: readonly CellError[];
  readonly messageProblem: MessageProblem | null;
  readonly doubts: readonly Doubt[];
};

/** Repeated recipients are a warning, not an error. */
export type Duplicates = {
  /** Rows whose recipient is also in an earlier row. */
  readonly count: number;
  /** The first of these rows with the row they repeat, as indexes from 0. */
  readonly shown: readonly { readonly index: number; readonly firstIndex: number }[];
};

/**
 * What says that a file is not what its author meant, although it can be read: GOV.UK Notify sends such a file. It
 * counts in no other field of the check, but the file is not valid (spec 03, section 4.5).
 */
export type Doubt = {
  /** null for the header. */
  readonly index: number | null;
  /** In the file's spelling, if the doubt is about one column. */
  readonly header: string | null;
  readonly kind: 'unclosed-quote' | 'surplus-cells' | 'damaged-character';
  /** The value in doubt. */
  readonly value: string;
};

/** Rows are indexes from 0; lists of them are ordered and complete. */
export type CsvCheck = {
  readonly columns: CsvColumns;
  readonly rowCount: number;
  /** If so, only the rows to be shown were read, and they count for nothing below. */
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
  /** Errors of cells and messages; a row can have several. */
  readonly errorCount: number;
  readonly initialRows: readonly CheckedRow[];
  readonly initialRowsWithErrors: readonly CheckedRow[];
  /** For the check page: rows with errors if there are any and no column is missing, otherwise the first rows. */
  readonly displayedRows: readonly CheckedRow[];
  readonly duplicates: Duplicates;
  /** The first are kept to be shown, in the order of rows. */
  readonly doubts: { readonly count: number; readonly shown: readonly Doubt[] };
  readonly separator: Separator;
  /** The limits that applied to the file. */
  readonly limits: {
    readonly maxRows: number;
    readonly remainingMessages: number;
    readonly remainingInternational: number;
  };
  /** Whether the file or any row has an error; having no rows is not an error here (spec 03, section 4.5). */
  readonly hasErrors: boolean;
};

/** Checks a surveyed file. `source` is the same file from its start; little is read of one with too many rows. */
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
  const initialRows: CheckedRow[] = [];
  const tally = new Tally(maxErrorsShown, form);

  for await (const row of checkRows(source, form, template, options)) {
    if (initialRows.length < maxInitialRowsShown) initialRows.push(row);
    else if (tooManyRows) break;
    if (!tooManyRows) tally.add(row);
  }

  const found = tally.result();
  const moreRowsThanCanSend = rowCount > remainingMessages;
  const moreInternationalThanCanSend = found.internationalCount > Math.max(remainingInternational, 0);
  const showErrors = found.rowsWithErrors.length > 0 && columns.missing.length === 0;
  return {
    ...found,
    columns,
    rowCount,
    separator: form.separator,
    tooManyRows,
    moreRowsThanCanSend,
    moreInternationalThanCanSend,
    initialRows,
    displayedRows: showErrors ? found.initialRowsWithErrors : initialRows,
    limits: { maxRows, remainingMessages, remainingInternational },
    hasErrors:
      columns.missing.length > 0 ||
      columns.duplicateRecipients.length > 0 ||
      moreRowsThanCanSend ||
      tooManyRows ||
      !found.allowedToSendTo ||
      found.rowsWithErrors.length > 0 ||
      moreInternationalThanCanSend,
  };
}

/** Totals over the rows of a file. */
class Tally {
  readonly #maxShown: number;
  /** Index of the first row of each recipient. */
  readonly #firstIndexes = new Map<string, number>();
  readonly #rowsWithErrors: number[] = [];
  readonly #rowsWithBadRecipients: number[] = [];
  readonly #rowsWithMissingData: number[] = [];
  readonly #rowsWithMessageTooLong: number[] = [];
  readonly #rowsWithEmptyMessage: number[] = [];
  readonly #initialRowsWithErrors: CheckedRow[] = [];
  readonly #duplicatesShown: Duplicates['shown'][number][] = [];
  readonly #doubtsShown: Doubt[] = [];
  #doubtCount = 0;
  #duplicateCount = 0;
  #internationalCount = 0;
  #allowedToSendTo = true;
  #errorCount = 0;

  constructor(maxShown: number, { header, unclosedQuote }: CsvForm) {
    this.#maxShown = maxShown;
    if (unclosedQuote === null) return;
    const { record, position } = unclosedQuote;
    const index = record === 0 ? null : record - 1;
    const name = index === null ? null : header.cells[position] || null;
    this.#addDoubt({ index, header: name, kind: 'unclosed-quote', value: '' });
  }

  #addDoubt(doubt: Doubt): void {
    this.#doubtCount += 1;
    if (this.#doubtsShown.length < this.#maxShown) this.#doubtsShown.push(doubt);
  }

  add(row: CheckedRow): void {
    const { index, recipientCheck, cellErrors, messageProblem } = row;
    for (const doubt of row.doubts) this.#addDoubt(doubt);
    if (recipientCheck.isForeign) this.#internationalCount += 1;
    if (!recipientCheck.isAllowed) this.#allowedToSendTo = false;
    if (recipientCheck.normalised !== null) this.#addRecipient(recipientCheck.normalised, index);
    const errors = cellErrors.length + (messageProblem === null ? 0 : 1);
    if (errors === 0) return;
    this.#errorCount += errors;
    this.#rowsWithErrors.push(index);
    if (this.#initialRowsWithErrors.length < this.#maxShown) this.#initialRowsWithErrors.push(row);
    if (cellErrors.some(({ text }) => text === missing)) this.#rowsWithMissingData.push(index);
    if (cellErrors.some(({ text }) => text !== missing)) this.#rowsWithBadRecipients.push(index);
    if (messageProblem === 'too-long') this.#rowsWithMessageTooLong.push(index);
    if (messageProblem === 'empty') this.#rowsWithEmptyMessage.push(index);
  }

  #addRecipient(normalised: string, index: number): void {
    const firstIndex = this.#firstIndexes.get(normalised);
    if (firstIndex === undefined) {
      this.#firstIndexes.set(normalised, index);
      return;
    }
    this.#duplicateCount += 1;
    if (this.#duplicatesShown.length < this.#maxShown) this.#duplicatesShown.push({ index, firstIndex });
  }

  result() {
    return {
      internationalCount: this.#internationalCount,
      allowedToSendTo: this.#allowedToSendTo,
      rowsWithErrors: this.#rowsWithErrors,
      rowsWithBadRecipients: this.#rowsWithBadRecipients,
      rowsWithMissingData: this.#rowsWithMissingData,
      rowsWithMessageTooLong: this.#rowsWithMessageTooLong,
      rowsWithEmptyMessage: this.#rowsWithEmptyMessage,
      errorCount: this.#errorCount,
      initialRowsWithErrors: this.#initialRowsWithErrors,
      doubts: { count: this.#doubtCount, shown: this.#doubtsShown },
      duplicates: { count: this.#duplicateCount, shown: this.#duplicatesShown },
    };
  }
}

/**
 * Checks the rows of a surveyed file one by one, in order. `source` is the same file from its start. Rows with errors
 * are yielded like any other.
 */
export async function* checkRows(
  source: CsvSource,
  form: CsvForm,
  template: CsvTemplate,
  options: CheckOptions = {},
): AsyncGenerator<CheckedRow, void, void> {
  const columns = readColumns(form.header, form.filledWidth, template);
  const {
    permissions = noPermissions,
    validatePhoneNumbers = true,
    allowed = null,
    rates = defaultRates,
  } = options;
  const rules = { permissions, validatePhoneNumbers, allowed, rates };
  for await (const row of readRows(source, form, template)) yield checkRow(columns, row, template, rules);
}

const noPermissions: PhonePermissions = { international: false, ukLandlines: false };

/** Reads the rows of a surveyed file without checking them, as a job does (spec 03, section 4.7). */
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

/** Checks one row by itself. */
export function checkRow(
  columns: CsvColumns,
  row: CsvRow,
  template: Pick<CsvTemplate, 'judge'>,
  rules: RecipientRules,
): CheckedRow {
  const recipientCheck = checkRecipient(columns.type, row.recipient, rules);
  const cellErrors: CellError[] = [];
  for (const [key, value] of row.personalisation) {
    const isRecipient = columns.recipientKeys.includes(key);
    const text = isRecipient
      ? recipientError(columns, value, recipientCheck)
      : value === null
        ? missing
        : null;
    if (text === null) continue;
    const header = columns.headerOf.get(key)!;
    cellErrors.push({ header, key, text, hint: isRecipient ? recipientCheck.hint : null });
  }
  const messageProblem = template.judge(row.personalisation);
  return { ...row, recipientCheck, cellErrors, messageProblem, doubts: doubtsOf(columns, row) };
}

function doubtsOf(columns: CsvColumns, { index, record, personalisation }: CsvRow): Doubt[] {
  const doubts: Doubt[] = [];
  const surplus = record.cells.slice(columns.headerWidth).find((cell) => clean(cell) !== '');
  if (surplus !== undefined)
    doubts.push({ index, header: null, kind: 'surplus-cells', value: clean(surplus) });
  for (const [key, value] of personalisation) {
    const damaged = [value].flat().find((text) => text?.includes('\ufffd'));
    const header = columns.headerOf.get(key)!;
    if (damaged) doubts.push({ index, header, kind: 'damaged-character', value: damaged });
  }
  return doubts;
}

/** With several recipient columns it is unclear which one counts, so an empty one is not called missing. */
function recipientError(columns: CsvColumns, value: CellValue, check: RecipientCheck): string | null {
  if (typeof value !== 'string' && columns.duplicateRecipients.length > 0) return null;
  return check.error;
}

/** The error of an empty cell that a message needs. */
export const missing = 'Missing';

export type RecipientRules = Required<
  Pick<CheckOptions, 'permissions' | 'validatePhoneNumbers' | 'allowed' | 'rates'>
>;

export type RecipientCheck = {
  /** The text of spec 03, section 1.8 or 2, `Missing`, or null for a good recipient. */
  readonly error: string | null;
  /** What a spreadsheet did to the number, if that is recognised; only with an error. */
  readonly hint: string | null;
  /** The form in which rows are compared; null if the cell is not a recipient. */
  readonly normalised: string | null;
  /** A phone number with a calling code other than 44, permitted or not. */
  readonly isForeign: boolean;
  /** Billable units of a text's fragment; null if the cell is no phone number. */
  readonly rateMultiplier: number | null;
  /** Whether a service in trial mode may send there. */
  readonly isAllowed: boolean;
};

const noRecipient = { error: missing, hint: null, normalised: null, isForeign: false, rateMultiplier: null };

/**
 * Checks a cleaned recipient cell (spec 03, section 4.4, cell error rule 2). Addresses of letters are not checked yet.
 */
function checkRecipient(type: TemplateType, value: CellValue, rules: RecipientRules): RecipientCheck {
  if (type === 'letter') return { ...noRecipient, error: null, isAllowed: true };
  if (typeof value !== 'string') return { ...noRecipient, isAllowed: isAllowed(null, null, rules) };
  return type === 'sms' ? checkPhone(value, rules) : checkEmail(value, rules);
}

function checkEmail(text: string, rules: RecipientRules): RecipientCheck {
  const email = parseEmailAddress(text);
  const normalised = email.ok ? email.emailAddress.normalised : null;
  return {
    error: email.ok ? null : email.error,
    hint: null,
    normalised,
    ...{ isForeign: false, rateMultiplier: null },
    // No address is also a phone number, so its own normalised form is its comparable form.
    isAllowed: isAllowed(text, normalised, rules),
  };
}

function checkPhone(text: string, rules: RecipientRules): RecipientCheck {
  const { permissions, rates, validatePhoneNumbers } = rules;
  const phone = parsePhoneNumber(text, rates);
  const normalised = phone.ok ? phone.phoneNumber.normalised : null;
  const problem = phone.ok ? checkPermissions(phone.phoneNumber, permissions) : phone.error;
  const isWrong = validatePhoneNumbers && problem !== null;
  const isSendable = (number: string) => {
    const other = parsePhoneNumber(number, rates);
    return other.ok && checkPermissions(other.phoneNumber, permissions) === null;
  };
  return {
    error: isWrong ? phoneProblemText(problem) : null,
    hint: isWrong && !phone.ok ? spreadsheetDamage(text, isSendable) : null,
    normalised,
    isForeign: phone.ok && !phone.phoneNumber.isUk,
    rateMultiplier: phone.ok ? (phone.phoneNumber.rateMultiplier ?? 1) : null,
    isAllowed: isAllowed(text, normalised, rules),
  };
}

/** Whether the allow-list has the recipient; an absent one is never allowed (spec 03, section 3.1). */
function isAllowed(text: string | null, normalised: string | null, { allowed }: RecipientRules): boolean {
  if (allowed === null || allowed.size === 0) return true;
  return text !== null && allowed.has(normalised ?? comparable(text));
}

const scientificNotation = /^\+?\d(?:[.,]\d{0,20})?E\+?\d{1,2}$/i;
const decimal = /^\+?(\d{7,15})[.,]0{1,3}$/;
const withoutPrefix = /^[1-9]\d{6,14}$/;

/**
 * Says what a spreadsheet did to a phone number that it treated as a quantity, or null if nothing is recognised. Goes
 * beyond the reference, which only says that the number is not valid: knowing the cause, people can repair the file.
 * For invalid numbers; `isSendable` says whether another spelling would be valid.
 */
export function spreadsheetDamage(number: string, isSendable: (number: string) => boolean): string | null {
  if (scientificNotation.test(number))
    return `A spreadsheet shortened this phone number to ‘${number}’ – format the column as text and enter the whole number again`;
  const whole = decimal.exec(number)?.[1];
  if (whole !== undefined)
    return `A spreadsheet turned this phone number into the decimal ‘${number}’ – format the column as text and enter ${whole}`;
  if (withoutPrefix.test(number) && isSendable(`+${number}`))
    return `A spreadsheet removed the zeros or the plus in front of ‘${number}’ – format the column as text and enter +${number}`;
  return null;
}
