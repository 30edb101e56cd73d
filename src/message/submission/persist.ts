import { type Db, errorClass, isUnreachable, type Trx } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Traces } from '../../ground/traces.ts';
import { startRounds } from '../../queue/consume.ts';
import type { Queues } from '../../queue/queues.ts';
import { type Delivery, sendDeliveries } from '../delivery/queue.ts';
import { moveStatuses, type StatusDeps } from '../status/status.ts';
import { persistQueues } from './accept-batch.ts';
import { findDue, orderDue, persistAccepted, postponeAccepted, storeScheduled } from './store.ts';

export type PersistDeps = Readonly<{
  db: Db;
  clock: Clock;
  queues: Queues;
  log: Log;
  metrics: Metrics;
  retries: Readonly<{ limit: number; seconds: number }>;
  traces: Traces | null;
}>;

/** Messages persisted in one transaction. */
const batchSize = 500;
const pollMilliseconds = 1000;
/** Scheduled messages that one statement places in the fair order. */
const orderLimit = 5000;
/** Minimum time between two batches that are not full, so that under load batches are few and large. */
const paceMilliseconds = 15;

/**
 * The `send_sms` and `send_email` tasks (spec 05, section 2.2) for everything in `accepted`: they store the messages
 * and queue their delivery. They run at least once but take effect once: one transaction per batch deletes from
 * `accepted`, stores the messages and writes the delivery tasks, and a message that is already stored is neither stored
 * nor queued again. A worker that dies leaves nothing half done and no locks.
 */
export function startPersisting(deps: PersistDeps, type: NotificationType): { stop(): Promise<void> } {
  const { db, clock, queues, log, metrics } = deps;
  const queue = persistQueues[type];
  let sinceOrdering: () => number = () => Number.POSITIVE_INFINITY;

  /** Checks for due messages once a second, and again at once while there may be more. */
  async function orderDueIfTime(): Promise<void> {
    if (sinceOrdering() < pollMilliseconds) return;
    const ordered = await orderDue(db, type, new Date(clock.now()), orderLimit);
    if (ordered < orderLimit) sinceOrdering = stopwatch();
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      await orderDueIfTime();
      const count = await metrics.timed(
        'tasks',
        `send_${type}`,
        () => persistBatch(deps, type, batchSize),
        (persisted) => persisted,
      );
      return count === batchSize;
    },
    async failed(error) {
      log.warn(
        { err: error, queue },
        'A batch of accepted messages could not be stored; storing them one by one',
      );
      await persistOneByOne(deps, type, () => rounds.stopping).catch((again: unknown) =>
        log.error({ err: again, queue }, 'Accepted messages could not be stored; retrying'),
      );
    },
  });
  queues.onArrival(queue, rounds.wake);
  return { stop: rounds.stop };
}

/** Returns how many messages left `accepted`. */
async function persistBatch(
  deps: PersistDeps,
  type: NotificationType,
  limit: number,
  only: string | null = null,
): Promise<number> {
  const elapsed = stopwatch();
  const { count, deliveries } = await deps.queues.transaction(async ({ trx, send }) => {
    const persisted = await persistAccepted(deps, trx, type, limit, only);
    await sendDeliveries(send, persisted.deliveries);
    return persisted;
  });
  if (deps.traces) traceBatch(deps.traces, type, deliveries, elapsed());
  return count;
}

/** One span for each message: they belong to different requests. */
function traceBatch(
  traces: Traces,
  type: NotificationType,
  deliveries: readonly Delivery[],
  began: number,
): void {
  for (const { queue, task } of deliveries)
    traces
      .begin(`persist ${type}`, task.requestId, {
        began,
        attributes: { 'notification.id': task.id, 'notification.type': type, queue: queue.name },
      })
      .end();
}

/** After a failed batch, persists each message by itself, so that one that cannot be stored blocks no other. */
async function persistOneByOne(
  deps: PersistDeps,
  type: NotificationType,
  isStopping: () => boolean,
): Promise<void> {
  const { db, clock, log, retries } = deps;
  const task = `send_${type}`;
  const ensureDays = createPartitionGuard(db);
  for (const { id, attempt, requestId } of await findDue(db, type, batchSize)) {
    if (isStopping()) return;
    try {
      // A day that was thought to be over may have been dropped; if so, it is dropped again on the next night.
      await ensureDays([id]);
      await persistBatch(deps, type, 1, id);
    } catch (error) {
      if (isUnreachable(error)) throw error;
      const isLast = attempt >= retries.limit;
      // An accepted message is never discarded: it stays for an operator, and reads still find it.
      log.error(
        { err: error, notificationId: id, requestId },
        isLast
          ? `RETRY FAILED: task ${task} failed for notification ${id}`
          : `RETRY: ${task} notification ${id}`,
      );
      const now = clock.now();
      const dueAt = isLast ? null : new Date(now + retries.seconds * 1000);
      await postponeAccepted(db, { id, type }, { dueAt, failure: errorClass(error), now: new Date(now) });
    }
  }
}

/**
 * Cancels a scheduled message that is not due yet: it is stored as `cancelled` and never sent. Any other message is
 * left unchanged. `record` runs in the same transaction if it is cancelled.
 */
export function cancelScheduled(
  deps: StatusDeps & Readonly<{ queues: Pick<Queues, 'transaction'> }>,
  serviceId: string,
  id: string,
  at: Date,
  record: (trx: Trx) => Promise<unknown> = async () => {},
): Promise<void> {
  return deps.queues.transaction(async (transaction) => {
    if (!(await storeScheduled(transaction.trx, serviceId, id, at))) return;
    const move = { id, event: { kind: 'cancelled' }, at, handOver: null } as const;
    await moveStatuses(deps, transaction, 'dao_update_notification', [move]);
    await record(transaction.trx);
  });
}
