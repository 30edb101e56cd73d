import type { Clock } from '../../ground/clock.ts';
import { mostSteps } from '../delivery/queue.ts';

/** Milliseconds between the turns of two messages of one service and class: beyond 100 a second it falls behind. */
export const spacingMilliseconds = 10;
/** One step behind in the queues of delivery (delivery/queue.ts) is a second here. */
export const stepMilliseconds = 1000;
/** Nobody falls behind further. */
export const mostBehind = mostSteps * stepMilliseconds;

const sweepMilliseconds = 60_000;

/**
 * The turns of messages as they are accepted, as far as this process accepts them: those of one service and class are
 * spaced evenly, so whoever sends many at once has them spread over the time to come, and the single message of another
 * goes in between. Only an order comes of it, nobody waits for a turn: what is there is taken as fast as it goes. Kept in
 * memory only: what a restart forgets costs no more than the order in which a flood and its neighbours are stored.
 */
export type FairOrder = {
  /** By how many milliseconds the next message goes later than it came: 0 to `mostBehind`. */
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
        for (const [key, turn] of last) if (turn <= now) last.delete(key);
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
