import { type Batcher, createBatcher } from '../batcher.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import { createPartitionGuard } from '../database/partitions.ts';
import type { NotificationType } from '../database/tables.ts';
import type { Queues } from '../queue/boss.ts';
import type { QueueName } from '../queue/names.ts';
import { type AcceptedMessage, insertAccepted } from './store.ts';

/** The queue that a type of accepted message waits in to be persisted (spec 05, section 1.2). */
export const persistQueues: Readonly<Record<NotificationType, QueueName>> = {
  sms: 'db-sms',
  email: 'db-email',
};

/**
 * The accept batcher: one statement, and so one commit, makes a whole batch of accepted messages durable. Only after
 * it is a caller told 201 (DESIGN, section 4; docs/decisions/0009).
 */
export function createAccepting({
  db,
  queues,
}: Readonly<{ db: Db; queues: Queues }>): Batcher<AcceptedMessage, void> {
  const ensureDays = createPartitionGuard(db);
  return createBatcher<AcceptedMessage, void>({
    concurrency: 2,
    isShared: isUnreachable,
    async flush(messages) {
      await ensureDays(messages.map(({ id }) => id));
      await insertAccepted(db, messages);
      queues.announce(new Set(messages.map(({ type }) => persistQueues[type])));
      return messages.map(() => undefined);
    },
  });
}
