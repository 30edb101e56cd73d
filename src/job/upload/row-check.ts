import { hash } from 'node:crypto';
import {
  type CheckedRow,
  checkRow,
  missing,
  type RecipientRules,
} from '../../content/recipient/csv/check.ts';
import { doubtText, messageProblemTexts } from '../../content/recipient/csv/report.ts';
import { type CsvColumns, readColumns, readRow } from '../../content/recipient/csv/row.ts';
import { emailRows, type RowMessage, smsRows } from '../../content/template/recipient-rows.ts';
import { type Content, placeholdersIn } from '../../content/template/template.ts';
import type { UploadFormat } from './store.ts';
import type { RowFault, RowOutcome } from './summary.ts';

/** The columns of an upload for the content of its template. `header`: raw cells; `format`: once it is known. */
export function columnsOf(
  content: Content,
  {
    header,
    filledWidth,
    format,
  }: Readonly<{ header: readonly string[]; filledWidth: number; format?: UploadFormat }>,
): CsvColumns {
  const { type } = content;
  const template = { type, placeholders: placeholdersIn(content), isVerbatim: format === 'messages' };
  return readColumns({ cells: header, width: header.length }, filledWidth, template);
}

/** Missing values of one row that are listed; a template can have hundreds. */
const mostMissing = 5;

/**
 * Makes the check of single rows. `rules.prefix`: the name that texts of the service begin with, if they do. `cells`:
 * the raw cells of the row.
 */
export function createRowCheck(
  content: Content,
  columns: CsvColumns,
  { prefix, ...rules }: RowRules,
): (index: number, cells: readonly string[]) => RowOutcome {
  let message: RowMessage = noMessage;
  const seen = (found: RowMessage) => {
    message = found;
  };
  const template =
    content.type === 'sms' ? smsRows(content.sms, prefix, seen) : emailRows(content.email, seen);
  return (index, cells) => {
    message = noMessage;
    const row = checkRow(columns, readRow(columns, index, { cells, width: cells.length }), template, rules);
    const { normalised, isForeign, rateMultiplier } = row.recipientCheck;
    const counted = rateMultiplier === null ? 0 : message.fragments;
    return {
      faults: faultsOf(row, columns).map(withShortHeader),
      totals: {
        international: isForeign ? 1 : 0,
        fragments: counted,
        units: counted * (rateMultiplier ?? 1),
      },
      length: message.length,
      recipient: normalised === null ? '' : hash('sha256', normalised, 'base64url').slice(0, 11),
    };
  };
}

const noMessage: RowMessage = { length: 0, fragments: 0 };

export type RowRules = RecipientRules & Readonly<{ prefix: string | null }>;

/** Faults in the order of the row; without its values, which are put in when they are shown. */
function faultsOf(
  { cellErrors, messageProblem, recipientCheck, doubts }: CheckedRow,
  columns: CsvColumns,
): readonly RowFault[] {
  const isGood =
    cellErrors.length === 0 && messageProblem === null && recipientCheck.isAllowed && doubts.length === 0;
  if (isGood) return none;
  const faults: RowFault[] = [];
  let missingCells = 0;
  for (const { header, text } of cellErrors) {
    if (text === missing) missingCells += 1;
    if (missingCells > mostMissing) continue;
    faults.push({ kind: text === missing ? 'missing' : 'recipient', header, text });
  }
  if (messageProblem !== null)
    faults.push({ kind: messageProblem, header: null, text: messageProblemTexts[messageProblem] });
  // Another error of the recipient says more.
  if (!recipientCheck.isAllowed && recipientCheck.error === null)
    faults.push({ kind: 'not-allowed', header: columns.recipientHeader, text: notAllowedText });
  for (const { kind, header } of doubts)
    if (!faults.some((fault) => fault.kind === kind && fault.header === header))
      faults.push({ kind, header, text: doubtTexts[kind] });
  return faults;
}

const longestHeader = 1000;

/** The header is stored with each fault, and all rows can have some. */
function withShortHeader(fault: RowFault): RowFault {
  const { header } = fault;
  if (header === null || header.length <= longestHeader) return fault;
  return { ...fault, header: header.slice(0, longestHeader).toWellFormed() };
}

const none: readonly RowFault[] = [];
const notAllowedText = 'You cannot send to this recipient while your service is in trial mode';
const doubtTexts = {
  'unclosed-quote': doubtText({ kind: 'unclosed-quote', value: '' }, 0, ','),
  'surplus-cells': 'The row has more cells than the header has columns',
  'damaged-character': 'A value has a damaged character',
};

/**
 * The fault of the row in which a quote is not closed. Only a column that the template has is named: any other header
 * may be a value, of a file that has no header, and faults are not sealed.
 */
export function unclosedQuoteFault(columns: CsvColumns, header: string | null): RowFault {
  const isNamed = columns.columns.some((column) => column.header === header && !column.isIgnored);
  const text = doubtTexts['unclosed-quote'];
  return withShortHeader({ kind: 'unclosed-quote', header: isNamed ? header : null, text });
}

/**
 * Explains the faults of a row with its values: what a spreadsheet did to a number, or which value is in doubt.
 * `separator` null: of a workbook.
 */
export function createExplain(
  columns: CsvColumns,
  rules: RecipientRules,
  separator: string | null,
): (fault: RowFault, cells: readonly string[]) => string {
  return ({ kind, header, text }, cells) => {
    if (kind !== 'recipient' && kind !== 'surplus-cells' && kind !== 'damaged-character') return text;
    const row = readRow(columns, 0, { cells, width: cells.length });
    const { cellErrors, doubts } = checkRow(columns, row, { judge: () => null }, rules);
    if (kind === 'recipient') return cellErrors.find((error) => error.header === header)?.hint ?? text;
    const doubt = doubts.find((one) => one.kind === kind && one.header === header);
    return doubt ? doubtText(doubt, columns.headerWidth, separator ?? ',') : text;
  };
}
