import { maySendTo, notAllowedText, recipientSet } from '../../content/recipient/allow-list.ts';
import { fileErrors, rowNumber } from '../../content/recipient/csv/report.ts';
import type { Content } from '../../content/template/template.ts';
import type { Db } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { numberSource } from '../../ground/json.ts';
import { invalid, Problem } from '../../ground/problem.ts';
import { trialModeUrl } from '../../message/submission/prepare.ts';
import type { Caller } from '../../tenant/key/authenticate.ts';
import { maxRows } from '../upload/file-format.ts';
import { onlyTo } from '../upload/receive.ts';
import { columnsOf, createExplain, type RowRules, unclosedQuoteFault } from '../upload/row-check.ts';
import { findRecordsOf, type WrittenRows } from '../upload/store.ts';
import { findFaults, type StoredFault } from '../upload/store-faults.ts';

/** The rows of a request as the check takes them. */
export type GivenRows = Readonly<{ given: 'csv' | 'rows'; bytes: Uint8Array }>;

/** Reads `rows` or `csv` of a request, of which there has to be one. Throws a Problem (400). */
export function readRows({ rows, csv }: Readonly<{ rows?: readonly unknown[]; csv?: string }>): GivenRows {
  if (rows !== undefined && csv !== undefined) throw invalid(['rows and csv cannot both be given']);
  if (csv !== undefined) return { given: 'csv', bytes: Buffer.from(csv) };
  if (rows === undefined) throw invalid(['rows or csv is a required property']);
  const records = rows.map((row, index) => {
    if (!Array.isArray(row)) throw invalid([`rows ${index + 1} is not of type array`]);
    return row.map((cell: unknown) => cellOf(cell, index));
  });
  return { given: 'rows', bytes: Buffer.from(JSON.stringify(records)) };
}

/** A cell as text: of a number, its digits as they were written. */
function cellOf(cell: unknown, index: number): string {
  if (typeof cell === 'string') return cell;
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const source = numberSource(cell);
  if (source === null)
    throw invalid([`rows ${index + 1} has a value that is not of type string, number, null`]);
  return source;
}

/** The rules for rows that are sent with an API key: whom it may send to is what it is for single messages. */
export function rulesOfKey({ service, key }: Caller, rules: RowRules): RowRules {
  const { keyType } = key;
  const { restricted, allowed } = service;
  const isForAll = maySendTo('', { keyType, restricted, allowed: [] });
  return { ...rules, allowed: isForAll ? null : onlyTo(recipientSet(allowed)) };
}

const mostRows = 100;
/** Faults that are looked at: a row has a few, one with many damaged characters more. */
export const mostFaults = 1000;
/** Characters of a header that an error shows. */
const shownHeader = 100;

/**
 * 400 for rows that cannot be sent: what is wrong with all of them, or one error for each of the first faulty rows and
 * the count of the others.
 */
export async function rowsProblem(
  { db, cipher }: Readonly<{ db: Db; cipher: Cipher }>,
  uploadId: string,
  written: WrittenRows,
  content: Content,
  { key }: Caller,
  rules: RowRules,
): Promise<Problem> {
  const { rowCount } = written;
  const summary = written.summary!;
  const columns = columnsOf(content, written);
  const ofAll = fileErrors({
    ...{ columns, rowCount, tooManyRows: summary.tooManyRows, allowedToSendTo: true },
    ...{ moreRowsThanCanSend: false, internationalCount: 0, moreInternationalThanCanSend: false },
    limits: { maxRows, remainingMessages: 0, remainingInternational: 0 },
  }).map(({ message }) => message);
  if (summary.unclosedQuoteInHeader) ofAll.push(`Row 1: ${unclosedQuoteFault(columns, null).text}`);
  if (ofAll.length > 0) return refused(ofAll);

  const faults = await findFaults(db, uploadId, 0, rowCount, mostFaults);
  const byRow = [...Map.groupBy(faults, ({ index }) => index)].slice(0, mostRows);
  const records = await findRecordsOf(
    db,
    cipher,
    uploadId,
    byRow.map(([index]) => index),
  );
  const explain = createExplain(columns, rules, summary.separator);
  const textOf = (fault: StoredFault, cells: readonly string[]) => {
    const text =
      fault.kind === 'not-allowed' ? notAllowedText(key.keyType, trialModeUrl) : explain(fault, cells);
    return fault.header === null ? text : `${fault.header.slice(0, shownHeader).toWellFormed()}: ${text}`;
  };
  const ofRows = byRow.map(([index, found]) => {
    const cells = records.get(index) ?? [];
    return `Row ${rowNumber(index)}: ${found.map((fault) => textOf(fault, cells)).join('; ')}`;
  });
  const others = summary.faultyRows - ofRows.length;
  const rest = others === 1 ? '1 more row has faults' : `${others} more rows have faults`;
  return refused(others > 0 ? [...ofRows, rest] : ofRows);
}

function refused(messages: readonly string[]): Problem {
  return new Problem(
    400,
    messages.map((message) => ({ error: 'BadRequestError', message })),
  );
}
