import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import type { Clock } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import type { Metrics } from '../../../ground/metrics.ts';
import { badRequest, invalid, noResultFound } from '../../../ground/problem.ts';
import type { Description } from '../../../http/openapi/describe.ts';
import { baseUrl } from '../../../http/server/server.ts';
import type { Queues } from '../../../queue/boss.ts';
import type { StatusDeps } from '../../status/move.ts';
import { cancelScheduled } from '../../submission/persist.ts';
import { findNotification } from '../store.ts';
import { notification } from './schemas.ts';
import { type ReadingDeps, showNotification } from './show.ts';

export type CancelDeps = ReadingDeps &
  StatusDeps &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'transaction'>;
    clock: Clock;
    metrics: Metrics;
    publicUrl: string | null;
  }>;

const describe: Description = {
  summary: 'Take back a scheduled message',
  description:
    'Possible until the moment it is due. Its status becomes `cancelled`, it is never sent, and asking again answers the same. It stays counted for the day it was accepted on.',
  tag: 'Sending',
  authentication: 'api key',
  parameters: { notification_id: Type.String({ format: 'uuid', description: 'The message.' }) },
  responses: {
    200: { description: 'The message, cancelled.', schema: notification },
    400: { description: 'It is not scheduled, or it is due; or `notification_id` is not a UUID.' },
  },
};

/** `POST /v2/notifications/{id}/cancel`, for services that may schedule. Needs `requireKey` before it. */
export function cancelRoute(app: FastifyInstance, deps: CancelDeps): void {
  app.post(
    '/v2/notifications/:notification_id/cancel',
    { config: { handler: 'v2_notifications.cancel_notification', describe } },
    async (request: FastifyRequest<{ Params: { notification_id: string } }>, reply) => {
      const id = parseUuid(request.params.notification_id);
      if (id === null) throw invalid(['notification_id is not a valid UUID']);
      const serviceId = request.caller.service.id;
      await cancelScheduled(deps, serviceId, id, new Date(deps.clock.now()));
      const found = await findNotification(deps, deps.db, serviceId, id);
      if (!found) throw noResultFound();
      if (found.status !== 'cancelled')
        throw badRequest('Only a notification that is scheduled and not yet due can be cancelled');
      const shown = await showNotification(deps, found, baseUrl(request, deps.publicUrl));
      return reply.type('application/json').send(JSON.stringify(shown));
    },
  );
}
