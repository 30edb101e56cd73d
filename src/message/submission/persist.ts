import { type Db, isUnreachable } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Queues, Send } from '../../queue/boss.ts';
import { startRounds } from '../../queue/rounds.ts';
import { deliverQueueNamed, sendDeliveries, taskPriority } from '../delivery/queue.ts';
import { persistQueues } from './accept-batch.ts';
import { stepMilliseconds } from './fair-order.ts';
import { findDue, type Moved, moveAccepted, orderDue, type Persisted, postponeAccepted } from './store.ts';

export type PersistDeps = Readonly<{
  db: Db;
  clock: Clock;
  queues: Queues;
  log: Log;
  metrics: Metrics;
  retries: Readonly<{ limit: number; seconds: number }>;
}>;

const lot = 500;
const pollMilliseconds = 1000;
/** Scheduled messages that get their turns by one statement. */
const orderLimit = 5000;
/** Least time between two lots that are not full: under load they are few and large. */
const paceMilliseconds = 15;

/**
 * The `send_sms` and `send_email` tasks (spec 05, section 2.2), for whatever waits in `accepted`: store the messages
 * and queue their delivery. At least once, with one effect: leaving `accepted`, the rows and the delivery tasks are
 * one transaction for a whole lot, and a message that is stored already is neither stored nor queued again. A worker
 * that dies leaves nothing half done and nothing held.
 */
export function startPersisting(deps: PersistDeps, type: NotificationType): { stop(): Promise<void> } {
  const { db, clock, queues, log, metrics, retries } = deps;
  const task = `send_${type}`;
  let sinceOrdering: () => number = () => Number.POSITIVE_INFINITY;

  function move(limit: number, only: string | null = null): Promise<Moved> {
    return queues.transaction(async (trx, send) => {
      const moved = await moveAccepted(deps, trx, type, limit, only);
      await queueDeliveries(type, moved.persisted, send);
      return moved;
    });
  }

  /** What was scheduled or postponed is looked at once a second, until there is no more of it. */
  async function orderDueIfTime(): Promise<void> {
    if (sinceOrdering() < pollMilliseconds) return;
    const given = await orderDue(db, type, new Date(clock.now()), orderLimit);
    if (given < orderLimit) sinceOrdering = stopwatch();
  }

  /** After a lot has failed: each message by itself, so that one that cannot be stored holds up no other. */
  async function moveOneByOne(): Promise<void> {
    for (const { id, attempt } of await findDue(db, type, lot)) {
      if (rounds.stopping) return;
      try {
        await move(1, id);
      } catch (error) {
        if (isUnreachable(error)) throw error;
        const fields = { err: error, notificationId: id };
        const isLast = attempt >= retries.limit;
        // What was accepted is not thrown away: the message stays for an operator, and reads still find it.
        log.error(
          fields,
          isLast
            ? `RETRY FAILED: task ${task} failed for notification ${id}`
            : `RETRY: ${task} notification ${id}`,
        );
        await postponeAccepted(db, type, id, isLast ? null : new Date(clock.now() + retries.seconds * 1000));
      }
    }
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      await orderDueIfTime();
      const { count } = await metrics.timed('tasks', task, () => move(lot));
      return count === lot;
    },
    async failed(error) {
      log.warn(
        { err: error, queue: persistQueues[type] },
        'Accepted messages could not be stored together; trying again',
      );
      await moveOneByOne().catch((again: unknown) =>
        log.error(
          { err: again, queue: persistQueues[type] },
          'Accepted messages could not be stored; trying again',
        ),
      );
    },
  });
  queues.onArrival(persistQueues[type], rounds.wake);
  return { stop: rounds.stop };
}

/**
 * Tasks that hand over what was stored. The further a message is behind, the later it goes within its class there, too
 * (docs/decisions/0014).
 */
export async function queueDeliveries(
  type: NotificationType,
  persisted: readonly Persisted[],
  send: Send,
): Promise<void> {
  await sendDeliveries(
    send,
    persisted.map(({ id, queue, priority, behind, requestId }) => ({
      queue: deliverQueueNamed(queue),
      task: {
        id,
        payload: { notification_id: id, type },
        priority: taskPriority(priority, Math.floor(behind / stepMilliseconds)),
        ...(requestId !== null && { requestId }),
      },
    })),
  );
}
