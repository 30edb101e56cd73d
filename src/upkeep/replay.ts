import type { Db } from '../database/connection.ts';
import type { Clock } from '../ground/clock.ts';
import { idFloor } from '../ground/id.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import { deliverQueues, sendDeliveries } from '../message/delivery/queue.ts';
import { deliveryOf } from '../message/delivery/requeue.ts';
import { findCreated } from '../message/delivery/store.ts';
import type { Queues } from '../queue/queues.ts';
import { piecesOf, replaySpan } from './range.ts';
import type { Run } from './schedule.ts';

export type ReplayDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  queues: Queues;
  /** Maximum messages looked up at once. */
  batch?: number;
}>;

/** The range of creation times that is searched at once (spec 06, section 1.3). */
const sliceMilliseconds = 12 * 3_600_000;
const queueNames = deliverQueues.map(({ name }) => name);

/**
 * The task `replay-created-notifications` (spec 05, section 9.2): a message that is still `created` after an hour and
 * has no task in any delivery queue gets one. At least once: a second task finds the message claimed or moved on. One
 * whose task waits for a retry, is being worked on or is parked is left alone. Returns the number of messages queued.
 */
export function createReplay(deps: ReplayDeps): (run: Run) => Promise<number> {
  const { db, clock, log, queues, batch = 10_000 } = deps;
  return async ({ lastRun, signal }) => {
    let total = 0;
    for (const slice of piecesOf(replaySpan(clock.now(), lastRun?.getTime() ?? null), sliceMilliseconds))
      for (let after: string | null = idFloor(0); after !== null && !signal.aborted; ) {
        const found = await findCreated(deps, db, slice, after, batch);
        const ids = found.map(({ id }) => id);
        const queued = await queues.waiting(queueNames, ids);
        const lost = found.filter(({ id }) => !queued.has(id));
        for (const { id } of lost)
          log.warn(
            { notificationId: id },
            `Notification ${id} is still created and in no queue: it is queued for delivery again`,
          );
        await sendDeliveries(queues.send, lost.map(deliveryOf));
        total += lost.length;
        after = found.length < batch ? null : found.at(-1)!.id;
      }
    return total;
  };
}
