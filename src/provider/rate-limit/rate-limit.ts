import { setTimeout } from 'node:timers/promises';
import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import { stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { ProviderState } from '../state.ts';
import { allProviders } from '../store.ts';
import { takeCalls } from './store.ts';

/** Who goes first among those that wait: the platform's own messages, then by priority, then who came first. */
export type Urgency = Readonly<{ isInternal: boolean; priority: number }>;

export type RateLimits = {
  /**
   * Resolves when one call may be made: true. False when the process stops, or after ten minutes of waiting: the task
   * goes back to its queue. Rejects when `signal` is aborted.
   */
  wait(provider: ProviderState, urgency: Urgency, signal: AbortSignal): Promise<boolean>;
  /** Nobody waits any longer. */
  stop(): void;
};

export type RateLimitDeps = Readonly<{ db: Db; log: Log; providers: Cache<readonly ProviderState[]> }>;

type Waiting = Urgency & { go: (mayCall: boolean) => void };

/** Calls that are taken at once, as time: few statements, and no process runs far ahead of another. */
const lotSeconds = 0.1;
const retryMilliseconds = 1000;
/** Before the queue would think that the task is stuck (queue/boss.ts). */
const patienceMilliseconds = 600_000;

/**
 * The rate of a provider, held over all processes: a row of the database says up to which moment its calls are given
 * away, evenly spaced; each process takes the next few for those that wait in it, and lets them go at their times. So
 * no second ever sees more than the rate, and nothing is saved up while nobody sends. A call that is taken and then not
 * made is lost. By the clock of the database, which is the same for all.
 */
export function createRateLimits({ db, log, providers }: RateLimitDeps): RateLimits {
  const lines = new Map<string, Waiting[]>();
  let stopped = false;

  async function rateOf(id: string): Promise<number | null> {
    return (await providers.get(allProviders)).find((provider) => provider.id === id)?.rateLimit ?? null;
  }

  async function serve(id: string, line: Waiting[]): Promise<void> {
    while (line.length > 0) {
      try {
        const rate = await rateOf(id);
        if (rate === null) {
          for (const { go } of line.splice(0)) go(true);
          continue;
        }
        const count = Math.min(line.length, Math.max(1, Math.floor(rate * lotSeconds)));
        const startsIn = await takeCalls(db, id, count, rate);
        const elapsed = stopwatch();
        for (let i = 0; i < count && line.length > 0; i++) {
          const early = startsIn + (i * 1000) / rate - elapsed();
          if (early >= 1) await setTimeout(Math.ceil(early));
          line.shift()?.go(true);
        }
      } catch (error) {
        log.warn({ err: error }, 'Calls at the rate of a provider could not be taken; trying again');
        await setTimeout(retryMilliseconds);
      }
    }
    lines.delete(id);
  }

  return {
    wait({ id }, urgency, signal) {
      if (stopped) return Promise.resolve(false);
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const line = lines.get(id) ?? [];
        const leave = () => {
          const place = line.indexOf(waiting);
          if (place !== -1) line.splice(place, 1);
          clearTimeout(patience);
          signal.removeEventListener('abort', abort);
        };
        const waiting: Waiting = {
          ...urgency,
          go(mayCall) {
            leave();
            resolve(mayCall);
          },
        };
        const abort = () => {
          leave();
          reject(signal.reason);
        };
        const patience = globalThis.setTimeout(() => waiting.go(false), patienceMilliseconds);
        signal.addEventListener('abort', abort);
        const behind = line.findIndex((other) => goesBefore(waiting, other));
        line.splice(behind === -1 ? line.length : behind, 0, waiting);
        if (lines.has(id)) return;
        lines.set(id, line);
        void serve(id, line);
      });
    },
    stop() {
      stopped = true;
      for (const line of lines.values()) for (const { go } of line.splice(0)) go(false);
    },
  };
}

function goesBefore(one: Urgency, other: Urgency): boolean {
  if (one.isInternal !== other.isInternal) return one.isInternal;
  return one.priority > other.priority;
}
