import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { type Static, Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import type { Reads } from '../../database/reads.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, parseDatetime } from '../../ground/clock.ts';
import { type IdSource, parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import type { Turns } from '../../ground/turns.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { beginDownload } from '../../message/receipt/inbound/csv-routes.ts';
import type { Queues } from '../../queue/queues.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { userIn } from '../../tenant/user/named.ts';
import { findJob } from '../run/store.ts';
import { storableText } from '../upload/store.ts';
import { processReport, reportTask } from './queue.ts';
import {
  bounds,
  type Report,
  type ReportFilter,
  reportFilter,
  reportSchema,
  reportStatuses,
  showReport,
} from './report.ts';
import {
  addReport,
  deleteReport,
  findPart,
  findReport,
  findReports,
  findSameReport,
  lockReports,
  type NewReport,
} from './store.ts';

/** `downloads`: of each service, one at a time. */
type ReportRouteDeps = Readonly<{
  db: Db;
  reads: Reads;
  clock: Clock;
  cipher: Cipher;
  queues: Pick<Queues, 'transaction'>;
  services: Cache<Service | null>;
  newId: IdSource;
  downloads: Turns;
}>;

const common = { tag: 'Administration', authentication: 'admin', permission: 'view_activity' } as const;
const path = `/service/${uuidPart('service_id')}/report-request`;
const reportPath = `${path}/${uuidPart('report_request_id')}`;
const ofService = Type.Object({ service_id: uuid('The service.') });
const ofReport = Type.Object({
  service_id: uuid('The service.'),
  report_request_id: uuid('The report.'),
});
const one = { schema: Type.Object({ data: reportSchema }) };
const noReport = { 404: { description: 'The service has no such report, or it was deleted.' } };

const body = Type.Object(
  {
    user_id: uuid('Who asks for it; the acting user if there is one.'),
    // No `type`, so that a value of any JSON type gets the enum's error (spec 04, section 10.3).
    report_type: Type.Unsafe<string>({ enum: ['notifications_report'] }),
    notification_type: Type.Unsafe<NotificationType>({ enum: ['email', 'sms'] }),
    notification_status: Type.Unsafe<string>({
      enum: [...reportStatuses],
      description: 'A kind of statuses, or `all`.',
    }),
    job_id: Type.Optional(uuid('Only messages of this job, with the columns of its file.')),
    ...reportFilter,
  },
  { additionalProperties: false },
);

const create = defineRoute({
  ...common,
  method: 'POST',
  path,
  errors: adminSchemaErrors,
  handlerName: 'report_request.create_report_request_by_type',
  summary: 'Ask for a report',
  description: `A CSV file with what became of messages, as the downloads have it, over all that the service’s retention keeps; it is made in the background and can be downloaded once its status is \`stored\`. It is deleted at 02:00 when it is a day old. The same request of the same person is answered with the report that is under way. A service can keep ${bounds.reports}; a report has at most ${bounds.messages.toLocaleString('en-GB')} messages.`,
  params: ofService,
  body,
  formats: () => ({
    datetime: (text) => (parseDatetime(text) ? null : 'is not a valid datetime'),
  }),
  example: {
    ...{ user_id: '{user_id}', report_type: 'notifications_report' },
    ...{ notification_type: 'sms', notification_status: 'failed' },
  },
  answers: {
    201: { description: 'The report, which is `pending`.', ...one },
    200: { description: 'The same report was asked for before and is under way.', ...one },
    400: { description: 'The request is invalid, or the service keeps too many reports.' },
    404: { description: 'There is no such service or user, or the service has no such job.' },
  },
  async handler(deps: ReportRouteDeps, request, reply) {
    const { params, body, actorId } = request;
    if (!(await deps.services.get(params.service_id))) throw noResultFound();
    const userId = await userIn(deps.db, actorId ?? body.user_id);
    const filter = filterIn(body);
    const jobId = await jobIn(deps, params.service_id, body, filter);
    const { report, isNew } = await ask(deps, {
      ...{ id: deps.newId(), serviceId: params.service_id, userId, jobId, filter },
      ...{ notificationType: body.notification_type, notificationStatus: body.notification_status },
      createdAt: new Date(deps.clock.now()),
    });
    return reply
      .code(isNew ? 201 : 200)
      .type('application/json')
      .send(JSON.stringify({ data: showReport(report) }));
  },
});

/** Reports that a list shows: those that failed do not count among those that are kept. */
const mostListed = 50;

const list = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'report_request.get_report_requests',
  summary: 'List the reports of a service',
  description: 'The newest first.',
  params: ofService,
  answers: {
    200: { description: 'The reports.', schema: Type.Object({ data: Type.Array(reportSchema) }) },
  },
  async handler({ reads }: ReportRouteDeps, { params }, reply) {
    const { service_id: serviceId } = params;
    const found = await reads(serviceId, callerLeaves(reply), (db) => findReports(db, serviceId, mostListed));
    return { data: found.map(showReport) };
  },
});

const read = defineRoute({
  ...common,
  method: 'GET',
  path: reportPath,
  handlerName: 'report_request.get_report_request_by_id',
  summary: 'Read a report',
  params: ofReport,
  answers: { 200: { description: 'The report.', ...one }, ...noReport },
  async handler(deps: ReportRouteDeps, { params }, reply) {
    return { data: showReport(await reportOf(deps, params, callerLeaves(reply))) };
  },
});

const download = defineRoute({
  ...common,
  method: 'GET',
  path: `${reportPath}/csv`,
  handlerName: 'report_request.get_report_request_csv',
  summary: 'Download a report',
  description:
    'In the layout of the download of a service, or of a job if the report is of one. A service can have one download under way.',
  params: ofReport,
  answers: {
    200: { description: 'The file.', contentType: 'text/csv; charset=utf-8', schema: Type.String() },
    400: { description: 'The report is not stored yet, or failed.' },
    ...noReport,
  },
  async handler(deps: ReportRouteDeps, { params }, reply) {
    const left = await beginDownload(deps.downloads, params.service_id, reply);
    const report = await reportOf(deps, params, left);
    if (report.status !== 'stored')
      throw badRequest(report.reason ?? 'The report is not ready yet: wait until its status is stored');
    return reply.type('text/csv; charset=utf-8').send(Readable.from(partsOf(deps, report, left)));
  },
});

const remove = defineRoute({
  ...common,
  method: 'DELETE',
  path: reportPath,
  handlerName: 'report_request.delete_report_request',
  summary: 'Delete a report',
  params: ofReport,
  answers: { 204: { description: 'It is gone.' }, ...noReport },
  async handler({ db, clock }: ReportRouteDeps, { params, actorId }) {
    const { service_id: serviceId, report_request_id: id } = params;
    const at = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      if (!(await deleteReport(trx, serviceId, id))) throw noResultFound();
      const event = { type: 'delete_report_request', serviceId, userId: actorId, subjectId: id };
      await recordEvent(trx, { ...event, data: { before: null, after: null } }, at);
    });
  },
});

/** Reports (spec 03, section 6.4). */
export const reportRoutes = [create, list, read, download, remove];

function filterIn(given: Static<typeof body>): ReportFilter {
  const asked = Object.entries(given).filter(([name]) => Object.hasOwn(reportFilter, name));
  return Object.fromEntries(
    asked.map(([name, value]) => [name, typeof value === 'string' ? storableText(value) : value]),
  );
}

/** The job of a report, or null. Throws a Problem. */
async function jobIn(
  { db }: ReportRouteDeps,
  serviceId: string,
  { job_id: given, notification_type: type }: Static<typeof body>,
  filter: ReportFilter,
): Promise<string | null> {
  if (given === undefined) return null;
  const [other] = Object.keys(filter);
  if (other !== undefined) throw invalidFields({ [other]: ['Not together with job_id.'] });
  const job = await findJob(db, serviceId, parseUuid(given)!);
  if (!job) throw noResultFound();
  if (job.templateType !== type)
    throw invalidFields({ notification_type: ['The job has messages of another type'] });
  return job.id;
}

/** A request that was touched within this time is still expected to end. */
const sameMilliseconds = 30 * 60_000;

/** Adds a report and its task, unless the same one is under way. Throws a Problem (400) if there are too many. */
async function ask(
  { queues }: ReportRouteDeps,
  asked: NewReport,
): Promise<Readonly<{ report: Report; isNew: boolean }>> {
  return await queues.transaction(async ({ trx, send }) => {
    const kept = await lockReports(trx, asked.serviceId);
    const since = new Date(asked.createdAt.getTime() - sameMilliseconds);
    const same = await findSameReport(trx, asked, since);
    if (same) return { report: same, isNew: false };
    if (kept >= bounds.reports)
      throw badRequest(`A service can keep ${bounds.reports} reports: delete one before asking for another`);
    const report = await addReport(trx, asked);
    await send(processReport, [reportTask(report.id)]);
    const event = { type: 'create_report_request', serviceId: asked.serviceId, userId: asked.userId };
    const { parameter } = showReport(report);
    const data = { before: null, after: parameter };
    await recordEvent(trx, { ...event, subjectId: report.id, data }, asked.createdAt);
    return { report, isNew: true };
  });
}

/** The report that a path names. Throws a Problem (404). */
async function reportOf(
  { reads }: ReportRouteDeps,
  { service_id: serviceId, report_request_id: id }: Static<typeof ofReport>,
  left: AbortSignal,
): Promise<Report> {
  const found = await reads(serviceId, left, (db) => findReport(db, serviceId, id));
  if (!found) throw noResultFound();
  return found;
}

const unpack = promisify(inflateRaw);

/**
 * The file, of which one part is in memory; the next is read when the caller has taken it. If the report is deleted
 * meanwhile, the connection breaks, so that a part is not taken for the whole.
 */
async function* partsOf(
  { reads, cipher }: ReportRouteDeps,
  { id, serviceId, parts }: Report,
  left: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let number = 0; number < parts; number += 1) {
    const content = await reads(serviceId, left, (db) => findPart(db, cipher, id, number));
    if (content === null) throw new Error('The report was deleted while it was downloaded.');
    yield await unpack(Buffer.from(content, 'base64'));
  }
}
