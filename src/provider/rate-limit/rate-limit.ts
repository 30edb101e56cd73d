import { setTimeout } from 'node:timers/promises';
import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import { stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { ProviderState } from '../state.ts';
import { allProviders, reserveCalls } from '../store.ts';

/** The order of waiting calls: the platform's own messages first, then by priority, then first come, first served. */
export type Urgency = Readonly<{ isInternal: boolean; priority: number }>;

export type RateLimits = {
  /**
   * Resolves to true when one call may be made; to false when the process stops, or after ten minutes: the task then
   * goes back to its queue. Rejects when `signal` is aborted.
   */
  wait(provider: ProviderState, urgency: Urgency, signal: AbortSignal): Promise<boolean>;
  /** Releases all waiters without a call. */
  stop(): void;
};

export type RateLimitDeps = Readonly<{ db: Db; log: Log; providers: Cache<readonly ProviderState[]> }>;

type Waiter = Urgency & { release: (mayCall: boolean) => void };

/** Calls are reserved this far ahead: few statements, and no process gets far ahead of another. */
const reservedSeconds = 0.1;
const retryMilliseconds = 1000;
/** Shorter than the time after which the queue considers a task stuck (queue/queues.ts). */
const longestWaitMilliseconds = 600_000;

/**
 * Enforces a provider's rate across all processes: a database row holds the time up to which its calls are reserved,
 * evenly spaced. Each process reserves the next few for its waiters, and releases them at their times. So no second
 * ever exceeds the rate, and an idle provider saves up no calls. A call that is reserved but not made is lost. The
 * database's clock decides, because it is the same for all.
 */
export function createRateLimits({ db, log, providers }: RateLimitDeps): RateLimits {
  const queues = new Map<string, Waiter[]>();
  let stopped = false;

  async function rateOf(id: string): Promise<number | null> {
    return (await providers.get(allProviders)).find((provider) => provider.id === id)?.rateLimit ?? null;
  }

  async function serve(id: string, queue: Waiter[]): Promise<void> {
    while (queue.length > 0) {
      try {
        const rate = await rateOf(id);
        if (rate === null) {
          for (const { release } of queue.splice(0)) release(true);
          continue;
        }
        const count = Math.min(queue.length, Math.max(1, Math.floor(rate * reservedSeconds)));
        const startsIn = await reserveCalls(db, id, count, rate);
        const elapsed = stopwatch();
        for (let i = 0; i < count && queue.length > 0; i++) {
          const early = startsIn + (i * 1000) / rate - elapsed();
          if (early >= 1) await setTimeout(Math.ceil(early));
          queue.shift()?.release(true);
        }
      } catch (error) {
        log.warn({ err: error }, 'Calls to a provider could not be reserved; trying again');
        await setTimeout(retryMilliseconds);
      }
    }
    queues.delete(id);
  }

  return {
    wait({ id }, urgency, signal) {
      if (stopped) return Promise.resolve(false);
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const queue = queues.get(id) ?? [];
        const leave = () => {
          const place = queue.indexOf(waiter);
          if (place !== -1) queue.splice(place, 1);
          clearTimeout(longestWait);
          signal.removeEventListener('abort', abort);
        };
        const waiter: Waiter = {
          ...urgency,
          release(mayCall) {
            leave();
            resolve(mayCall);
          },
        };
        const abort = () => {
          leave();
          reject(signal.reason);
        };
        const longestWait = globalThis.setTimeout(() => waiter.release(false), longestWaitMilliseconds);
        signal.addEventListener('abort', abort);
        const next = queue.findIndex((other) => goesBefore(waiter, other));
        queue.splice(next === -1 ? queue.length : next, 0, waiter);
        if (queues.has(id)) return;
        queues.set(id, queue);
        void serve(id, queue);
      });
    },
    stop() {
      stopped = true;
      for (const queue of queues.values()) for (const { release } of queue.splice(0)) release(false);
    },
  };
}

function goesBefore(one: Urgency, other: Urgency): boolean {
  if (one.isInternal !== other.isInternal) return one.isInternal;
  return one.priority > other.priority;
}
