import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { parseUuid } from '../../ground/id.ts';
import { noResultFound } from '../../ground/problem.ts';
import type { Turns } from '../../ground/turns.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainError } from '../../http/server/error-format.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { filterFormats, filterOf, messageFilter, typeFault } from '../../message/reading/admin/filter.ts';
import { type AdminFilter, findCircumstances, findNextPortion } from '../../message/reading/admin/store.ts';
import { beginDownload } from '../../message/receipt/inbound/csv-routes.ts';
import type { StoredNotification } from '../../message/status/notification.ts';
import type { JobRecord } from '../run/job.ts';
import { findJob } from '../run/store.ts';
import { type Original, openOriginal } from './original.ts';
import { common, jobPath, ofJob, type ResultDeps } from './routes.ts';
import { type ResultRow, resultRowOf, showResultRow, statusesOf } from './row.ts';
import { findRows } from './store.ts';

/** `downloads`: of each service, one at a time. */
export type ResultCsvDeps = ResultDeps & Readonly<{ downloads: Turns }>;

/** Messages that are read at a time. */
const messagesPerRead = 500;

const file = {
  description: 'The file.',
  contentType: 'text/csv; charset=utf-8',
  schema: Type.String(),
} as const;
const aboutCells =
  'UTF-8, times in London time. No cell is a formula: one that would be begins with an apostrophe. A service can have one download under way.';

const downloadJob = defineRoute({
  ...common,
  method: 'GET',
  path: `${jobPath}/csv`,
  handlerName: 'job.get_job_csv',
  summary: 'Download what became of a job',
  description: `As a CSV file in the order of the rows: \`Row number\` (from 1), the columns of the file that was uploaded, as long as it is kept (then only the recipient), \`Template\`, \`Type\`, \`Job\`, \`Status\`, \`Time\` and \`Reason\`, which says why a message was not delivered. ${aboutCells}`,
  params: ofJob,
  query: Type.Object(
    {
      status: Type.Optional(
        Type.Array(Type.String(), {
          description:
            'Only messages of these statuses; may be repeated. `sending`, `delivered` and `failed` mean all statuses of their kind, `all` every one.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: file,
    400: { description: 'A parameter is unknown.' },
    404: { description: 'The service has no such job.' },
  },
  async handler(deps: ResultCsvDeps, { params, query }, reply) {
    const { service_id: serviceId } = params;
    const left = await beginDownload(deps.downloads, serviceId, reply);
    const job = await jobOf(deps, params, left);
    const statuses = statusesOf(query.status);
    // Read now, so that what fails at once gets an answer of its own.
    const original = await openOriginal(deps, job, left);
    const first = await readRows(deps, job, statuses, 0, left);
    return reply
      .type(file.contentType)
      .send(Readable.from(jobLines(deps, job, statuses, original, first, left)));
  },
});

async function jobOf(
  { reads }: ResultCsvDeps,
  { service_id: serviceId, job_id: given }: Static<typeof ofJob>,
  left: AbortSignal,
): Promise<JobRecord> {
  const id = parseUuid(given);
  const job = id === null ? null : await reads(serviceId, left, (db) => findJob(db, serviceId, id));
  if (!job) throw noResultFound();
  return job;
}

function readRows(
  deps: ResultCsvDeps,
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

/**
 * The file in pieces, of which one is in memory; the next is read when the caller has taken it. A read that fails breaks
 * the connection, so that a part is not taken for the whole.
 */
async function* jobLines(
  deps: ResultCsvDeps,
  job: JobRecord,
  statuses: readonly string[] | null,
  original: Original,
  first: readonly ResultRow[],
  left: AbortSignal,
): AsyncGenerator<string> {
  yield byteOrderMark +
    csvLine(['Row number', ...original.headers, 'Template', 'Type', 'Job', 'Status', 'Time', 'Reason']);
  for (let rows = first; rows.length > 0; ) {
    let lines = '';
    for (const row of rows) {
      const shown = showResultRow(row);
      const cells = await original.cells(row.jobRowNumber ?? 0, row.recipient);
      lines += csvLine([
        ...[String(shown.row_number), ...cells, shown.template_name, shown.template_type],
        ...[job.originalFileName, shown.status, shown.created_at, row.reason ?? ''],
      ]);
      if (lines.length < mostCharacters) continue;
      yield lines;
      lines = '';
    }
    yield lines;
    await setImmediate();
    rows = await readRows(deps, job, statuses, (rows.at(-1)!.jobRowNumber ?? 0) + 1, left);
  }
}

/** Characters that are sent at a time, or one row. */
const mostCharacters = 256 * 1024;

const downloadService = defineRoute({
  ...common,
  method: 'GET',
  path: `/service/${uuidPart('service_id')}/notifications/csv`,
  handlerName: 'service.get_all_notifications_for_service_csv',
  summary: 'Download the messages of a service',
  description: `As a CSV file, newest first, over everything that is kept, with the filters of the list: \`Recipient\`, \`Reference\`, \`Template\`, \`Type\`, \`Sent by\`, \`Sent by email\`, \`Job\`, \`Status\`, \`Time\`, \`API key name\` and \`Reason\`, which says why a message was not delivered. ${aboutCells}`,
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(
    {
      ...messageFilter,
      status: Type.Optional(
        Type.Array(Type.String(), {
          description:
            'May be repeated. `sending`, `delivered` and `failed` mean all statuses of their kind, `all` every one.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  formats: filterFormats,
  answers: { 200: file, 400: { description: 'A parameter is unknown or invalid.' } },
  async handler(deps: ResultCsvDeps, { params, query }, reply) {
    const wrong = typeFault(query.template_type);
    if (wrong) return reply.code(400).type('application/json').send(plainError(wrong));
    const { service_id: serviceId } = params;
    const left = await beginDownload(deps.downloads, serviceId, reply);
    const filter = {
      ...filterOf(serviceId, query, deps.clock.now()),
      statuses: statusesOf(query.status),
    };
    const first = await readPortion(deps, filter, start, left);
    return reply.type(file.contentType).send(Readable.from(serviceLines(deps, filter, first, left)));
  },
});

/** Where the reading of a service's messages goes on, with so many; null: at the end. */
type Place = Readonly<{ before: string | null; size: number }>;
const start: Place = { before: null, size: 2000 };
/** Of few that match, more are looked at each time. */
const mostLookedAt = 100_000;

async function readPortion(
  deps: ResultCsvDeps,
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

async function* serviceLines(
  deps: ResultCsvDeps,
  filter: AdminFilter,
  first: Awaited<ReturnType<typeof readPortion>>,
  left: AbortSignal,
): AsyncGenerator<string> {
  yield byteOrderMark +
    csvLine([
      ...['Recipient', 'Reference', 'Template', 'Type', 'Sent by', 'Sent by email', 'Job', 'Status', 'Time'],
      ...['API key name', 'Reason'],
    ]);
  for (let portion = first; ; ) {
    yield portion.rows.map(serviceLine).join('');
    if (portion.next === null) return;
    await setImmediate();
    portion = await readPortion(deps, filter, portion.next, left);
  }
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

/** Results as files for a spreadsheet (spec 04, sections 6.3 and 7.3). */
export const resultCsvRoutes = [downloadJob, downloadService];
