import type { NewTask, Queues } from '../queue/boss.ts';
import type { Queue } from '../queue/define.ts';
import { platformServiceId } from '../service/service.ts';
import { type DeliverPayload, deliverQueueFor, priorities } from './queue.ts';
import type { Deliverable } from './store.ts';

/** The task that delivers a stored message, and its queue: as when it was accepted (spec 05, section 1.2). */
export function deliveryOf(message: Deliverable): {
  queue: Queue<DeliverPayload>;
  task: NewTask<DeliverPayload>;
} {
  const { id, type, keyType, serviceId, researchMode, isUrgent, jobId } = message;
  const usual = jobId === null ? priorities.api : priorities.csv;
  return {
    queue: deliverQueueFor({ isPlatform: serviceId === platformServiceId, researchMode, keyType, type }),
    task: {
      id,
      payload: { notification_id: id, type },
      priority: isUrgent ? priorities.priorityTemplate : usual,
    },
  };
}

/** Queues the delivery of messages. One that has its task in that queue keeps it as it is. */
export async function queueDeliveries(queues: Queues, messages: readonly Deliverable[]): Promise<void> {
  const deliveries = messages.map(deliveryOf);
  for (const queue of new Set(deliveries.map((delivery) => delivery.queue)))
    await queues.send(
      queue,
      deliveries.filter((delivery) => delivery.queue === queue).map(({ task }) => task),
    );
}
