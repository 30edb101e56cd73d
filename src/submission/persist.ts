import { createBatcher } from '../batcher.ts';
import type { Cipher } from '../cipher.ts';
import type { Cache } from '../database/cache.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import { createPartitionGuard } from '../database/partitions.ts';
import type { NotificationType } from '../database/tables.ts';
import { type DeliverPayload, deliverQueueFor, priorities } from '../delivery/queue.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { insertNotifications, type NewNotification } from '../notification/store.ts';
import type { NewTask, Queues } from '../queue/boss.ts';
import { settle, type Task, type Verdict } from '../queue/consume.ts';
import type { Queue } from '../queue/define.ts';
import { platformServiceId, type Service } from '../service/service.ts';
import type { TemplateCaches } from '../template/store.ts';
import { openAccepted } from './accepted.ts';
import type { PersistPayload } from './queue.ts';

export type PersistDeps = Readonly<{
  db: Db;
  queues: Queues;
  cipher: Cipher;
  log: Log;
  metrics: Metrics;
  services: Cache<Service | null>;
  templates: TemplateCaches;
  retries: Readonly<{ limit: number; seconds: number }>;
}>;

type Item = Readonly<{
  task: Task<PersistPayload>;
  notification: NewNotification;
  queue: Queue<DeliverPayload>;
  priority: number;
}>;

/**
 * The `send_sms` and `send_email` tasks (spec 05, section 2.2): store an accepted message and queue its delivery.
 * At least once, with one effect: the rows, the delivery task and the end of this task are one transaction for a
 * whole batch, and a message that is stored already is neither stored nor queued again.
 */
export function createPersist(
  deps: PersistDeps,
): (type: NotificationType) => (task: Task<PersistPayload>) => Promise<Verdict> {
  const { db, queues, cipher, log, metrics } = deps;
  const ensureDays = createPartitionGuard(db);
  const persisting = createBatcher<Item, void>({
    paceMilliseconds: 15,
    isShared: isUnreachable,
    async flush(items) {
      await ensureDays(items.map(({ notification }) => notification.id));
      await queues.transaction(async (trx, send) => {
        const written = await insertNotifications(
          deps,
          trx,
          items.map(({ notification }) => notification),
        );
        for (const queue of new Set(items.map((item) => item.queue)))
          await send(
            queue,
            items
              .filter((item) => item.queue === queue && written.has(item.notification.id))
              .map(
                (item): NewTask<DeliverPayload> => ({
                  id: item.notification.id,
                  payload: { notification_id: item.notification.id, type: item.notification.type },
                  priority: item.priority,
                  requestId: item.task.requestId,
                }),
              ),
          );
        await settle(
          queues,
          trx,
          items.map(({ task }) => ({ task, settlement: 'done' })),
        );
      });
      return items.map(() => undefined);
    },
  });

  async function persist(type: NotificationType, task: Task<PersistPayload>): Promise<Verdict> {
    const notification = openAccepted(cipher, type, task.id, task.payload);
    if (!notification) {
      log.error({ notificationId: task.id }, 'An accepted message could not be decrypted and was dropped');
      return 'done';
    }
    const [service, template] = await Promise.all([
      deps.services.get(notification.serviceId),
      deps.templates.version(notification.templateId, notification.templateVersion),
    ]);
    const queue = deliverQueueFor({
      isPlatform: notification.serviceId === platformServiceId,
      researchMode: service?.researchMode ?? false,
      keyType: notification.keyType,
      type,
    });
    const priority = template?.priority ? priorities.priorityTemplate : priorities.api;
    await persisting.add({ task, notification, queue, priority });
    return 'settled';
  }

  return (type) => async (task) => {
    try {
      return await metrics.timed('tasks', `send_${type}`, () => persist(type, task));
    } catch (error) {
      // No connection: nothing can be written now, and it is no fault of this message that would use up its tries.
      if (isUnreachable(error)) throw error;
      const fields = { err: error, notificationId: task.id, requestId: task.requestId };
      if (task.attempt < deps.retries.limit) {
        log.error(fields, `RETRY: send_${type} notification ${task.id}`);
        return { retryAfterSeconds: deps.retries.seconds };
      }
      // What was accepted is not thrown away: the task stays for an operator, and reads still find the message.
      log.error(fields, `RETRY FAILED: task send_${type} failed for notification ${task.id}`);
      return 'parked';
    }
  };
}
