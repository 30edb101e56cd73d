import { type Db, databaseErrors } from '../../database/connection.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import { stopwatch } from '../../ground/clock.ts';
import type { Queues } from '../../queue/boss.ts';
import { startRounds } from '../../queue/rounds.ts';
import { type AttemptDeps, attemptCallback, type FinishedAttempt } from './attempt.ts';
import { callbackQueue } from './enqueue.ts';
import { healthAfter } from './health.ts';
import {
  type ClaimedCallback,
  claimCallbacks,
  expireCallbacks,
  lockHealth,
  recordEnds,
  updateHealth,
} from './store.ts';

export type CallbackWorkDeps = AttemptDeps &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'onArrival'>;
    timeoutSeconds: number;
    /** Most callbacks that this process makes at once to one address. */
    concurrency: number;
  }>;

const day = 86_400_000;
const pollMilliseconds = 1000;
/** Least time between two claims. */
const paceMilliseconds = 20;
const sweepMilliseconds = 60_000;
/** Beyond the time-out, for recording. A worker that is gone holds its callbacks for both together. */
const leaseMilliseconds = 10_000;
/** In one process. Beyond it an address gets one place, so that addresses which answer quickly are still served. */
const mostAtOnce = 1000;
const longestWaitDays = 3;

/**
 * The tasks `send-delivery-status`, `send-complaint` and `send-inbound-sms` (spec 05, section 8), out of the table
 * `service_callbacks`. At least once: a callback is claimed, posted with no transaction open, and its end recorded; one
 * whose worker is gone is made again when the claim has run out. Each address has places of its own, so a slow one
 * delays no other; one that keeps failing is paused and probed (health.ts). A callback that waited 72 hours has failed.
 */
export function startCallbacks(deps: CallbackWorkDeps): { stop(milliseconds: number): Promise<void> } {
  const { db, clock, log, queues, timeoutSeconds, concurrency } = deps;
  const finished = createRecorder(db);
  const busy = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const abort = new AbortController();
  /** Addresses that may have more waiting than they had places for. */
  const full = new Set<string>();
  let sinceSweep: () => number = () => Number.POSITIVE_INFINITY;

  async function run(claimed: ClaimedCallback): Promise<void> {
    const { apiId } = claimed;
    busy.set(apiId, (busy.get(apiId) ?? 0) + 1);
    try {
      await finished.add(await attemptCallback(deps, claimed, abort.signal));
    } catch (error) {
      log.error(
        { err: error, callbackId: claimed.id },
        'The end of a callback could not be recorded; it is made again when its claim has run out',
      );
    } finally {
      const left = busy.get(apiId)! - 1;
      if (left > 0) busy.set(apiId, left);
      else busy.delete(apiId);
      // A probe that succeeds lets everything go that waits.
      if (claimed.isProbe || full.has(apiId)) rounds.wake();
    }
  }

  async function claim(): Promise<void> {
    const now = clock.now();
    const total = [...busy.values()].reduce((sum, count) => sum + count, 0);
    const places = total < mostAtOnce ? concurrency : 1;
    const claimed = await claimCallbacks(db, {
      now: new Date(now),
      until: new Date(now + timeoutSeconds * 1000 + leaseMilliseconds),
      concurrency: places,
      busy,
    });
    for (const one of claimed) {
      const running = run(one).finally(() => underWay.delete(running));
      underWay.add(running);
    }
    full.clear();
    for (const [apiId, count] of busy) if (count >= places) full.add(apiId);
  }

  async function sweep(): Promise<void> {
    if (sinceSweep() < sweepMilliseconds) return;
    sinceSweep = stopwatch();
    const now = clock.now();
    // Callbacks may be queued on a day on which no message was accepted.
    await ensurePartitions(db, now, now + day);
    const count = await expireCallbacks(db, new Date(now - longestWaitDays * day), new Date(now));
    if (count > 0)
      log.warn({ count }, 'Callbacks that waited for 72 hours have failed; they can be replayed');
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      await sweep();
      await claim();
      return false;
    },
    failed: (error) =>
      log.error({ err: error, queue: callbackQueue }, 'Callbacks could not be fetched; trying again'),
  });
  queues.onArrival(callbackQueue, rounds.wake);
  return {
    async stop(milliseconds) {
      await rounds.stop();
      const late = setTimeout(() => abort.abort(new Error('The process is stopping.')), milliseconds);
      await Promise.all(underWay);
      clearTimeout(late);
      await deps.poster.close();
    },
  };
}

/** The batcher of finished attempts: many callbacks and the health of their addresses in one transaction. */
function createRecorder(db: Db): Batcher<FinishedAttempt, void> {
  return createBatcher<FinishedAttempt, void>({
    paceMilliseconds: 5,
    ...databaseErrors,
    async flush(attempts) {
      const telling = attempts.filter(({ effect }) => effect !== null);
      const failing = telling.filter(({ effect }) => !effect?.isDelivered);
      const ids = (some: readonly FinishedAttempt[]) => [...new Set(some.map(({ apiId }) => apiId))];
      await db.transaction().execute(async (trx) => {
        const healths = new Map(await lockHealth(trx, ids(telling), ids(failing)));
        for (const { apiId, effect } of telling) {
          const health = healths.get(apiId);
          if (health && effect) healths.set(apiId, healthAfter(health, effect));
        }
        await updateHealth(trx, healths);
        await recordEnds(
          trx,
          attempts.map(({ end }) => end),
        );
      });
      return attempts.map(() => undefined);
    },
  });
}
