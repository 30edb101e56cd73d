import type { Clock } from '../../ground/clock.ts';
import { mostSteps } from '../delivery/queue.ts';

/** Milliseconds between two messages of one service and class: beyond 100 a second it falls behind. */
export const spacingMilliseconds = 10;
/** One step behind in the delivery queues (delivery/queue.ts) is a second here. */
export const stepMilliseconds = 1000;
/** Nobody falls behind further. */
export const mostBehind = mostSteps * stepMilliseconds;

const sweepMilliseconds = 60_000;

/**
 * The fair order of messages, as far as this process accepts them: those of one service and class are spaced evenly, so
 * whoever sends many at once has them spread over the time to come, and another's single message goes in between. It is
 * an order only, nobody waits: what is there is taken as fast as it goes. Kept in memory: what a restart forgets costs
 * no more than the order in which a flood and its neighbours are stored.
 */
export type FairOrder = {
  /** By how many milliseconds the next message is placed after its arrival: 0 to `mostBehind`. */
  take(serviceId: string, priority: number): number;
  /** Services and classes that are remembered. */
  readonly size: number;
};

export function createFairOrder(clock: Clock): FairOrder {
  const last = new Map<string, number>();
  let sweptAt = clock.now();
  return {
    get size() {
      return last.size;
    },
    take(serviceId, priority) {
      const now = clock.now();
      if (now - sweptAt > sweepMilliseconds) {
        sweptAt = now;
        for (const [key, place] of last) if (place <= now) last.delete(key);
      }
      const key = `${serviceId} ${priority}`;
      const next = (last.get(key) ?? 0) + spacingMilliseconds;
      // Also where the clock was set back.
      const behind = Math.min(mostBehind, Math.max(0, next - now));
      last.set(key, now + behind);
      return behind;
    },
  };
}
