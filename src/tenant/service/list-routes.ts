import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, dayAfter, dayOf } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainErrors } from '../../http/server/error-format.ts';
import { baseUrl, callerLeaves, queryParameters } from '../../http/server/request.ts';
import { oneOf, pageLinks, pageLinksSchema, pageSize, uuid } from '../../http/validate/shapes.ts';
import { requirePermission } from '../permission/acting.ts';
import { detailedSchema, type ReadStatistics, type StatisticsOf, showDetailed } from './detailed.ts';
import { type ServiceRecord, serviceSchema, showService } from './record.ts';
import { findServiceRecord, findServiceRecords } from './store-admin.ts';

export type ServiceListDeps = Readonly<{
  db: Db;
  clock: Clock;
  publicUrl: string | null;
  readStatistics: ReadStatistics;
}>;

/** What the routes of services share. */
export const common = { tag: 'Administration', authentication: 'admin', errors: plainErrors } as const;
export const one = { description: 'The service.', schema: Type.Object({ data: serviceSchema }) };
export const byId = `/service/${uuidPart('service_id')}`;
export const ofService = Type.Object({ service_id: uuid('The service.') });
export const notFound = { description: 'There is no such service or user.' };

const day = (description: string) => Type.String({ format: 'date', description });

const listQuery = Type.Object(
  {
    only_active: Type.Optional(oneOf(['True', 'False'])),
    user_id: Type.Optional(Type.String({ description: 'Only services of this person.' })),
    detailed: Type.Optional(
      oneOf(
        ['True', 'False'],
        '`True` adds `statistics`, and leaves out people and branding. With `user_id` only if the client acts for a person.',
      ),
    ),
    start_date: Type.Optional(day('Statistics from this day on; today without it. Only with `detailed`.')),
    end_date: Type.Optional(day('And up to the end of this one; today without it. Only with `detailed`.')),
    include_from_test_key: Type.Optional(
      oneOf(['True', 'False'], '`False` leaves messages of test keys out of the statistics.'),
    ),
    name: Type.Optional(Type.String({ description: 'Only services with this in their name, in any case.' })),
    go_live_requested: Type.Optional(oneOf(['True', 'False'], 'Only those that have asked to go live.')),
    order: Type.Optional(
      oneOf(
        ['oldest', 'newest', 'name'],
        'The default is `oldest`; with `name` or `older_than` it is `newest`.',
      ),
    ),
    older_than: Type.Optional(uuid('The `id` of the last service of the page before.')),
  },
  { additionalProperties: false },
);
const mostAtOnce = 1000;

const list = defineRoute({
  ...common,
  permission: 'person',
  method: 'GET',
  path: '/service',
  handlerName: 'service.get_services',
  summary: 'List services',
  description: `Whoever is no operator sees their own. With \`name\`, \`go_live_requested\`, \`order\` or \`older_than\` there are at most ${pageSize} to a page: follow \`links.next\` until a page is empty. Otherwise all are listed, oldest first; \`links\` is there only if there are more than ${mostAtOnce}.`,
  query: listQuery,
  answers: {
    200: {
      description: 'Services.',
      schema: Type.Object({
        data: Type.Array(Type.Union([serviceSchema, detailedSchema])),
        links: Type.Optional(pageLinksSchema),
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler(deps: ServiceListDeps, request, reply) {
    const { query, actorId, mayDoForOthers } = request;
    const { name = null, older_than: after = null, order, go_live_requested: requested } = query;
    const isDetailed = query.detailed === 'True' && (query.user_id === undefined || actorId !== null);
    const days = statisticsOf(query, dayOf(deps.clock.now()));
    const userId = query.user_id === undefined ? null : parseUuid(query.user_id);
    if (!mayDoForOthers && query.user_id !== undefined && userId !== actorId)
      throw authProblem(403, 'Only operators of the platform may see the services of others');
    if (query.user_id !== undefined && userId === null) return { data: [] };
    if (name?.includes('\0')) throw invalidFields({ name: ['Not a valid string.'] });
    const isPaged = [name, after, order, requested].some((given) => given !== undefined && given !== null);
    const chosen = order ?? (name !== null || after !== null ? 'newest' : 'oldest');
    const found = await findServiceRecords(
      deps.db,
      {
        ...{
          onlyActive: query.only_active === 'True',
          userId: mayDoForOthers ? userId : actorId,
          name,
          after,
        },
        ...{ liveRequested: requested === 'True', order: chosen as 'oldest' | 'newest' | 'name' },
      },
      isPaged ? pageSize : mostAtOnce + 1,
    );
    const page = found.slice(0, isPaged ? pageSize : mostAtOnce);
    const data = isDetailed
      ? await detail(deps, page, days, callerLeaves(reply))
      : page.map((service) => showService(service));
    if (!isPaged && found.length <= mostAtOnce) return { data };
    const url = `${baseUrl(request, deps.publicUrl)}/service`;
    const parameters = queryParameters(request.url);
    parameters.set('order', chosen);
    return { data, links: pageLinks(url, parameters, data.at(-1)?.id) };
  },
});

type Days = Readonly<{ start_date?: string; end_date?: string; include_from_test_key?: string }>;

/** From today, whatever the end, only today counts (spec 04, section 1.3). Throws a Problem if it ends before it begins. */
function statisticsOf(query: Days, today: string): StatisticsOf {
  const { start_date: from = today, end_date: end = today } = query;
  const to = from === today ? today : end;
  if (to < from) throw invalidFields({ end_date: ['Start date must be before end date'] });
  return { from, to, testKeys: query.include_from_test_key !== 'False' };
}

async function detail(
  { readStatistics }: Pick<ServiceListDeps, 'readStatistics'>,
  services: readonly ServiceRecord[],
  of: StatisticsOf,
  left: AbortSignal,
) {
  const ids = services.map(({ id }) => id);
  const statistics = await readStatistics(ids, of, left);
  return services.map((service) => showDetailed(service, statistics.get(service.id)));
}

const find = defineRoute({
  ...common,
  permission: 'operator',
  method: 'GET',
  path: '/service/find-services-by-name',
  handlerName: 'service.find_services_by_name',
  summary: 'Find services by name',
  description: `At most ${pageSize}, by name. \`GET /service?name=\` has pages.`,
  query: Type.Object({
    service_name: Type.String({ format: 'text', description: 'Part of the name.', examples: ['parking'] }),
  }),
  answers: {
    200: {
      description: 'Services.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            ...{ id: uuid(), name: Type.String(), active: Type.Boolean(), restricted: Type.Boolean() },
          }),
        ),
      }),
    },
    400: { description: '`service_name` is missing.' },
  },
  async handler({ db }: ServiceListDeps, { query }) {
    const any = { onlyActive: false, userId: null, liveRequested: false, after: null } as const;
    const found = await findServiceRecords(db, { ...any, name: query.service_name, order: 'name' }, pageSize);
    return { data: found.map(({ id, name, active, restricted }) => ({ id, name, active, restricted })) };
  },
});

/** Days before today whose messages are kept (spec 06, section 1.2). */
const weekDays = 7;

const read = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: byId,
  handlerName: 'service.get_service_by_id',
  summary: 'Read a service',
  params: ofService,
  query: Type.Object(
    {
      detailed: Type.Optional(
        oneOf(
          ['True', 'False'],
          '`True` adds `statistics` of today and the 7 days before it, without test keys; a person needs `view_activity` for it.',
        ),
      ),
      today_only: Type.Optional(oneOf(['True', 'False'], 'Statistics of today only.')),
      user_id: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'The service.',
      schema: Type.Object({ data: Type.Union([serviceSchema, detailedSchema]) }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
    404: notFound,
  },
  async handler(deps: ServiceListDeps, request, reply) {
    const { params, query } = request;
    const found = await findServiceRecord(deps.db, params.service_id);
    if (!found) throw noResultFound();
    if (query.detailed !== 'True') return { data: showService(found) };
    requirePermission(request, 'view_activity');
    const to = dayOf(deps.clock.now());
    const from = query.today_only === 'True' ? to : dayAfter(to, -weekDays);
    const [data] = await detail(deps, [found], { from, to, testKeys: false }, callerLeaves(reply));
    return { data };
  },
});

/** Reading and finding services (spec 04, sections 1.3 and 1.4). */
export const serviceListRoutes = [find, list, read];
