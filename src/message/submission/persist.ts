import { type Db, errorClass, isUnreachable, type Trx } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Traces } from '../../ground/traces.ts';
import { type Consumer, startRounds } from '../../queue/consume.ts';
import type { QueueName } from '../../queue/define.ts';
import type { Queues } from '../../queue/queues.ts';
import { deliverQueuesOf } from '../delivery/queue.ts';
import { moveStatuses, type StatusDeps } from '../status/status.ts';
import { persistQueues } from './accept-batch.ts';
import {
  findDue,
  isBehind,
  orderDue,
  type Persisted,
  type PersistRange,
  persistAccepted,
  postponeAccepted,
  storeScheduled,
} from './store.ts';

export type PersistDeps = Readonly<{
  db: Db;
  clock: Clock;
  queues: Queues;
  log: Log;
  metrics: Metrics;
  retries: Readonly<{ limit: number; seconds: number }>;
  traces: Traces | null;
  /** Of the names of queues. */
  queuePrefix: string;
  /** The senders of this process that deliver, by their queues. */
  senders: ReadonlyMap<QueueName, Consumer>;
}>;

/** Messages persisted in one transaction. */
const batchSize = 500;
const pollMilliseconds = 1000;
/** How often it looks for messages, also for scheduled ones, without a notice of any: notices can be missed. */
const idleMilliseconds = 5000;
/** Scheduled messages that one statement places in the fair order. */
const orderLimit = 5000;
/** Minimum time between two batches that are not full, so that under load batches are few and large. */
const paceMilliseconds = 30;

/** While every sender is busy, messages wait so long before they are persisted all the same. */
const patienceMilliseconds = 5000;

/**
 * The `send_sms` and `send_email` tasks (spec 05, section 2.2) for everything in `accepted`: they store the messages
 * and queue their delivery. They run at least once but take effect once: one statement per batch deletes from
 * `accepted`, stores the messages and writes the delivery tasks, and a message that is already stored is neither stored
 * nor queued again. A worker that dies leaves nothing half done and no locks.
 *
 * Where this process also delivers, and nothing waits for delivery, it persists what it can begin to deliver at once and
 * holds these tasks from the start, so that they never wait in a second queue (docs/decisions/0030). What it has no place
 * for stays in `accepted`, in fair order; after 5 seconds, or once tasks wait for delivery, it is stored with a task that
 * waits like any other.
 */
export function startPersisting(deps: PersistDeps, type: NotificationType): { stop(): Promise<void> } {
  const { db, clock, queues, log, senders } = deps;
  const queue = persistQueues[type];
  const ownQueues = deliverQueuesOf(type);
  let sinceOrdering: () => number = () => Number.POSITIVE_INFINITY;
  /** When the next scheduled message is due, as far as is known; in Unix milliseconds. */
  let nextDue = Number.NEGATIVE_INFINITY;
  /** Messages have arrived since then, which may be scheduled. */
  let hasUnordered = true;
  let sincePersisting: () => number = () => Number.POSITIVE_INFINITY;
  /** There may be messages to persist. */
  let hasArrivals = true;
  let isLate = false;
  /** The last batch took all places that there were, or one that may do so is under way: what is free then counts. */
  let isStarved = false;

  /** Checks for due messages once a second while some may be, and again at once while there may be more. */
  async function lookForDue(): Promise<void> {
    const now = clock.now();
    const isQuiet = !hasUnordered && !isStarved && !isLate && now < nextDue;
    if (sinceOrdering() < (isQuiet ? idleMilliseconds : pollMilliseconds)) return;
    hasUnordered = false;
    const { count, next } = await orderDue(db, type, new Date(now), orderLimit);
    if (count > 0) hasArrivals = true;
    nextDue = next?.getTime() ?? Number.POSITIVE_INFINITY;
    isLate = isStarved && (await isBehind(db, type, new Date(now - patienceMilliseconds)));
    if (count < orderLimit) sinceOrdering = stopwatch();
  }

  /** Persists a batch. Returns whether there is more to do at once. */
  async function persistNext(): Promise<boolean> {
    const sender = senders.get(ownQueues.main);
    isStarved = !isLate && sender?.isDrained === true;
    if (!isStarved) {
      const count = await persistBatch(deps, type, { limit: batchSize });
      if (count < batchSize) isLate = false;
      return count === batchSize;
    }
    const places = new Map<QueueName, number>();
    for (const name of ownQueues.all) {
      const count = senders.get(name)?.reserve(batchSize) ?? 0;
      if (count > 0) places.set(name, count);
    }
    const limit = places.get(ownQueues.main);
    const range = limit === undefined ? { limit: batchSize, isUrgent: true } : { limit };
    const count = await persistBatch(deps, type, { ...range, places });
    isStarved = limit === undefined || (count === limit && limit < batchSize);
    return !isStarved && count === range.limit;
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      await lookForDue();
      if (!hasArrivals && !isStarved && !isLate && sincePersisting() < idleMilliseconds) return false;
      hasArrivals = false;
      sincePersisting = stopwatch();
      const hasMore = await persistNext();
      if (hasMore) hasArrivals = true;
      return hasMore;
    },
    async failed(error) {
      hasArrivals = true;
      hasUnordered = true;
      log.warn(
        { err: error, queue },
        'A batch of accepted messages could not be stored; storing them one by one',
      );
      await persistOneByOne(deps, type, () => rounds.stopping).catch((again: unknown) =>
        log.error({ err: again, queue }, 'Accepted messages could not be stored; retrying'),
      );
    },
  });
  queues.onArrival(queue, () => {
    hasArrivals = true;
    hasUnordered = true;
    rounds.wake();
  });
  senders.get(ownQueues.main)?.onFree(() => isStarved && rounds.wake());
  return { stop: rounds.stop };
}

/** Begins with the tasks it may, and wakes the workers for the others. Returns how many messages left `accepted`. */
function persistBatch(deps: PersistDeps, type: NotificationType, range: PersistRange): Promise<number> {
  const { senders, queues, metrics, traces } = deps;
  const work = async () => {
    const elapsed = stopwatch();
    let persisted: readonly Persisted[] = [];
    try {
      const result = await persistAccepted(deps, deps.db, type, range);
      persisted = result.persisted;
      return result.count;
    } finally {
      for (const [name, places] of range.places ?? [])
        senders.get(name)!.take(
          persisted.flatMap((one) => (one.queue === name && one.held ? [one.held] : [])),
          places,
        );
      const waiting = new Set(persisted.flatMap(({ queue, held }) => (held ? [] : [queue])));
      if (waiting.size > 0) queues.announce(waiting);
      if (traces) traceBatch(traces, type, persisted, elapsed());
    }
  };
  return metrics.timed('tasks', `send_${type}`, work, (count) => count);
}

/** One span for each message: they belong to different requests. */
function traceBatch(
  traces: Traces,
  type: NotificationType,
  persisted: readonly Persisted[],
  began: number,
): void {
  for (const { id, queue, requestId } of persisted)
    traces
      .begin(`persist ${type}`, requestId ?? undefined, {
        began,
        attributes: { 'notification.id': id, 'notification.type': type, queue },
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
      await persistBatch(deps, type, { limit: 1, only: id });
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
