import { cellsOf, readRow, recipientColumns } from '../../content/recipient/csv/row.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Reads } from '../../database/reads.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { JobRecord } from '../run/job.ts';
import { columnsOf } from '../upload/row-check.ts';
import { findPieces, findUpload } from '../upload/store.ts';

type OriginalDeps = Readonly<{ reads: Reads; cipher: Cipher; templates: TemplateCaches }>;

/** The columns of the file that a job was made of. */
export type Original = Readonly<{
  headers: readonly string[];
  /** The cells of a row under these headers. Rows have to be asked for in their order. */
  cells(row: number, recipient: string): Promise<readonly string[]>;
}>;

/**
 * The columns of the uploaded file while it is kept, else only the recipients. One piece of the file is in memory; a row
 * that is no longer kept has empty cells.
 */
export async function openOriginal(
  { reads, cipher, templates }: OriginalDeps,
  job: JobRecord,
  left: AbortSignal,
): Promise<Original> {
  const { id, serviceId, templateId, templateVersion, templateType: type } = job;
  const upload = await reads(serviceId, left, (db) => findUpload(db, cipher, serviceId, id));
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  if (!upload) return { headers: recipientColumns[type], cells: async (_row, recipient) => [recipient] };
  const columns = columnsOf(template.content, upload);
  let piece: Readonly<{ firstRow: number; records: readonly (readonly string[])[] }> = {
    firstRow: 0,
    records: [],
  };
  return {
    headers: columns.headers,
    async cells(row) {
      if (row >= piece.firstRow + piece.records.length) {
        const [found] = await reads(serviceId, left, (db) => findPieces(db, cipher, id, row, row + 1));
        piece = found
          ? { firstRow: found.firstRow, records: JSON.parse(found.records) as string[][] }
          : { firstRow: row, records: [] };
      }
      const record = { cells: piece.records[row - piece.firstRow] ?? [], width: columns.width };
      const { cells } = cellsOf(columns, readRow(columns, row, record));
      const texts = new Map(cells.map(({ key, value }) => [key, textOf(value)]));
      return columns.columns.map(({ key }) => texts.get(key) ?? '');
    },
  };
}

/** Blank cells are empty, and the values of repeated columns a list (spec 03, section 6.3). */
function textOf(value: string | null | readonly (string | null)[]): string {
  if (value === null || typeof value === 'string') return value ?? '';
  return value.filter((item) => item !== null).join(', ');
}
