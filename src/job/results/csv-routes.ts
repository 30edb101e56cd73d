import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import { noResultFound } from '../../ground/problem.ts';
import type { Turns } from '../../ground/turns.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainError } from '../../http/server/error-format.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { filterFormats, filterOf, messageFilter, typeFault } from '../../message/reading/admin/filter.ts';
import { ownOnly } from '../../message/reading/admin/routes.ts';
import { beginDownload } from '../../message/receipt/inbound/csv-routes.ts';
import type { JobRecord } from '../run/job.ts';
import { findJob } from '../run/store.ts';
import { type CsvPart, jobCsv, serviceCsv } from './csv.ts';
import { aboutReaders, common, jobPath, ofJob, type ResultDeps } from './routes.ts';
import { statusesOf } from './row.ts';

/** `downloads`: of each service, one at a time. */
export type ResultCsvDeps = ResultDeps & Readonly<{ downloads: Turns }>;

const file = {
  description: 'The file.',
  contentType: 'text/csv; charset=utf-8',
  schema: Type.String(),
} as const;
const aboutCells =
  'UTF-8, times in London time. No cell is a formula: one that would be begins with an apostrophe. A service can have one download under way.';

const downloadJob = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${jobPath}/csv`,
  handlerName: 'job.get_job_csv',
  summary: 'Download what became of a job',
  description: `As a CSV file in the order of the rows: \`Row number\` (from 1), the columns of the file that was uploaded, as long as it is kept (then only the recipient), \`Template\`, \`Type\`, \`Job\`, \`Status\`, \`Time\` and \`Reason\`, which says why a message was not delivered. ${aboutCells} ${aboutReaders}`,
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
  async handler(deps: ResultCsvDeps, { actor, params, query }, reply) {
    const { service_id: serviceId } = params;
    const left = await beginDownload(deps.downloads, serviceId, reply);
    const job = await jobOf(deps, params, ownOnly(actor), left);
    return await stream(reply, jobCsv(deps, job, statusesOf(query.status), 0, left));
  },
});

async function jobOf(
  { reads }: ResultCsvDeps,
  { service_id: serviceId, job_id: given }: Static<typeof ofJob>,
  own: string | null,
  left: AbortSignal,
): Promise<JobRecord> {
  const id = parseUuid(given);
  const job = id === null ? null : await reads(serviceId, left, (db) => findJob(db, serviceId, id));
  if (!job || (own !== null && job.createdBy !== own)) throw noResultFound();
  return job;
}

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
    return await stream(reply, serviceCsv(deps, filter, null, left));
  },
});

/**
 * Sends a file part by part; the next one is read when the caller has taken the one before. What fails at once gets an
 * answer of its own; a read that fails later breaks the connection, so that a part is not taken for the whole.
 */
async function stream(reply: FastifyReply, parts: AsyncGenerator<CsvPart<unknown>>): Promise<FastifyReply> {
  const first = await parts.next();
  const texts = async function* () {
    if (!first.done) yield first.value.text;
    for await (const { text } of parts) if (text !== '') yield text;
  };
  return reply.type(file.contentType).send(Readable.from(texts()));
}

/** Results as files for a spreadsheet (spec 04, sections 6.3 and 7.3). */
export const resultCsvRoutes = [downloadJob, downloadService];
