import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isoMicroseconds } from '../clock.ts';
import type { Db } from '../database/connection.ts';
import { baseUrl } from '../http/server.ts';
import { parseUuid } from '../identifier.ts';
import type { Metrics } from '../metrics.ts';
import { invalid, noResultFound } from '../problem.ts';
import { type ReadingDeps, showNotification } from './reading.ts';
import { findNotification, findTimeline, type StoredNotification, type TimelineEntry } from './store.ts';

export type NotificationRouteDeps = ReadingDeps &
  Readonly<{
    db: Db;
    metrics: Metrics;
    publicUrl: string | null;
  }>;

type WithId = FastifyRequest<{ Params: { notification_id: string } }>;

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

  app.get(
    '/v2/notifications/:notification_id',
    { config: { handler: 'v2_notifications.get_notification_by_id' } },
    async (request: WithId, reply) => {
      const notification = await find(request);
      return json(reply, await showNotification(deps, notification, baseUrl(request, deps.publicUrl)));
    },
  );

  app.get(
    '/v2/notifications/:notification_id/timeline',
    { config: { handler: 'v2_notifications.get_notification_timeline' } },
    async (request: WithId, reply) => {
      const notification = await find(request);
      const { id, status, createdAt } = notification;
      const entries = await findTimeline(deps.db, id);
      return json(reply, {
        notification_id: id,
        status,
        timeline: [{ event: 'accepted', at: isoMicroseconds(createdAt) }, ...entries.map(showEntry)],
      });
    },
  );
}

function showEntry(entry: TimelineEntry) {
  const at = isoMicroseconds(entry.at);
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
  const { number, provider, finishedAt, outcome, code, detail } = entry;
  return {
    event: 'attempt',
    at,
    number,
    provider,
    outcome: outcome ?? 'in progress',
    code,
    detail,
    duration_ms: finishedAt ? finishedAt.getTime() - entry.at.getTime() : null,
  };
}

function json(reply: FastifyReply, body: unknown): FastifyReply {
  return reply.type('application/json').send(JSON.stringify(body));
}
