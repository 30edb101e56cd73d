import type { Db } from '../database/connection.ts';
import type { Clock } from '../ground/clock.ts';
import { idFloor, idMarginMilliseconds } from '../ground/id.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { CallbackQueue } from '../message/callback/enqueue.ts';
import { nextStatus } from '../message/status/status.ts';
import { piecesOf, type Span, timeOutSpan } from './range.ts';
import type { Turn } from './schedule.ts';
import { lockUnfinished, oldestMessage, updateStatuses } from './store.ts';

export type TimeOutDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** Seconds after which a message that nobody confirmed has failed. */
  timeoutSeconds: number;
  callbacks: Pick<CallbackQueue, 'deliveryStatuses' | 'announce'>;
  /** Most messages in one transaction. */
  batch?: number;
}>;

/** Ids made within so much time are looked through by one statement, which thus stays short on a long history. */
const pieceMilliseconds = 6 * 3_600_000;

/**
 * The task `timeout-sending-notifications` (spec 05, section 9.1): whatever is `sending` or `pending` after the time-out
 * has failed for now, whatever is still `created` for good. At least once, with one effect: status and callbacks are one
 * transaction for a batch, and a message that has changed meanwhile is left alone. What was not persisted yet is not
 * looked at: it is parked on purpose. Answers how many changed.
 */
export function createTimeOut(deps: TimeOutDeps): (turn: Turn) => Promise<number> {
  const { db, clock, log, metrics, timeoutSeconds, callbacks, batch = 10_000 } = deps;

  /** One batch: those after `after`. Answers the last id looked at, null when there are no more, and how many changed. */
  async function closeBatch(
    span: Span,
    before: number,
    after: string,
  ): Promise<{ last: string | null; count: number }> {
    const { told, ...closed } = await db.transaction().execute(async (trx) => {
      const found = await lockUnfinished(deps, trx, { span, before, after, limit: batch });
      const changes = found.flatMap(({ id, serviceId, status }) => {
        const next = nextStatus(status, { kind: 'timed out' });
        return 'to' in next ? [{ id, serviceId, status: next.to }] : [];
      });
      let told = 0;
      if (changes.length > 0) {
        await updateStatuses(deps, trx, changes, new Date(clock.now()));
        told = await callbacks.deliveryStatuses(trx, changes);
      }
      return { last: found.length < batch ? null : found.at(-1)!.id, count: changes.length, told };
    });
    if (told > 0) callbacks.announce();
    return closed;
  }

  return ({ lastRun, signal }) =>
    metrics.timed('tasks', 'timeout_notifications', async () => {
      const span = timeOutSpan(clock.now(), lastRun?.getTime() ?? null, timeoutSeconds * 1000);
      const from = span.from ?? (await oldestMessage(db));
      if (from === null) return 0;
      let total = 0;
      for (const piece of piecesOf({ from, until: span.until + idMarginMilliseconds }, pieceMilliseconds))
        for (let after: string | null = idFloor(0); after !== null && !signal.aborted; ) {
          const { last, count }: { last: string | null; count: number } = await closeBatch(
            piece,
            span.until,
            after,
          );
          total += count;
          after = last;
        }
      if (total > 0)
        log.info(
          { count: total },
          `Timeout period reached for ${total} notifications, status has been updated.`,
        );
      return total;
    });
}
