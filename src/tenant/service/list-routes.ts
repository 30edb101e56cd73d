import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainErrors } from '../../http/server/error-format.ts';
import { baseUrl, queryParameters } from '../../http/server/request.ts';
import { oneOf, pageLinks, pageLinksSchema, pageSize, uuid } from '../../http/validate/shapes.ts';
import { serviceSchema, showService } from './record.ts';
import { findServiceRecord, findServiceRecords } from './store-admin.ts';

export type ServiceListDeps = Readonly<{ db: Db; publicUrl: string | null }>;

/** What the routes of services share. */
export const common = { tag: 'Administration', authentication: 'admin', errors: plainErrors } as const;
export const one = { description: 'The service.', schema: Type.Object({ data: serviceSchema }) };
export const byId = `/service/${uuidPart('service_id')}`;
export const ofService = Type.Object({ service_id: uuid('The service.') });
export const notFound = { description: 'There is no such service or user.' };

const listQuery = Type.Object(
  {
    only_active: Type.Optional(oneOf(['True', 'False'])),
    user_id: Type.Optional(Type.String({ description: 'Only services of this person.' })),
    detailed: Type.Optional(oneOf(['False'], 'There are no statistics yet.')),
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
      schema: Type.Object({ data: Type.Array(serviceSchema), links: Type.Optional(pageLinksSchema) }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler(deps: ServiceListDeps, request) {
    const { query, actorId, mayDoForOthers } = request;
    const { name = null, older_than: after = null, order, go_live_requested: requested } = query;
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
    const data = found.slice(0, isPaged ? pageSize : mostAtOnce).map(showService);
    if (!isPaged && found.length <= mostAtOnce) return { data };
    const url = `${baseUrl(request, deps.publicUrl)}/service`;
    const parameters = queryParameters(request.url);
    parameters.set('order', chosen);
    return { data, links: pageLinks(url, parameters, data.at(-1)?.id) };
  },
});

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

const read = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: byId,
  handlerName: 'service.get_service_by_id',
  summary: 'Read a service',
  params: ofService,
  query: Type.Object(
    { detailed: listQuery.properties.detailed, user_id: Type.Optional(Type.String()) },
    { additionalProperties: false },
  ),
  answers: { 200: one, 400: { description: 'A parameter is unknown or invalid.' }, 404: notFound },
  async handler({ db }: ServiceListDeps, { params }) {
    const found = await findServiceRecord(db, params.service_id);
    if (!found) throw noResultFound();
    return { data: showService(found) };
  },
});

/** Reading and finding services (spec 04, sections 1.3 and 1.4). */
export const serviceListRoutes = [find, list, read];
