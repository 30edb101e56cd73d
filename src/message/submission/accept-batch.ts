import type pg from 'pg';
import { type Db, isTransient, isUnreachable } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import { dayOf } from '../../ground/time-zone.ts';
import type { Queues } from '../../queue/boss.ts';
import type { QueueName } from '../../queue/names.ts';
import { type Admitted, acceptBatch, type Submission } from './accept-statement.ts';
import { createFairOrder } from './fair-order.ts';

/** The queue that a type of accepted message waits in to be persisted (spec 05, section 1.2). */
export const persistQueues: Readonly<Record<NotificationType, QueueName>> = {
  sms: 'db-sms',
  email: 'db-email',
};

export type AcceptingDeps = Readonly<{ db: Db; pool: pg.Pool; clock: Clock; queues: Queues }>;

/**
 * The accept batcher: one statement, and so one commit, reserves the limits of a whole batch and makes its messages
 * durable. Only after it is a caller told 201 (DESIGN, section 4; docs/decisions/0009).
 */
export function createAccepting({ db, pool, clock, queues }: AcceptingDeps): Batcher<Submission, Admitted> {
  const ensureDays = createPartitionGuard(db);
  const turns = createFairOrder(clock);
  // One that is scheduled gets its turn when it is due (store.ts).
  const behindOf = ({ serviceId, message }: Submission) =>
    message && !message.scheduledFor ? turns.take(serviceId, message.priority) : 0;
  return createBatcher<Submission, Admitted>({
    // One at a time: the rows of the limits would make a second one wait for the first one's commit.
    concurrency: 1,
    isShared: isUnreachable,
    async flush(submissions) {
      const messages = submissions.flatMap(({ message }) => message ?? []);
      await ensureDays(messages.map(({ id }) => id));
      const now = new Date(clock.now());
      const placed = submissions.map((submission) => ({ ...submission, behind: behindOf(submission) }));
      const accept = () => acceptBatch(pool, placed, now, dayOf(now.getTime()));
      const admitted = await accept().catch((error: unknown) =>
        isTransient(error) ? accept() : Promise.reject(error),
      );
      const arrived = new Set(
        submissions.flatMap(({ message }, index) =>
          message && admitted[index]?.verdict === 'accepted' ? [persistQueues[message.type]] : [],
        ),
      );
      if (arrived.size > 0) queues.announce(arrived);
      return admitted;
    },
  });
}
