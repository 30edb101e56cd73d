import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Db } from '../../database/connection.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { noResultFound } from '../../ground/problem.ts';
import type { Description } from '../../http/openapi/describe.ts';
import { uuidPart } from '../../http/validate/admin-body.ts';
import type { Queues } from '../../queue/boss.ts';
import { isAccepted } from '../submission/store.ts';
import { sendDeliveries } from './queue.ts';
import { deliveryOf } from './requeue.ts';
import { findDeliverable } from './store.ts';

export type DeliverRouteDeps = Readonly<{ db: Db; metrics: Metrics; queues: Queues }>;

const describe: Description = {
  summary: 'Have a message delivered',
  description:
    'Queues its delivery, whatever its type. One that is queued already keeps its place, and one that is not `created` any more stays as it is.',
  tag: 'Administration',
  authentication: 'admin',
  responses: {
    204: { description: 'Taken, which is not to say sent.' },
    404: { description: 'There is no such message.' },
  },
};

/**
 * Delivery by hand (spec 04, section 8.4). The message is always queued, never sent in the request: clients of providers
 * live in workers, which a process that answers HTTP need not be (docs/decisions/0013). Needs `requireAdmin` before it.
 */
export function deliverRoute(app: FastifyInstance, deps: DeliverRouteDeps): void {
  app.post(
    `/deliver/notification/${uuidPart('notification_id')}`,
    { config: { handler: 'deliver.send_notification_to_provider', describe } },
    async ({ params }: FastifyRequest<{ Params: { notification_id: string } }>, reply) => {
      const { db, queues } = deps;
      const id = params.notification_id;
      // In this order: it moves from there to here, and its delivery is queued as it does.
      if (await isAccepted(db, id)) return reply.code(204).send();
      const message = await findDeliverable(deps, db, id);
      if (!message) throw noResultFound();
      if (message.status === 'created') await sendDeliveries(queues.send, [deliveryOf(message)]);
      return reply.code(204).send();
    },
  );
}
