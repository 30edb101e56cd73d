import type { Clock } from '../../ground/clock.ts';
import { mostSteps } from '../delivery/queue.ts';

/** Milliseconds between two messages of one service and priority: above 100 a second it falls behind. */
export const spacingMilliseconds = 10;
/** Milliseconds behind that count as one step in the delivery queues (delivery/queue.ts). */
export const stepMilliseconds = 1000;
/** The furthest that a message can be behind, in milliseconds. */
export const mostBehind = mostSteps * stepMilliseconds;

const sweepMilliseconds = 60_000;

/**
 * The fair order of the messages that this process accepts: those of one service and priority are spaced evenly, so a
 * flood is spread over the time ahead, and another service's single message goes in between. It only orders messages
 * and delays none: whatever is waiting is taken as fast as possible. It is kept in memory, because a restart costs no
 * more than the order in which a flood and its neighbours are stored.
 */
export type FairOrder = {
  /** Returns by how many milliseconds the next message is placed after its arrival: 0 to `mostBehind`. */
  take(serviceId: string, priority: number): number;
  /** The number of services and priorities that are remembered. */
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
      // Capped, because the clock may have been set back.
      const behind = Math.min(mostBehind, Math.max(0, next - now));
      last.set(key, now + behind);
      return behind;
    },
  };
}
