import type { Db } from '../database/connection.ts';
import type { Clock } from '../ground/clock.ts';
import { idFloor, idMarginMilliseconds } from '../ground/id.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import { moveStatuses, type StatusDeps } from '../message/status/status.ts';
import type { Queues } from '../queue/queues.ts';
import { piecesOf, type Span, timeOutSpan } from './range.ts';
import type { Run } from './schedule.ts';
import { lockUnfinished, oldestMessage } from './store.ts';

export type TimeOutDeps = StatusDeps &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'transaction'>;
    clock: Clock;
    log: Log;
    metrics: Metrics;
    /** Seconds after which an unconfirmed message has failed. */
    timeoutSeconds: number;
    /** Maximum messages in one transaction. */
    batch?: number;
  }>;

/** The range of creation times that one statement searches, so that it stays fast on a long history. */
const pieceMilliseconds = 6 * 3_600_000;

/**
 * The task `timeout-sending-notifications` (spec 05, section 9.1): after the time-out, a message that is `sending` or
 * `pending` becomes a temporary failure, one that is still `created` a technical failure. Safe to repeat: each batch
 * changes statuses and queues callbacks in one transaction, and a message that has changed meanwhile is left alone.
 * Messages not persisted yet are skipped: they are parked on purpose. Returns how many messages changed.
 */
export function createTimeOut(deps: TimeOutDeps): (run: Run) => Promise<number> {
  const { db, clock, log, timeoutSeconds } = deps;
  return async ({ lastRun, signal }) => {
    const span = timeOutSpan(clock.now(), lastRun?.getTime() ?? null, timeoutSeconds * 1000);
    const from = span.from ?? (await oldestMessage(db));
    if (from === null) return 0;
    let total = 0;
    for (const piece of piecesOf({ from, until: span.until + idMarginMilliseconds }, pieceMilliseconds))
      for (let after: string | null = idFloor(0); after !== null && !signal.aborted; ) {
        const batch: Batch = await closeBatch(deps, piece, span.until, after);
        total += batch.count;
        after = batch.last;
      }
    if (total > 0)
      log.info(
        { count: total },
        `Timeout period reached for ${total} notifications, status has been updated.`,
      );
    return total;
  };
}

/** `last`: the last id examined, null if there are no more. `count`: how many messages changed. */
type Batch = Readonly<{ last: string | null; count: number }>;

/** Times out one batch of messages with ids after `after`. */
function closeBatch(deps: TimeOutDeps, span: Span, before: number, after: string): Promise<Batch> {
  const { queues, clock, batch = 10_000 } = deps;
  return queues.transaction(async (transaction) => {
    const ids = await lockUnfinished(deps, transaction.trx, { span, before, after, limit: batch });
    const at = new Date(clock.now());
    const moves = ids.map((id) => ({ id, event: { kind: 'timed out' }, at, handOver: null }) as const);
    const changes = await moveStatuses(deps, transaction, 'dao_timeout_notifications', moves);
    return { last: ids.length < batch ? null : ids.at(-1)!, count: changes.length };
  });
}
