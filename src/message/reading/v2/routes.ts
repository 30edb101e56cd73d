import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Db } from '../../../database/connection.ts';
import { isoMicroseconds } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { badRequest, invalid, noResultFound } from '../../../ground/problem.ts';
import type { Description } from '../../../http/openapi/describe.ts';
import { baseUrl } from '../../../http/server/server.ts';
import { sendJson } from '../../../http/validate/json-body.ts';
import type { StoredNotification } from '../../status/notification.ts';
import { findNotification, findTimeline, type TimelineEntry } from '../store.ts';
import { notificationListRoute } from './list.ts';
import { notification, notificationId, timeline } from './schemas.ts';
import { type ReadingDeps, showNotification } from './show.ts';

export type NotificationRouteDeps = ReadingDeps &
  Readonly<{
    db: Db;
    metrics: Metrics;
    publicUrl: string | null;
  }>;

type WithId = FastifyRequest<{ Params: { notification_id: string } }>;

const notFound = { description: 'The service has no such message, or it is past its retention.' };
const badId = { description: '`notification_id` is not a UUID.' };
const readOne: Description = {
  summary: 'Read a message',
  description: 'A message can be read from the moment of its 201, with any key of its service.',
  tag: 'Reading',
  authentication: 'api key',
  parameters: { notification_id: notificationId },
  client: "getNotificationById('{notification_id}')",
  responses: { 200: { description: 'The message.', schema: notification }, 400: badId, 404: notFound },
};
const readTimeline: Description = {
  summary: 'Read what happened to a message',
  description:
    'Its acceptance, when it was stored, each attempt to hand it to a provider, each receipt, and what the service was told.',
  tag: 'Reading',
  authentication: 'api key',
  parameters: { notification_id: notificationId },
  responses: { 200: { description: 'The timeline.', schema: timeline }, 400: badId, 404: notFound },
};
const readPdf: Description = {
  summary: 'Read the PDF of a letter',
  description: 'Despatch sends no letters, so a message never has one.',
  tag: 'Reading',
  authentication: 'api key',
  parameters: { notification_id: notificationId },
  responses: {
    400: { description: '`notification_id` is not a UUID, or the message is not a letter.' },
    404: notFound,
  },
};

/** Reading messages in v2. Needs `requireKey` before it. */
export function notificationRoutes(app: FastifyInstance, deps: NotificationRouteDeps): void {
  async function find(request: WithId): Promise<StoredNotification> {
    const id = parseUuid(request.params.notification_id);
    if (id === null) throw invalid(['notification_id is not a valid UUID']);
    const serviceId = request.caller.service.id;
    const found = await findNotification(deps, deps.db, serviceId, id);
    if (!found) throw noResultFound();
    return found;
  }

  notificationListRoute(app, deps);

  app.get(
    '/v2/notifications/:notification_id',
    { config: { handler: 'v2_notifications.get_notification_by_id', describe: readOne } },
    async (request: WithId, reply) => {
      const notification = await find(request);
      return sendJson(reply, await showNotification(deps, notification, baseUrl(request, deps.publicUrl)));
    },
  );

  app.get(
    '/v2/notifications/:notification_id/timeline',
    { config: { handler: 'v2_notifications.get_notification_timeline', describe: readTimeline } },
    async (request: WithId, reply) => {
      const notification = await find(request);
      const { id, status, createdAt } = notification;
      const entries = await findTimeline(deps.db, id);
      return sendJson(reply, {
        notification_id: id,
        status,
        timeline: [{ event: 'accepted', at: isoMicroseconds(createdAt) }, ...entries.map(showEntry)],
      });
    },
  );

  app.get(
    '/v2/notifications/:notification_id/pdf',
    { config: { handler: 'v2_notifications.get_pdf_for_notification', describe: readPdf } },
    async (request: WithId) => {
      await find(request);
      throw badRequest('Notification is not a letter');
    },
  );
}

function showEntry(entry: TimelineEntry) {
  const at = isoMicroseconds(entry.at);
  if (entry.kind === 'persisted') return { event: 'persisted', at };
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
  const { number, finishedAt, outcome, code, detail } = entry;
  const who =
    entry.kind === 'attempt'
      ? { event: 'attempt', at, number, provider: entry.provider }
      : { event: 'callback attempt', at, number, callback_id: entry.id, callback_type: entry.type };
  return {
    ...who,
    outcome: outcome ?? 'in progress',
    code,
    detail,
    duration_ms: finishedAt ? finishedAt.getTime() - entry.at.getTime() : null,
  };
}
