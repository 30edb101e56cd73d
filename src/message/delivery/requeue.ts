import { platformServiceId } from '../../tenant/service/service.ts';
import { type Delivery, deliverQueueFor, priorities, taskPriority } from './queue.ts';
import type { Deliverable } from './store.ts';

/**
 * Rebuilds a stored message's delivery, with the queue and class that it had when it was accepted (spec 05, section
 * 1.2).
 */
export function deliveryOf(message: Deliverable): Delivery {
  const { id, type, keyType, serviceId, researchMode, isUrgent, jobId } = message;
  const single = isUrgent ? priorities.priorityTemplate : priorities.api;
  return {
    queue: deliverQueueFor({ isPlatform: serviceId === platformServiceId, researchMode, keyType, type }),
    task: {
      id,
      payload: { type },
      priority: taskPriority(jobId === null ? single : priorities.csv, 0),
    },
  };
}
