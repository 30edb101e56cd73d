import { type Clock, stopwatch } from '../clock.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import type { NotificationType } from '../database/tables.ts';
import { deliverQueueNamed, sendDeliveries, taskPriority } from '../delivery/queue.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Queues, Send } from '../queue/boss.ts';
import { persistQueues } from './accepting.ts';
import { findDue, type Moved, moveAccepted, type Persisted, postponeAccepted } from './store.ts';
import { createVolumes, type Volumes } from './volume.ts';

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
  const volumes = createVolumes(clock);
  let stopping = false;
  let arrivals = 0;
  let awake: (() => void) | null = null;
  queues.onArrival(persistQueues[type], () => {
    arrivals += 1;
    awake?.();
  });

  function move(limit: number, only: string | null = null): Promise<Moved> {
    return queues.transaction(async (trx, send) => {
      const moved = await moveAccepted(deps, trx, type, new Date(clock.now()), limit, only);
      await queueDeliveries(type, moved.persisted, volumes, send);
      return moved;
    });
  }

  /** After a lot has failed: each message by itself, so that one that cannot be stored holds up no other. */
  async function moveOneByOne(): Promise<void> {
    for (const { id, attempt } of await findDue(db, type, new Date(clock.now()), lot)) {
      if (stopping) return;
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

  async function loop(): Promise<void> {
    while (!stopping) {
      const before = arrivals;
      const elapsed = stopwatch();
      try {
        const { more } = await metrics.timed('tasks', task, () => move(lot));
        if (more) continue;
      } catch (error) {
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
        await pause(pollMilliseconds, false);
        continue;
      }
      const early = paceMilliseconds - elapsed();
      if (early > 0) await pause(Math.ceil(early), false);
      // Sleep until something arrives; the poll catches what is due by time and a missed notice.
      if (arrivals === before) await pause(pollMilliseconds, true);
    }
  }

  function pause(milliseconds: number, wakeable: boolean): Promise<void> {
    if (stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        awake = null;
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      awake = wakeable ? finish : () => stopping && finish();
    });
  }

  const looping = loop();
  return {
    async stop() {
      stopping = true;
      awake?.();
      await looping;
    },
  };
}

/**
 * Tasks that hand over what was stored. The more a service has sent lately, the later its messages come within their
 * class, the whole lot of a service alike, so that they stay in order among themselves.
 */
export async function queueDeliveries(
  type: NotificationType,
  persisted: readonly Persisted[],
  volumes: Volumes,
  send: Send,
): Promise<void> {
  const counts = new Map<string, number>();
  for (const { serviceId } of persisted) counts.set(serviceId, (counts.get(serviceId) ?? 0) + 1);
  const steps = new Map([...counts].map(([id, messages]) => [id, volumes.add(id, messages)]));
  await sendDeliveries(
    send,
    persisted.map(({ id, queue, priority, requestId, serviceId }) => ({
      queue: deliverQueueNamed(queue),
      task: {
        id,
        payload: { notification_id: id, type },
        priority: taskPriority(priority, steps.get(serviceId)!),
        ...(requestId !== null && { requestId }),
      },
    })),
  );
}
