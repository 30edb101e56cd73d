import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { linksOf } from '../../http/server/request.ts';
import { orNull, pageLinksSchema, pageSize, time, uuid } from '../../http/validate/shapes.ts';
import { type Event, findEvents, findNames, recordEvent } from './store.ts';

export type EventRouteDeps = Readonly<{ db: Db; clock: Clock; publicUrl: string | null }>;

const fields = {
  id: uuid(),
  event_type: Type.String(),
  service_id: orNull(uuid()),
  user_id: orNull(uuid(), 'Who did it; null if nobody said.'),
  subject_id: orNull(uuid(), 'What it happened to.'),
  data: Type.Unknown({
    description: 'What changed, as `before` and `after`; of an event that was posted, any JSON.',
  }),
  created_at: time,
};
const event = Type.Object(fields, { $id: 'Event' });
const name = (of: string) => orNull(Type.String(), `The name of ${of}, as it is now.`);
const namedEvent = Type.Object(
  { ...fields, service_name: name('the service'), user_name: name('who did it') },
  { $id: 'NamedEvent' },
);

const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;
const longestType = 255;

const post = defineRoute({
  ...common,
  // Whoever is signed in leaves traces, such as a sign-in.
  permission: 'person',
  method: 'POST',
  path: '/events',
  bodyLimit: 16 * 1024,
  handlerName: 'events.create_event',
  summary: 'Record an event',
  description:
    'For what the API cannot know, such as where a person signed in. Changes through this API record their own events.',
  body: Type.Object({
    event_type: Type.String({ format: 'text', maxLength: longestType }),
    data: Type.Unknown(),
  }),
  example: { event_type: 'sucessful_login', data: { ip_address: '192.0.2.4' } },
  answers: {
    201: { description: 'The event.', schema: Type.Object({ data: event }) },
    400: { description: 'A field is missing or invalid.' },
  },
  async handler({ db, clock }: EventRouteDeps, { body, actorId }) {
    const ids = body.data as Readonly<Record<string, unknown>> | null;
    const idIn = (name: string) => parseUuid(ids?.[name]);
    const recorded = await recordEvent(
      db,
      {
        type: body.event_type,
        serviceId: idIn('service_id'),
        userId: actorId ?? idIn('user_id'),
        subjectId: idIn('user_id'),
        data: body.data,
      },
      new Date(clock.now()),
    );
    return { data: show(recorded) };
  },
});

const listQuery = Type.Object(
  {
    service_id: Type.Optional(uuid('Only events of this service.')),
    user_id: Type.Optional(uuid('Only what this person did.')),
    type: Type.Optional(Type.Array(Type.String({ format: 'text' }))),
    older_than: Type.Optional(uuid('Only events before the one with this `id`.')),
  },
  { additionalProperties: false },
);
const page = {
  description: 'A page of events.',
  schema: Type.Object({ events: Type.Array(namedEvent), links: pageLinksSchema }),
};

const list = defineRoute({
  ...common,
  method: 'GET',
  path: '/events',
  handlerName: 'events.get_events',
  summary: 'List events',
  description: `What happened, newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  query: listQuery,
  answers: { 200: page, 400: { description: 'A parameter is unknown or invalid.' } },
  async handler(deps: EventRouteDeps, request) {
    const {
      service_id: serviceId = null,
      user_id: userId = null,
      type: types = null,
      older_than,
    } = request.query;
    const filter = { serviceId, userId, types, olderThan: older_than ?? null };
    const events = await findEvents(deps.db, filter, pageSize);
    return {
      events: events.map((one) => ({
        ...show(one),
        ...{ service_name: one.serviceName, user_name: one.userName },
      })),
      links: linksOf(request, deps.publicUrl, '/events', events.at(-1)?.id),
    };
  },
});

const { service_id: _s, ...ofListQuery } = listQuery.properties;

const listOfService = defineRoute({
  ...common,
  permission: 'manage_settings',
  method: 'GET',
  path: `/service/${uuidPart('service_id')}/events`,
  handlerName: 'events.get_service_events',
  summary: 'List the events of a service',
  description: `Who changed what in it, newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(ofListQuery, { additionalProperties: false }),
  answers: {
    200: {
      description: 'A page of events; none of a service that does not exist.',
      schema: Type.Object({
        events: Type.Array(
          Type.Object({
            ...event.properties,
            user_name: orNull(Type.String(), 'Their name now; null if nobody said who did it.'),
            by_operator: Type.Boolean({ description: 'Whether they are an operator of the platform now.' }),
          }),
        ),
        links: pageLinksSchema,
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler(deps: EventRouteDeps, request) {
    const { service_id: serviceId } = request.params;
    const { user_id: userId = null, type: types = null, older_than: olderThan = null } = request.query;
    const events = await findEvents(deps.db, { serviceId, userId, types, olderThan }, pageSize);
    const people = await findNames(
      deps.db,
      events.flatMap(({ userId: id }) => id ?? []),
    );
    return {
      events: events.map((one) => {
        const person = one.userId === null ? undefined : people.get(one.userId);
        return { ...show(one), user_name: person?.name ?? null, by_operator: person?.isOperator ?? false };
      }),
      links: linksOf(request, deps.publicUrl, `/service/${serviceId}/events`, events.at(-1)?.id),
    };
  },
});

/** The record of changes (spec 04, section 8.2). */
export const eventRoutes = [post, list, listOfService];

function show({ id, type, serviceId, userId, subjectId, data, createdAt }: Event) {
  return {
    id,
    event_type: type,
    service_id: serviceId,
    user_id: userId,
    subject_id: subjectId,
    data,
    created_at: isoMicroseconds(createdAt),
  };
}
