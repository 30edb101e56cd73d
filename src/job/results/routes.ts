import { type Static, Type } from 'typebox';
import { dayAfter, dayOf, dayStart } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves, queryParameters, sendNotFound } from '../../http/server/request.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import { failed, mostDays, mostPerPage, usualPage, withoutNull } from '../../message/reading/admin/filter.ts';
import { type AdminNotificationDeps, notification, ownOnly } from '../../message/reading/admin/routes.ts';
import { showForAdmin } from '../../message/reading/admin/show.ts';
import { findCircumstances } from '../../message/reading/admin/store.ts';
import { fillPage } from '../../message/reading/page.ts';
import { pageLinks } from '../../message/reading/v1/query.ts';
import { jobSchema, type StatusCount, showJob } from '../run/job.ts';
import { findJob } from '../run/store.ts';
import { findJobCounts } from '../run/store-counts.ts';
import { resultRow, resultRowOf, showResultRow } from './row.ts';
import { countScheduled, findJobs, findRows, type JobFilter } from './store.ts';

export type ResultDeps = AdminNotificationDeps;

export const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
} as const;
const path = `/service/${uuidPart('service_id')}/job`;
/** Who may not see what a service sends may see what they sent. */
export const aboutReaders = 'Whoever acts without `view_activity` gets only jobs that they made themselves.';
export const jobPath = `${path}/:job_id`;
const ofService = Type.Object({ service_id: uuid('The service.') });
export const ofJob = Type.Object({ service_id: uuid('The service.'), job_id: Type.String() });

/** Links of a numbered page, relative (spec 04, section 0.4). */
const links = Type.Object({
  prev: Type.Optional(Type.String()),
  next: Type.Optional(Type.String()),
  last: Type.Optional(Type.String()),
});

const listQuery = Type.Object(
  {
    limit_days: Type.Optional(
      Type.String({ description: 'Only jobs made today and on this many whole days before it.' }),
    ),
    statuses: Type.Optional(
      Type.String({ description: 'Separated by commas, such as `pending,in progress`.' }),
    ),
    template_id: Type.Optional(uuid()),
    created_by: Type.Optional(uuid('Who made them.')),
    contact_list_id: Type.Optional(uuid()),
    name: Type.Optional(Type.String({ maxLength: 255, description: 'A part of the name of the file.' })),
    page: Type.Optional(Type.Integer({ minimum: 1, default: 1 })),
  },
  { additionalProperties: false },
);

const listJobs = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'job.get_jobs_by_service',
  summary: 'List the jobs of a service',
  permission: 'member',
  description: `In numbered pages: first those whose first row is still to be made, then those that began last. Only the newest 10,000 that match are listed. ${aboutReaders}`,
  params: ofService,
  query: listQuery,
  answers: {
    200: {
      description: 'A page of jobs.',
      schema: Type.Object({
        data: Type.Array(jobSchema),
        page_size: Type.Integer(),
        total: Type.Integer({ description: 'Jobs on all pages.' }),
        links,
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads, clock }: ResultDeps, request, reply) {
    const { params, query } = request;
    const { page = 1 } = query;
    const asked = jobFilterOf(params.service_id, query, clock.now());
    const own = ownOnly(request.actor);
    const filter = own === null ? asked : { ...asked, createdBy: own };
    const { total, jobs, counts } = await reads(params.service_id, callerLeaves(reply), async (db) => {
      const found = await findJobs(db, filter, { page, pageSize: usualPage });
      const ids = found.jobs.map(({ id }) => id);
      return { ...found, counts: await findJobCounts(db, ids) };
    });
    if (jobs.length === 0 && page > 1) return sendNotFound(reply);
    return {
      data: jobs.map((job) => showJob(job, counts.get(job.id) ?? [])),
      page_size: usualPage,
      total,
      links: pageLinks(
        `/service/${params.service_id}/job`,
        queryParameters(request.url),
        { page, pageSize: usualPage },
        total,
      ),
    };
  },
});

function jobFilterOf(serviceId: string, query: Static<typeof listQuery>, now: number): JobFilter {
  const { limit_days: days, statuses, name } = query;
  if (days !== undefined && !/^\s*[+-]?\d+\s*$/.test(days))
    throw invalidFields({ limit_days: [`${days} is not an integer`] });
  const before = Math.max(-1, Math.min(Number(days), mostDays));
  return {
    serviceId,
    since: days === undefined ? null : new Date(dayStart(dayAfter(dayOf(now), -before))),
    statuses:
      statuses === undefined
        ? null
        : withoutNull(statuses)
            .split(',')
            .map((one) => one.trim()),
    templateId: query.template_id ?? null,
    createdBy: query.created_by ?? null,
    contactListId: query.contact_list_id ?? null,
    name: name === undefined ? null : withoutNull(name),
  };
}

const scheduledStats = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/scheduled-job-stats`,
  handlerName: 'job.get_scheduled_job_stats',
  summary: 'Count the scheduled jobs of a service',
  params: ofService,
  answers: {
    200: {
      description: 'How many wait for their time, and when the first of them is due.',
      schema: Type.Object({
        count: Type.Integer(),
        soonest_scheduled_for: orNull(Type.String(), 'Such as `2026-03-02T08:15:00+00:00`.'),
      }),
    },
  },
  async handler({ reads }: ResultDeps, { params }, reply) {
    const { count, soonest } = await reads(params.service_id, callerLeaves(reply), (db) =>
      countScheduled(db, params.service_id),
    );
    return { count, soonest_scheduled_for: soonest && withOffset(soonest) };
  },
});

/** As Python writes a time: no fraction if there is none. */
function withOffset(time: Date): string {
  const [whole, milliseconds] = time.toISOString().slice(0, -1).split('.');
  return milliseconds === '000' ? `${whole}+00:00` : `${whole}.${milliseconds}000+00:00`;
}

const countMessages = defineRoute({
  ...common,
  method: 'GET',
  path: `${jobPath}/notification_count`,
  handlerName: 'job.get_notification_count_for_job_id',
  summary: 'Count the messages of a job',
  description: 'Those made so far, whatever became of them, also those that are no longer kept.',
  params: ofJob,
  answers: {
    200: { description: 'How many.', schema: Type.Object({ count: Type.Integer() }) },
    404: { description: 'The service has no such job.' },
  },
  async handler({ reads }: ResultDeps, { params }, reply) {
    const { service_id: serviceId, job_id: given } = params;
    const id = parseUuid(given);
    if (id === null) throw noResultFound();
    const count = await reads(serviceId, callerLeaves(reply), async (db) => {
      const job = await findJob(db, serviceId, id);
      if (!job) throw noResultFound();
      return totalOf((await findJobCounts(db, [id])).get(id), null);
    });
    return { count };
  },
});

const messagesQuery = Type.Object({
  page: Type.Optional(Type.Integer({ minimum: 1, default: 1 })),
  page_size: Type.Optional(
    Type.Integer({ minimum: 1, default: usualPage, description: `At most ${mostPerPage} are returned.` }),
  ),
  from_row: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Only messages from this `job_row_number` on.' }),
  ),
  status: Type.Optional(
    Type.Array(Type.String(), { description: 'May be repeated. `failed` means every kind of failure.' }),
  ),
  template_type: Type.Optional(Type.Array(Type.String(), { description: 'May be repeated.' })),
  format_for_csv: Type.Optional(
    Type.String({ description: 'With any value: rows for a file instead of messages.' }),
  ),
});

const listMessages = defineRoute({
  ...common,
  method: 'GET',
  path: `${jobPath}/notifications`,
  handlerName: 'job.get_all_notifications_for_service_job',
  summary: 'List the messages of a job',
  permission: 'member',
  description: `In the order of the rows. At most ${mostPerPage} to a page, fewer if they are large: follow \`links.next\`. Pages are numbered only without \`status\` and \`from_row\`. ${aboutReaders}`,
  params: ofJob,
  query: messagesQuery,
  answers: {
    200: {
      description: 'A page of messages, or of rows for a file; empty if the service has no such job.',
      schema: Type.Object({
        notifications: Type.Array(Type.Union([notification, resultRow])),
        page_size: Type.Integer(),
        total: Type.Integer({ description: 'Messages on all pages, also those that are no longer kept.' }),
        links,
      }),
    },
    400: { description: 'A parameter is invalid.' },
  },
  async handler(deps: ResultDeps, request, reply) {
    const { params, query } = request;
    const pageSize = Math.min(query.page_size ?? usualPage, mostPerPage);
    const asked = askedOf(query, pageSize);
    const left = callerLeaves(reply);
    const isForFile = (query.format_for_csv ?? '') !== '';
    const read = await readMessages(deps, params, ownOnly(request.actor), asked, !isForFile, left);
    const { page } = asked;
    if (page !== null && page > 1 && read.found.length === 0) return sendNotFound(reply);
    const notifications = await fillPage<(typeof read.found)[number], unknown>(
      read.found,
      left,
      async (one) => {
        const circumstances = read.circumstances.get(one.id);
        return isForFile
          ? showResultRow(await resultRowOf(deps, one, circumstances))
          : await showForAdmin(deps, one, circumstances, null);
      },
    );
    const last = read.found[notifications.length - 1]?.jobRowNumber ?? null;
    const at = `/service/${params.service_id}/job/${params.job_id}/notifications`;
    return {
      notifications,
      page_size: pageSize,
      total: read.total,
      links: linksOf(at, queryParameters(request.url), asked, { total: read.total, last }),
    };
  },
});

/** Which part of a job's messages is asked for. `page`: its number; null: it is not a numbered one. */
type Asked = Readonly<{
  page: number | null;
  from: number;
  /** A numbered page has the rows before this. */
  until: number | null;
  statuses: readonly string[] | null;
  types: readonly string[] | null;
  limit: number;
}>;

/** No job has as many rows. */
const mostRows = 10_000_000;

function askedOf(query: Static<typeof messagesQuery>, pageSize: number): Asked {
  const { page = 1, from_row: from, status } = query;
  const isNumbered = from === undefined && status === undefined;
  if (!isNumbered && page > 1)
    throw invalidFields({
      page: ['With status or from_row, pages are not numbered: follow links.next.'],
    });
  const first = isNumbered ? Math.min((page - 1) * pageSize, mostRows) : Math.min(from ?? 0, mostRows);
  return {
    page: isNumbered ? page : null,
    from: first,
    until: isNumbered ? first + pageSize : null,
    statuses: status?.flatMap((one) => (one === 'failed' ? failed : withoutNull(one))) ?? null,
    types: query.template_type ?? null,
    limit: pageSize,
  };
}

async function readMessages(
  { reads, deliverQueues }: ResultDeps,
  { service_id: serviceId, job_id: given }: Static<typeof ofJob>,
  own: string | null,
  asked: Asked,
  withValues: boolean,
  left: AbortSignal,
) {
  const id = parseUuid(given);
  const nothing = { total: 0, found: [], circumstances: new Map() };
  if (id === null) return nothing;
  return await reads(serviceId, left, async (db) => {
    const job = await findJob(db, serviceId, id);
    if (!job || asked.types?.includes(job.templateType) === false) return nothing;
    if (own !== null && job.createdBy !== own) return nothing;
    const total = totalOf((await findJobCounts(db, [id])).get(id), asked.statuses);
    // Nothing is searched for what the counts say is not there.
    const found = total === 0 ? [] : await findRows(db, job, { ...asked, withValues });
    const ids = found.map((one) => one.id);
    return { total, found, circumstances: await findCircumstances(db, ids, deliverQueues) };
  });
}

function totalOf(counts: readonly StatusCount[] | undefined, statuses: readonly string[] | null): number {
  return (counts ?? [])
    .filter(({ status }) => statuses === null || statuses.includes(status))
    .reduce((sum, { count }) => sum + count, 0);
}

/** Of a page that ends with row `last`. One that was cut short, because it is large, goes on with its next row. */
function linksOf(
  at: string,
  parameters: URLSearchParams,
  { page, until, limit: pageSize }: Asked,
  { total, last }: Readonly<{ total: number; last: number | null }>,
): Readonly<Record<string, string>> {
  const numbered = page === null ? {} : pageLinks(at, parameters, { page, pageSize }, total);
  const isEnd = last === null || (page !== null && (last + 1 === until || last + 1 >= total));
  if (isEnd) return numbered;
  const following = new URLSearchParams(parameters);
  following.delete('page');
  following.set('from_row', String(last + 1));
  return { ...numbered, next: `${at}?${following}` };
}

/** Jobs and what became of their messages (spec 04, section 6.3). */
export const resultRoutes = [listJobs, scheduledStats, countMessages, listMessages];
