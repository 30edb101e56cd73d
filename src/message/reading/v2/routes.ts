import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Reads } from '../../../database/reads.ts';
import { type Clock, isoMicroseconds } from '../../../ground/clock.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { badRequest, noResultFound } from '../../../ground/problem.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { baseUrl, callerLeaves, queryParameters } from '../../../http/server/request.ts';
import { oneOf, pageLinks, pageLinksSchema, pageSize, uuid } from '../../../http/validate/shapes.ts';
import type { Queues } from '../../../queue/queues.ts';
import type { UnitRates } from '../../rate/store.ts';
import type { StoredNotification } from '../../status/notification.ts';
import type { StatusDeps } from '../../status/status.ts';
import { cancelScheduled } from '../../submission/persist.ts';
import { fillPage } from '../page.ts';
import { findNotification, findNotifications, findTimeline } from '../store.ts';
import type { TimelineEntry } from '../timeline.ts';
import { notification, notificationId, timeline } from './schemas.ts';
import { type ReadingDeps, showNotification } from './show.ts';

export type NotificationRouteDeps = ReadingDeps &
  StatusDeps &
  Readonly<{
    db: Db;
    reads: Reads;
    queues: Pick<Queues, 'transaction'>;
    clock: Clock;
    metrics: Metrics;
    unitRates: UnitRates;
    publicUrl: string | null;
  }>;

/** The statuses matched by filter values that are groups of statuses (spec 01, section 3.8). */
const groups: Readonly<Record<string, readonly string[]>> = {
  failed: [
    ...['technical-failure', 'temporary-failure', 'permanent-failure', 'validation-failed'],
    ...['virus-scan-failed', 'returned-letter'],
  ],
  accepted: ['created', 'sending'],
  received: ['delivered'],
};

const statuses = [
  ...['cancelled', 'created', 'sending', 'sent', 'delivered', 'pending', 'failed', 'technical-failure'],
  ...['temporary-failure', 'permanent-failure', 'pending-virus-check', 'validation-failed'],
  ...['virus-scan-failed', 'returned-letter', 'accepted', 'received'],
];

/** Query of `GET /v2/notifications`; errors come in the order of the properties (spec 01, section 3.8). */
const listQuery = Type.Object(
  {
    reference: Type.Optional(Type.String({ description: 'Your own reference for the messages.' })),
    status: Type.Optional(
      Type.Array(oneOf(statuses), {
        description:
          '`failed` means every kind of failure, `accepted` means `created` or `sending`, `received` means `delivered`.',
      }),
    ),
    template_type: Type.Optional(Type.Array(oneOf(['sms', 'email', 'letter']))),
    include_jobs: Type.Optional(oneOf(['true', 'True'], 'Includes messages sent from a file of recipients.')),
    older_than: Type.Optional(uuid('Only messages older than the one with this `id`.')),
  },
  { additionalProperties: false },
);

const common = {
  tag: 'Reading',
  authentication: 'service key',
  params: Type.Object({ notification_id: notificationId }),
} as const;
const path = '/v2/notifications/:notification_id';
const notFound = { description: 'The service has no such message, or its retention period is over.' };
const badId = { description: '`notification_id` is not a UUID.' };

const readList = defineRoute({
  method: 'GET',
  path: '/v2/notifications',
  authentication: 'service key',
  handlerName: 'v2_notifications.get_notifications',
  summary: 'List messages',
  description: `Messages sent with keys of the same type as yours, newest first, at most ${pageSize} to a page; fewer if they are large or few of many messages match. Follow \`links.next\` until a page is empty.`,
  tag: 'Reading',
  query: listQuery,
  client: 'getNotifications()',
  answers: {
    200: {
      description: 'A page of messages.',
      schema: Type.Object({ notifications: Type.Array(notification), links: pageLinksSchema }),
    },
    400: { description: 'A parameter is unknown or has an invalid value.' },
  },
  async handler(deps: NotificationRouteDeps, request, reply) {
    const { service, key } = request.caller;
    const { reference = null, status, template_type: types = null, include_jobs, older_than } = request.query;
    const base = baseUrl(request, deps.publicUrl);
    const filter = {
      serviceId: service.id,
      keyType: key.keyType,
      jobs: include_jobs !== undefined,
      types,
      statuses: status ? status.flatMap((one) => groups[one] ?? one) : null,
      reference,
      olderThan: older_than ?? null,
    };
    // PostgreSQL rejects null characters in text, so no stored reference contains one.
    const isImpossible = reference?.includes('\0') ?? false;
    const left = callerLeaves(reply);
    const found = isImpossible
      ? []
      : await deps.reads(service.id, left, (db) => findNotifications(deps, db, filter, pageSize));
    const notifications = await fillPage(found, left, (one) => showNotification(deps, one, base));
    return {
      notifications,
      links: pageLinks(`${base}/v2/notifications`, queryParameters(request.url), notifications.at(-1)?.id),
    };
  },
});

const readOne = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'v2_notifications.get_notification_by_id',
  summary: 'Read a message',
  description: 'A message can be read as soon as its 201 is returned, with any of the service’s keys.',
  client: "getNotificationById('{notification_id}')",
  answers: { 200: { description: 'The message.', schema: notification }, 400: badId, 404: notFound },
  async handler(deps: NotificationRouteDeps, request, reply) {
    const { service } = request.caller;
    const found = await deps.reads(service.id, callerLeaves(reply), (db) =>
      find(deps, db, service.id, request.params.notification_id),
    );
    return await showNotification(deps, found, baseUrl(request, deps.publicUrl));
  },
});

const readTimeline = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/timeline`,
  handlerName: 'v2_notifications.get_notification_timeline',
  summary: 'Read what happened to a message',
  description:
    'When it was accepted and stored, each attempt to send it through a provider, each receipt and each callback, and why it was not sent if no provider was asked.',
  answers: { 200: { description: 'The timeline.', schema: timeline }, 400: badId, 404: notFound },
  async handler(deps: NotificationRouteDeps, { params, caller: { service } }, reply) {
    const read = async (db: Db) => {
      const found = await find(deps, db, service.id, params.notification_id);
      return { found, entries: await findTimeline(db, found) };
    };
    const { found, entries } = await deps.reads(service.id, callerLeaves(reply), read);
    return {
      notification_id: found.id,
      status: found.status,
      timeline: entries.map(showEntry),
    };
  },
});

const readPdf = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/pdf`,
  handlerName: 'v2_notifications.get_pdf_for_notification',
  summary: 'Read a letter’s PDF',
  description: 'Despatch sends no letters, so a message never has one.',
  answers: {
    400: { description: '`notification_id` is not a UUID, or the message is not a letter.' },
    404: notFound,
  },
  async handler(deps: NotificationRouteDeps, { params, caller: { service } }, reply) {
    await deps.reads(service.id, callerLeaves(reply), (db) =>
      find(deps, db, service.id, params.notification_id),
    );
    throw badRequest('Notification is not a letter');
  },
});

/** For services that may schedule. */
const cancel = defineRoute({
  method: 'POST',
  path: `${path}/cancel`,
  authentication: 'service key',
  handlerName: 'v2_notifications.cancel_notification',
  summary: 'Cancel a scheduled message',
  description:
    'Possible until it is due. Its status becomes `cancelled` and it is never sent; cancelling it again gives the same answer. It still counts towards the daily limit of the day it was accepted on.',
  tag: 'Sending',
  params: Type.Object({ notification_id: uuid('The message.') }),
  answers: {
    200: { description: 'The message, cancelled.', schema: notification },
    400: { description: 'It is not scheduled, it is already due, or `notification_id` is not a UUID.' },
  },
  async handler(deps: NotificationRouteDeps, request) {
    const { notification_id: id } = request.params;
    const serviceId = request.caller.service.id;
    await cancelScheduled(deps, serviceId, id, new Date(deps.clock.now()));
    const found = await find(deps, deps.db, serviceId, id);
    if (found.status !== 'cancelled')
      throw badRequest('Only a notification that is scheduled and not yet due can be cancelled');
    return await showNotification(deps, found, baseUrl(request, deps.publicUrl));
  },
});

/** Reading and cancelling messages in v2 (spec 01, sections 3.7 and 3.8). */
export const notificationRoutes = [cancel, readList, readOne, readTimeline, readPdf];

/** Throws a Problem (404) if the service has no such message. */
async function find(
  deps: NotificationRouteDeps,
  db: Db,
  serviceId: string,
  id: string,
): Promise<StoredNotification> {
  const found = await findNotification(deps, db, serviceId, id);
  if (!found) throw noResultFound();
  return found;
}

/** An entry as both APIs show it. */
export function showEntry(entry: TimelineEntry) {
  const at = isoMicroseconds(entry.at);
  if (entry.kind === 'accepted')
    return { event: entry.kind, at, ...(entry.by !== null && { created_by_name: entry.by }) };
  if (entry.kind === 'persisted') return { event: entry.kind, at };
  if (entry.kind === 'suppressed' || entry.kind === 'given up')
    return { event: entry.kind, at, reason: entry.reason };
  if (entry.kind === 'receipt') {
    const { provider, rawStatus, status, ignored } = entry;
    return {
      event: 'receipt',
      at,
      provider,
      provider_status: rawStatus,
      status,
      applied: ignored === null,
      ignored_because: ignored,
    };
  }
  if (entry.kind === 'callback') {
    const { id, type, state } = entry;
    return { event: 'callback', at, callback_id: id, callback_type: type, callback_status: state };
  }
  const { number, startedAt, finishedAt, outcome, code, detail } = entry;
  const who =
    entry.kind === 'attempt'
      ? { event: 'attempt', at, number, provider: entry.provider }
      : { event: 'callback attempt', at, number, callback_id: entry.id, callback_type: entry.type };
  return {
    ...who,
    outcome: outcome ?? 'in progress',
    code,
    detail,
    duration_ms: finishedAt ? finishedAt.getTime() - startedAt.getTime() : null,
  };
}
