import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import { dayAfter, dayOf, isoMicroseconds } from '../../../ground/clock.ts';
import { idTime } from '../../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../../http/server/define-route.ts';
import { plainError } from '../../../http/server/error-format.ts';
import { type Person, refusal } from '../../../http/server/permission.ts';
import { baseUrl, callerLeaves } from '../../../http/server/request.ts';
import { oneOf, orNull, time, uuid } from '../../../http/validate/shapes.ts';
import { recordEvent } from '../../../tenant/event/store.ts';
import { requirePermission } from '../../../tenant/permission/acting.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { cancelScheduled } from '../../submission/persist.ts';
import { countAccepted } from '../../submission/store.ts';
import { fillPage } from '../page.ts';
import { findNotification, findTimeline } from '../store.ts';
import { type NotificationRouteDeps, showEntry } from '../v2/routes.ts';
import { timeline } from '../v2/schemas.ts';
import { filterFormats, filterOf, flag, messageFilter, mostPerPage, typeFault, usualPage } from './filter.ts';
import { numbersNear } from './near.ts';
import { showForAdmin } from './show.ts';
import { type AdminFilter, findCircumstances, isSentBy, searchNotifications } from './store.ts';
import { findNumbers } from './store-near.ts';
import { searchReferences } from './store-references.ts';
import {
  leastOfReference,
  readReferencePart,
  readTerm,
  type Term,
  tooShort,
  tooShortReference,
} from './term.ts';

/** `deliverQueues`: the names of all queues that messages are delivered from, as the database has them. */
export type AdminNotificationDeps = NotificationRouteDeps & Readonly<{ deliverQueues: readonly string[] }>;

/** Of which messages are counted. */
const usualDays = 7;
const mostDaysCounted = 366;
/** Numbers that are offered when a search finds nothing. */
const mostNearest = 5;

/** In a query or, so that no log has the recipient, in a body. */
const listRequest = Type.Object(
  {
    to: Type.Optional(
      Type.String({
        maxLength: 1000,
        description:
          'Search: the whole, the beginning or the end of a phone number or email address in any notation (at least 4 characters), or the whole of an id, of your reference or of the provider’s.',
      }),
    ),
    client_reference_part: Type.Optional(
      Type.String({
        maxLength: 1000,
        description: `Search, instead of \`to\`: a part of your own reference, in whatever case (at least ${leastOfReference} characters). It looks through the newest 30,000 messages, or the next 100,000 with \`older_than\`; \`further\` says whether there are older ones.`,
      }),
    ),
    ...messageFilter,
    count_pages: flag('`false`: without links.', true),
    page: Type.Optional(Type.Integer({ minimum: 1, description: 'Only 1: pages are not numbered.' })),
    page_size: Type.Optional(
      Type.Integer({ minimum: 1, default: usualPage, description: `At most ${mostPerPage} are returned.` }),
    ),
  },
  { additionalProperties: false },
);

export const notification = Type.Object(
  {
    id: uuid(),
    to: Type.String(),
    normalised_to: Type.String({ description: 'The recipient in the form that is searched.' }),
    notification_type: oneOf(['sms', 'email']),
    status: Type.String(),
    reason: orNull(Type.String(), 'Why it was not delivered, in words.'),
    next_attempt_at: orNull(time, 'When it is tried next, while it waits.'),
    key_type: oneOf(['normal', 'team', 'test']),
    key_name: orNull(Type.String()),
    api_key: orNull(uuid()),
    service: uuid(),
    job: orNull(Type.Object({ id: uuid(), original_file_name: orNull(Type.String()) })),
    job_row_number: orNull(Type.Integer()),
    resent_from: orNull(uuid(), 'The message that it repeats.'),
    resent_as: orNull(
      Type.Object({ job: uuid(), job_row_number: Type.Integer() }),
      'The row of a job that repeats it.',
    ),
    template: Type.Object({
      id: uuid(),
      name: Type.String(),
      template_type: oneOf(['sms', 'email']),
      version: Type.Integer(),
      subject: orNull(Type.String()),
      content: Type.String(),
      redact_personalisation: Type.Boolean({ description: 'Web pages hide the values in its messages.' }),
    }),
    template_version: Type.Integer(),
    personalisation: Type.Object({}),
    body: Type.String({ description: 'The text with its values filled in.' }),
    subject: orNull(Type.String()),
    html: Type.Optional(
      orNull(Type.String(), 'An email as it is sent; null for a text. Lists leave it out.'),
    ),
    reference: orNull(Type.String(), 'The provider’s.'),
    client_reference: orNull(Type.String()),
    sent_by: orNull(Type.String()),
    reply_to_text: orNull(Type.String()),
    billable_units: Type.Integer(),
    international: Type.Boolean(),
    phone_prefix: orNull(Type.String()),
    rate_multiplier: orNull(Type.Number()),
    created_at: time,
    scheduled_for: orNull(time),
    sent_at: orNull(time),
    updated_at: orNull(time),
    completed_at: orNull(time),
    created_by: orNull(
      Type.Object({ id: uuid(), name: Type.String(), email_address: Type.String() }),
      'Who sent it by hand.',
    ),
    postage: Type.Null(),
    document_download_count: Type.Null(),
  },
  { $id: 'AdminNotification' },
);

const common = { tag: 'Administration', authentication: 'admin', permission: 'view_activity' } as const;
const path = `/service/${uuidPart('service_id')}/notifications`;
/** Who may not see the messages of a service may see those that they sent. */
const readers = { permission: 'member' } as const;
const aboutReaders =
  'Whoever acts without `view_activity` gets only the messages that they sent themselves, one by one or from a file.';
const list = {
  ...common,
  ...readers,
  path,
  summary: 'List or find messages of a service',
  description: `Newest first, at most ${usualPage} to a page; fewer if they are large or few of many messages match. For the next page give the \`id\` of the last message as \`older_than\`, until a page is empty; when searching by a part of a reference, the \`older_than\` in \`further\`, until that is null. ${aboutReaders}`,
  params: Type.Object({ service_id: uuid('The service.') }),
  formats: filterFormats,
  answers: {
    200: {
      description: 'A page of messages.',
      schema: Type.Object({
        notifications: Type.Array(notification),
        page_size: Type.Integer(),
        links: Type.Object({
          prev: Type.Optional(Type.Boolean({ description: 'There are newer messages.' })),
          next: Type.Optional(
            Type.Boolean({ description: 'The page is full, or there are older messages.' }),
          ),
        }),
        nearest: Type.Optional(
          Type.Array(
            Type.Object({
              normalised_to: Type.String(),
              created_at: { ...time, description: 'Of the newest message to it.' },
            }),
            {
              description: `If a search by \`to\` finds nothing: the numbers of other messages that match the other parameters, at most ${mostNearest}, newest message first, if \`to\` is a phone number with one digit wrong, missing or too many, or with two neighbours swapped.`,
            },
          ),
        ),
        further: Type.Optional(
          orNull(
            Type.Object({
              older_than: uuid('For the request that goes on.'),
              looked_back_to: time,
            }),
            'Of a search by `client_reference_part`: how far back it looked; null: all messages that are kept were looked at. A page can be empty and yet have more.',
          ),
        ),
      }),
    },
    400: { description: 'A parameter is unknown or invalid, or there is too little to search for.' },
  },
} as const;

const readList = defineRoute({
  ...list,
  method: 'GET',
  handlerName: 'service.get_all_notifications_for_service',
  query: listRequest,
  handler: (deps: AdminNotificationDeps, { actor, params, query }, reply) =>
    readPage(deps, reply, params.service_id, ownOnly(actor), query),
});

const postList = defineRoute({
  ...list,
  method: 'POST',
  handlerName: 'service.post_all_notifications_for_service',
  body: listRequest,
  bodyOptional: true,
  example: { to: '07700 900 123' },
  handler: (deps: AdminNotificationDeps, { actor, params, body }, reply) =>
    readPage(deps, reply, params.service_id, ownOnly(actor), body),
});

const count = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/count`,
  handlerName: 'service.count_notifications_for_service',
  summary: 'Count the messages of a service',
  description:
    'Those accepted today and on this many whole days before it, as the daily limits count them: without test keys, and with messages that were cancelled.',
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(
    {
      template_type: Type.Optional(oneOf(['sms', 'email', 'letter'])),
      limit_days: Type.Optional(Type.Integer({ minimum: 0, maximum: mostDaysCounted, default: usualDays })),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'How many.',
      schema: Type.Object({
        notifications_sent_count: Type.Integer(),
        by_type: Type.Record(Type.String(), Type.Integer(), { description: 'The same, by type.' }),
      }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads, clock }: AdminNotificationDeps, { params, query }, reply) {
    const { template_type: type, limit_days: days = usualDays } = query;
    const types = (['sms', 'email'] as const).filter((one) => type === undefined || one === type);
    const since = dayAfter(dayOf(clock.now()), -days);
    const counts = await reads(params.service_id, callerLeaves(reply), (db) =>
      countAccepted(db, params.service_id, types, since),
    );
    const byType = Object.fromEntries(types.map((one) => [one, counts.get(one) ?? 0]));
    const count = Object.values(byType).reduce((sum, each) => sum + each, 0);
    return { notifications_sent_count: count, by_type: byType };
  },
});

const ofMessage = {
  ...common,
  params: Type.Object({ service_id: uuid('The service.'), notification_id: uuid('The message.') }),
} as const;
const messagePath = `${path}/${uuidPart('notification_id')}`;
const notFound = { description: 'The service has no such message, or its retention period is over.' };

const readOne = defineRoute({
  ...ofMessage,
  ...readers,
  method: 'GET',
  path: messagePath,
  handlerName: 'service.get_notification_for_service',
  summary: 'Read a message of a service',
  description: aboutReaders,
  answers: { 200: { description: 'The message.', schema: notification }, 404: notFound },
  async handler(deps: AdminNotificationDeps, request, reply) {
    const own = ownOnly(request.actor);
    return await readMessage(deps, reply, request.params, baseUrl(request, deps.publicUrl), own);
  },
});

const readTimeline = defineRoute({
  ...ofMessage,
  ...readers,
  method: 'GET',
  path: `${messagePath}/timeline`,
  handlerName: 'service.get_notification_timeline_for_service',
  summary: 'Read what happened to a message of a service',
  description: `Each attempt, receipt and callback, as the service itself can read it. ${aboutReaders}`,
  answers: { 200: { description: 'The timeline.', schema: timeline }, 404: notFound },
  async handler(deps: AdminNotificationDeps, { actor, params }, reply) {
    const { found, entries } = await deps.reads(params.service_id, callerLeaves(reply), async (db) => {
      const found = await find(deps, db, params, ownOnly(actor));
      return { found, entries: await findTimeline(db, found) };
    });
    return { notification_id: found.id, status: found.status, timeline: entries.map(showEntry) };
  },
});

const cancel = defineRoute({
  ...ofMessage,
  method: 'POST',
  path: `${messagePath}/cancel`,
  // And `send_texts` or `send_emails`, which only the message tells.
  permission: 'member',
  handlerName: 'service.cancel_notification_for_service',
  summary: 'Cancel a scheduled message of a service',
  description:
    'Possible until it is due. Cancelling it again gives the same answer. Whoever acts needs `send_texts` or `send_emails`, by the type of the message.',
  answers: {
    200: { description: 'The message, cancelled.', schema: notification },
    400: { description: 'It is not scheduled, or already due.' },
    404: notFound,
  },
  async handler(deps: AdminNotificationDeps, request, reply) {
    const { service_id: serviceId, notification_id: id } = request.params;
    const { type } = await find(deps, deps.db, request.params);
    requirePermission(request, type === 'sms' ? 'send_texts' : 'send_emails');
    const at = new Date(deps.clock.now());
    await cancelScheduled(deps, serviceId, id, at, (trx) =>
      recordEvent(
        trx,
        {
          ...{ type: 'cancel_notification', serviceId, userId: request.actorId, subjectId: id },
          data: { before: { status: 'created' }, after: { status: 'cancelled' } },
        },
        at,
      ),
    );
    const found = await find(deps, deps.db, request.params);
    if (found.status !== 'cancelled')
      throw badRequest('Only a notification that is scheduled and not yet due can be cancelled');
    return await readMessage(deps, reply, request.params, baseUrl(request, deps.publicUrl));
  },
});

/** Finding, reading and cancelling the messages of any service, for the admin client (spec 04, sections 7.1 and 7.2). */
export const adminNotificationRoutes = [readList, postList, count, readOne, readTimeline, cancel];

async function readPage(
  deps: AdminNotificationDeps,
  reply: FastifyReply,
  serviceId: string,
  own: string | null,
  request: Static<typeof listRequest>,
) {
  const size = Math.min(request.page_size ?? usualPage, mostPerPage);
  if ((request.page ?? 1) > 1)
    throw invalidFields({
      page: ['Pages are not numbered. For the next one give the id of the last message as older_than.'],
    });
  const wrong = typeFault(request.template_type);
  if (wrong) return reply.code(400).type('application/json').send(plainError(wrong));
  const term = termOf(request.to);
  const part = partOf(request.client_reference_part);
  if (term && part !== null) throw invalidFields({ client_reference_part: ['Search by this or by to.'] });
  const asked = filterOf(serviceId, request, deps.clock.now());
  const filter = own === null ? asked : { ...asked, createdBy: own };
  const left = callerLeaves(reply);
  const links = (hasMore: boolean) =>
    request.count_pages === false
      ? {}
      : { ...(filter.olderThan !== null && { prev: true }), ...(hasMore && { next: true }) };
  if (part !== null) {
    const { shown, isFull, more } = await readShown(deps, left, filter, async (db) => {
      const { found, next } = await searchReferences(db, filter, part, size);
      return { found, more: next };
    });
    const from = isFull(size) ? shown.at(-1)!.id : more;
    const further = from && { older_than: from, looked_back_to: new Date(idTime(from)).toISOString() };
    return { notifications: shown, page_size: size, links: links(further !== null), further };
  }
  const search = (db: Db, olderThan: string | null, limit: number) =>
    searchNotifications(deps, db, { ...filter, olderThan }, term, limit);
  const {
    shown,
    isFull,
    more: nearest,
  } = await readShown(deps, left, filter, async (db) => {
    const found = await search(db, filter.olderThan, size);
    const isNone = term !== null && found.length === 0 && filter.olderThan === null;
    return { found, more: isNone ? await findNumbers(db, filter, numbersNear(term), mostNearest) : null };
  });
  const last = shown.at(-1);
  // A short page is the last one, or short because its messages are large or few of many match.
  const hasMore =
    request.count_pages !== false &&
    last !== undefined &&
    (isFull(size) || (await deps.reads(serviceId, left, (db) => search(db, last.id, 1))).length > 0);
  return {
    notifications: shown,
    page_size: size,
    links: links(hasMore),
    ...(nearest && {
      nearest: nearest.map(({ number, createdAt }) => ({
        ...{ normalised_to: number, created_at: isoMicroseconds(createdAt) },
      })),
    }),
  };
}

/** What `search` finds, as it is shown. `isFull`: whether the page ends before what was found does, or at its size. */
async function readShown<More>(
  deps: AdminNotificationDeps,
  left: AbortSignal,
  { serviceId }: AdminFilter,
  search: (db: Db) => Promise<Readonly<{ found: readonly StoredNotification[]; more: More }>>,
) {
  const { found, more, circumstances } = await deps.reads(serviceId, left, async (db) => {
    const { found, more } = await search(db);
    const ids = found.map(({ id }) => id);
    return { found, more, circumstances: await findCircumstances(db, ids, deps.deliverQueues) };
  });
  const shown = await fillPage(found, left, (one) =>
    showForAdmin(deps, one, circumstances.get(one.id), null),
  );
  return {
    shown,
    more,
    isFull: (size: number) => shown.length > 0 && (shown.length >= size || shown.length < found.length),
  };
}

/** The id of a person who may see only what they sent themselves; null: everything of the service. */
export function ownOnly(actor: Person | null): string | null {
  return actor === null || refusal(actor, 'view_activity') === null ? null : actor.id;
}

function termOf(text: string | undefined): Term | null {
  if (text === undefined || text === '') return null;
  const term = readTerm(text);
  if (!term) throw invalidFields({ to: [tooShort] });
  return term;
}

function partOf(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  const part = readReferencePart(text);
  if (part === null) throw invalidFields({ client_reference_part: [tooShortReference] });
  return part;
}

type MessageParams = Readonly<{ service_id: string; notification_id: string }>;

/** Throws a Problem (404) if the service has no such message, or `own`, a person, did not send it. */
async function find(
  deps: AdminNotificationDeps,
  db: Db,
  { service_id: serviceId, notification_id: id }: MessageParams,
  own: string | null = null,
): Promise<StoredNotification> {
  const found = await findNotification(deps, db, serviceId, id);
  if (!found || (own !== null && !(await isSentBy(db, found, own)))) throw noResultFound();
  return found;
}

async function readMessage(
  deps: AdminNotificationDeps,
  reply: FastifyReply,
  params: MessageParams,
  url: string,
  own: string | null = null,
) {
  const { found, circumstances } = await deps.reads(params.service_id, callerLeaves(reply), async (db) => ({
    found: await find(deps, db, params, own),
    circumstances: await findCircumstances(db, [params.notification_id], deps.deliverQueues),
  }));
  return await showForAdmin(deps, found, circumstances.get(found.id), url);
}
