import { setImmediate } from 'node:timers/promises';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Reads } from '../../database/reads.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { type AdminFilter, findCircumstances, findNextPortion } from '../../message/reading/admin/store.ts';
import type { StoredNotification } from '../../message/status/notification.ts';
import type { JobRecord } from '../run/job.ts';
import { openOriginal } from './original.ts';
import { type ResultRow, resultRowOf, showResultRow } from './row.ts';
import { findRows } from './store.ts';

export type CsvDeps = Readonly<{ reads: Reads; cipher: Cipher; templates: TemplateCaches }>;

/**
 * A part of a file, in the order of the file: whole lines, of so many messages. `next`: where the file goes on after it,
 * now or later; null at the end.
 */
export type CsvPart<Place> = Readonly<{ text: string; messages: number; next: Place | null }>;

/** Messages that are read at a time. */
const messagesPerRead = 500;
/** Characters of one part, or one row. */
const mostCharacters = 256 * 1024;

/**
 * What became of a job, in the order of its rows (spec 03, section 6.3, "job download"), from a row number on; 0: with
 * the header. One part is in memory. Rejects if a read fails, and when `left` is aborted.
 */
export async function* jobCsv(
  deps: CsvDeps,
  job: JobRecord,
  statuses: readonly string[] | null,
  from: number,
  left: AbortSignal,
): AsyncGenerator<CsvPart<number>, void, void> {
  const original = await openOriginal(deps, job, left);
  let rows = await readRows(deps, job, statuses, from, left);
  let text =
    from > 0
      ? ''
      : byteOrderMark +
        csvLine(['Row number', ...original.headers, 'Template', 'Type', 'Job', 'Status', 'Time', 'Reason']);
  for (let messages = 0, next = from; ; ) {
    for (const row of rows) {
      const shown = showResultRow(row);
      const cells = await original.cells(row.jobRowNumber ?? 0, row.recipient);
      text += csvLine([
        ...[String(shown.row_number), ...cells, shown.template_name, shown.template_type],
        ...[job.originalFileName, shown.status, shown.created_at, row.reason ?? ''],
      ]);
      messages += 1;
      next = (row.jobRowNumber ?? 0) + 1;
      if (text.length < mostCharacters) continue;
      yield { text, messages, next };
      [text, messages] = ['', 0];
    }
    const isEnd = rows.length === 0;
    yield { text, messages, next: isEnd ? null : next };
    if (isEnd) return;
    [text, messages] = ['', 0];
    await setImmediate();
    rows = await readRows(deps, job, statuses, next, left);
  }
}

function readRows(
  deps: CsvDeps,
  job: JobRecord,
  statuses: readonly string[] | null,
  from: number,
  left: AbortSignal,
): Promise<readonly ResultRow[]> {
  return deps.reads(job.serviceId, left, async (db) => {
    const range = { from, until: null, statuses, limit: messagesPerRead, withValues: false };
    const found = await findRows(db, job, range);
    const circumstances = await findCircumstances(
      db,
      found.map(({ id }) => id),
      [],
    );
    return await Promise.all(found.map((one) => resultRowOf(deps, one, circumstances.get(one.id))));
  });
}

/** Where the reading of a service's messages goes on: before a message (null: at the newest), looking at so many. */
export type Place = Readonly<{ before: string | null; size: number }>;
const start: Place = { before: null, size: 2000 };
/** Of few that match, more are looked at each time. */
const mostLookedAt = 100_000;

/**
 * Messages of a service, newest first (spec 03, section 6.3, "service download"), from a place on; null: from the
 * beginning, with the header. One part is in memory. Rejects if a read fails, and when `left` is aborted.
 */
export async function* serviceCsv(
  deps: CsvDeps,
  filter: AdminFilter,
  from: Place | null,
  left: AbortSignal,
): AsyncGenerator<CsvPart<Place>, void, void> {
  let text =
    from !== null
      ? ''
      : byteOrderMark +
        csvLine([
          ...['Recipient', 'Reference', 'Template', 'Type', 'Sent by', 'Sent by email', 'Job', 'Status'],
          ...['Time', 'API key name', 'Reason'],
        ]);
  for (let place: Place | null = from ?? start; place !== null; ) {
    const { rows, next } = await readPortion(deps, filter, place, left);
    yield { text: text + rows.map(serviceLine).join(''), messages: rows.length, next };
    text = '';
    place = next;
    await setImmediate();
  }
}

async function readPortion(
  deps: CsvDeps,
  filter: AdminFilter,
  { before, size }: Place,
  left: AbortSignal,
): Promise<{ rows: readonly ResultRow[]; next: Place | null }> {
  return await deps.reads(filter.serviceId, left, async (db) => {
    const wanted = messagesPerRead;
    const { found, last, isFull } = await findNextPortion(db, filter, { before, size, wanted });
    const circumstances = await findCircumstances(
      db,
      found.map(({ id }) => id),
      [],
    );
    const rows = await Promise.all(found.map((one) => resultRowOf(deps, one, circumstances.get(one.id))));
    return { rows, next: nextPlace(found, last, isFull || found.length === wanted, size) };
  });
}

function nextPlace(
  found: readonly StoredNotification[],
  last: string | null,
  isCut: boolean,
  size: number,
): Place | null {
  const before = isCut ? found.at(-1)!.id : last;
  if (before === null) return null;
  return { before, size: isCut ? start.size : Math.min(size * 5, mostLookedAt) };
}

function serviceLine(row: ResultRow): string {
  const shown = showResultRow(row);
  return csvLine([
    ...[firstLine(shown.recipient), shown.client_reference, shown.template_name, shown.template_type],
    ...[shown.created_by_name ?? '', shown.created_by_email_address ?? '', shown.job_name, shown.status],
    ...[shown.created_at, shown.api_key_name ?? '', row.reason ?? ''],
  ]);
}

/** As the layout asks (spec 03, section 6.3). */
function firstLine(recipient: string): string {
  return recipient
    .trimStart()
    .split(/\r?\n/, 1)[0]!
    .replace(/[\s,]+$/, '');
}
