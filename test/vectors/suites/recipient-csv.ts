import { recipientSet } from '../../../src/content/recipient/allow-list.ts';
import { surveyCsv } from '../../../src/content/recipient/csv.ts';
import {
  type CheckOptions,
  type CsvCheck,
  type CsvTemplate,
  checkCsv,
  checkRows,
} from '../../../src/content/recipient/csv-check.ts';
import { cellsOf } from '../../../src/content/recipient/csv-row.ts';
import { parseText } from '../../../src/content/template/placeholder.ts';
import { emailRows, smsRows } from '../../../src/content/template/recipient-rows.ts';
import { compileSms } from '../../../src/content/template/sms.ts';
import { plainCases, type Suite } from '../suite.ts';

type Case = {
  template_type: 'sms' | 'email' | 'letter';
  template_content: string;
  file?: string;
  file_parts?: readonly { text: string; times: number }[];
  options?: {
    guest_list?: readonly string[];
    max_errors_shown?: number;
    max_initial_rows_shown?: number;
    max_rows?: number;
    remaining_messages?: number;
    remaining_international_sms?: number;
    allow_international_sms?: boolean;
    allow_uk_landline?: boolean;
    validate_phone_numbers?: boolean;
  };
  expected: Readonly<Record<string, unknown>>;
};

/** Letters are not supported yet: only the columns of their cases are judged. */
const JUDGED_OF_LETTERS = new Set([
  'column_headers',
  'missing_column_headers',
  'duplicate_recipient_column_headers',
  'has_recipient_columns',
  'row_count',
  'too_many_rows',
  'unreadable',
]);

function templateOf({ template_type, template_content }: Case): CsvTemplate {
  if (template_type === 'sms') return smsRows(compileSms(template_content));
  const content = parseText(template_content);
  if (template_type === 'email') return emailRows({ subject: parseText('A subject'), content });
  return { type: 'letter', placeholders: content.placeholders, judge: () => null };
}

/** Only the options of the case: the defaults described in the file are those of the product. */
function optionsOf({ options = {} }: Case): CheckOptions {
  const given: CheckOptions = {
    permissions: {
      international: options.allow_international_sms ?? false,
      ukLandlines: options.allow_uk_landline ?? false,
    },
    ...(options.guest_list && { allowed: recipientSet(options.guest_list) }),
    ...(options.max_errors_shown !== undefined && { maxErrorsShown: options.max_errors_shown }),
    ...(options.max_initial_rows_shown !== undefined && {
      maxInitialRowsShown: options.max_initial_rows_shown,
    }),
    ...(options.max_rows !== undefined && { maxRows: options.max_rows }),
    ...(options.remaining_messages !== undefined && { remainingMessages: options.remaining_messages }),
    ...(options.remaining_international_sms !== undefined && {
      remainingInternational: options.remaining_international_sms,
    }),
    ...(options.validate_phone_numbers !== undefined && {
      validatePhoneNumbers: options.validate_phone_numbers,
    }),
  };
  return given;
}

async function* sourceOf({ file, file_parts }: Case): AsyncGenerator<Uint8Array> {
  const text = file ?? (file_parts ?? []).map((part) => part.text.repeat(part.times)).join('');
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += 16_384) yield bytes.subarray(start, start + 16_384);
}

const indexes = (rows: readonly { index: number }[]) => rows.map(({ index }) => index);

function described(check: CsvCheck): Record<string, unknown> {
  const { columns } = check;
  return {
    unreadable: false,
    column_headers: columns.headers,
    missing_column_headers: columns.missing.toSorted(),
    duplicate_recipient_column_headers: columns.duplicateRecipients,
    has_recipient_columns: columns.hasRecipient,
    row_count: check.rowCount,
    too_many_rows: check.tooManyRows,
    more_rows_than_can_send: check.moreRowsThanCanSend,
    international_sms_count: check.internationalCount,
    more_international_sms_than_can_send: check.moreInternationalThanCanSend,
    allowed_to_send_to: check.allowedToSendTo,
    has_errors: check.hasErrors,
    rows_with_errors: check.rowsWithErrors,
    rows_with_bad_recipients: check.rowsWithBadRecipients,
    rows_with_missing_data: check.rowsWithMissingData,
    rows_with_message_too_long: check.rowsWithMessageTooLong,
    rows_with_empty_message: check.rowsWithEmptyMessage,
    displayed_rows: indexes(check.displayedRows),
    initial_rows: indexes(check.initialRows),
    initial_rows_with_errors: indexes(check.initialRowsWithErrors),
  };
}

async function answer(vector: Case): Promise<Record<string, unknown>> {
  const template = templateOf(vector);
  const options = optionsOf(vector);
  // `file` is an upload converted to text: the separator is always a comma.
  const survey = await surveyCsv(sourceOf(vector), { expected: [], isConverted: true });
  if (!survey.ok) return { unreadable: true };
  const check = await checkCsv(sourceOf(vector), survey.form, template, options);
  const got = described(check);
  if (!vector.expected['rows']) return got;
  const rows: unknown[] = [];
  for await (const row of checkRows(sourceOf(vector), survey.form, template, options)) {
    const { cells, withoutHeader } = cellsOf(check.columns, row);
    rows.push({
      index: row.index,
      cells: cells.map(({ key, value, isIgnored }) => ({
        key,
        data: value,
        error: row.cellErrors.find((error) => error.key === key)?.text,
        ignored: isIgnored || undefined,
      })),
      cells_without_header: withoutHeader.length > 0 ? withoutHeader : undefined,
      recipient: row.recipient,
      personalisation: Object.fromEntries(row.personalisation),
    });
  }
  return { ...got, rows };
}

export default {
  file: 'recipient-csv',
  cases: plainCases,
  judge: async (raw) => {
    const vector = raw as unknown as Case;
    const got = await answer(vector);
    return Object.entries(vector.expected)
      .filter(([field]) => vector.template_type !== 'letter' || JUDGED_OF_LETTERS.has(field))
      .map(([part, expected]) => ({ part, expected, got: got[part] }));
  },
} satisfies Suite;
