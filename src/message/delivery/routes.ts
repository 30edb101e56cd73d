import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import type { Queues } from '../../queue/queues.ts';
import { isAccepted } from '../submission/store.ts';
import { sendDeliveries } from './queue.ts';
import { deliveryOf } from './requeue.ts';
import { findDeliverable } from './store.ts';

export type DeliverRouteDeps = Readonly<{ db: Db; metrics: Metrics; queues: Queues }>;

/**
 * Manual delivery (spec 04, section 8.4). The message is always queued, never sent within the request: provider clients
 * live in workers, and a process that serves HTTP need not be one (docs/decisions/0013).
 */
const deliver = defineRoute({
  method: 'POST',
  path: `/deliver/notification/${uuidPart('notification_id')}`,
  authentication: 'admin',
  permission: 'operator',
  handlerName: 'deliver.send_notification_to_provider',
  summary: 'Queue the delivery of a message',
  description:
    'Works for any type. A delivery that is already queued keeps its place, and a message that is no longer `created` stays as it is.',
  tag: 'Administration',
  params: Type.Object({ notification_id: Type.String({ format: 'uuid' }) }),
  answers: {
    204: { description: 'Queued, which does not mean sent.' },
    404: { description: 'There is no such message.' },
  },
  async handler(deps: DeliverRouteDeps, { params: { notification_id: id } }) {
    const { db, queues } = deps;
    // In this order: a message moves from the first table to the second, which also queues its delivery.
    if (await isAccepted(db, id)) return;
    const message = await findDeliverable(deps, db, id);
    if (!message) throw noResultFound();
    if (message.status === 'created') await sendDeliveries(queues.send, [deliveryOf(message)]);
  },
});

export const deliverRoutes = [deliver];
