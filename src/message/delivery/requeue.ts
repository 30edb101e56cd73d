import { platformServiceId } from '../../tenant/service/service.ts';
import { type Delivery, deliverQueueFor, priorities, taskPriority } from './queue.ts';
import type { Deliverable } from './store.ts';

/**
 * Rebuilds a stored message's delivery, with the queue and class that it had when it was accepted (spec 05, section
 * 1.2).
 */
export function deliveryOf(message: Deliverable): Delivery {
  const { id, type, keyType, serviceId, researchMode, isUrgent, jobId } = message;
  const usual = jobId === null ? priorities.api : priorities.csv;
  return {
    queue: deliverQueueFor({ isPlatform: serviceId === platformServiceId, researchMode, keyType, type }),
    task: {
      id,
      payload: { notification_id: id, type },
      priority: taskPriority(isUrgent ? priorities.priorityTemplate : usual, 0),
    },
  };
}
