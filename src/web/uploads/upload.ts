import { html } from '../../ground/html.ts';
import type { Content } from '../components/attributes.ts';
import { counted, inFigures } from '../words/counts.ts';

/** An upload as pages read it (spec 04, section 6.4). */
export type Upload = Readonly<{
  id: string;
  template: string;
  template_version: number;
  template_type: 'sms' | 'email';
  original_file_name: string;
  format: string;
  sender_id: string | null;
  left_out_of: string | null;
  contact_list_id: string | null;
  created_at: string;
  expires_at: string;
  notification_count: number;
  columns: readonly string[];
  recipient_column: string | null;
  missing_columns: readonly string[];
  errors: readonly Readonly<{ row: number | null; column: string | null; message: string }>[];
  faulty_rows: number;
  faults: readonly Readonly<{ kind: string; rows: number }>[];
  fault_groups: readonly FaultGroup[];
  preview: readonly RowPreview[];
  shortest: RowPreview | null;
  longest: RowPreview | null;
  duplicate_count: number;
  international_count: number;
  fragments: number;
  cost_in_pounds: number;
  limits: Readonly<{ messages: number; international_sms: number | null }>;
  same_file: Readonly<{ id: string; created_at: string }> | null;
  valid: boolean;
}>;

export type FaultGroup = Readonly<{ kind: string; column: string | null; message: string; rows: number }>;

export type RowPreview = Readonly<{
  row: number;
  recipient: string | null;
  subject: string | null;
  body: string;
  fragments?: number | null;
  characters?: number | null;
}>;

export type UploadRow = Readonly<{
  row: number;
  cells: readonly string[];
  faults: readonly Readonly<{ kind: string; column: string | null; message: string }>[];
}>;

/** What is wrong with the file as a whole; its rows are another matter. */
export function faultsOfFile({ errors }: Pick<Upload, 'errors'>): readonly string[] {
  return errors.filter(({ row }) => row === null || row === 1).map(({ message }) => message);
}

/** Whether the faulty rows can be left out: not if nothing would be left. */
export function canLeaveOut({ faulty_rows: faulty, notification_count: rows }: Upload): boolean {
  return faulty > 0 && faulty < rows;
}

/** How a file stands, in one sentence (spec 07, section 8, journey 3). Pure. */
export function uploadSentence(upload: Upload): string {
  const { notification_count: rows, faulty_rows: faulty, valid } = upload;
  const [first] = faultsOfFile(upload);
  if (valid) return rows === 1 ? 'Its 1 row can be sent.' : `All ${inFigures(rows)} rows can be sent.`;
  if (faulty === 0) return first ?? 'This file cannot be sent as it is.';
  const what = faulty === 1 ? '1 has to be mended' : `${inFigures(faulty)} have to be mended`;
  const of = rows === faulty ? what : `${what} or left out`;
  return `Of ${counted(rows, 'row')}, ${of} before the file can be sent.`;
}

/** A group of faults in words: "Phone number is too short: 9 rows". Pure. */
export function groupWords({ kind, column, message, rows }: FaultGroup): Content {
  const count = counted(rows, 'row');
  if (kind === 'missing' && column !== null)
    return html`Nothing in the column <span dir="auto">“${column}”</span>: ${count}`;
  if (kind === 'recipient' || kind === 'not-allowed' || column === null) return `${message}: ${count}`;
  return html`${message}, in the column <span dir="auto">“${column}”</span>: ${count}`;
}

/** A cell that can be mended: the column it is in, and its place among the columns of the file. */
export type MendableCell = Readonly<{ index: number; column: string; value: string; message: string | null }>;

/** Cells that are asked for at a row without one that is at fault. */
const mostCells = 20;

/**
 * The cells of a row in which its faults can be mended: those at fault, or, if the whole row is, all that have a column.
 * Of a repeated column the API writes one cell: the first, or the last of the recipient's. `every`: all cells. Pure.
 */
export function mendableCells(
  { columns, recipient_column: recipient }: Pick<Upload, 'columns' | 'recipient_column'>,
  { cells, faults }: UploadRow,
  every = false,
): readonly MendableCell[] {
  const ofWholeRow = faults.some(({ kind, column }) => column === null && kind !== 'surplus-cells');
  const messages = new Map(faults.map(({ column, message }) => [column, message]));
  const found = columns.flatMap((column, index) => {
    const place = column === recipient ? columns.lastIndexOf(column) : columns.indexOf(column);
    if (column === '' || place !== index) return [];
    if (!every && !ofWholeRow && !messages.has(column)) return [];
    return [{ index, column, value: cells[index] ?? '', message: messages.get(column) ?? null }];
  });
  return every ? found : found.slice(0, mostCells);
}

/** What stands in a row beyond the last column of the file; null: nothing. */
export function surplusOf({ columns }: Pick<Upload, 'columns'>, { cells, faults }: UploadRow): string | null {
  if (!faults.some(({ kind }) => kind === 'surplus-cells')) return null;
  return cells.slice(columns.length).join(', ');
}
