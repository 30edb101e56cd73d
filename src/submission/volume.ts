import type { Clock } from '../clock.ts';
import { mostSteps } from '../delivery/queue.ts';

/** Messages a second that a service may send without falling behind any other. */
const perSecond = 100;
/** What it has sent beyond that, in messages, puts it one step behind. */
const stepMessages = 100;
const sweepMilliseconds = 60_000;

/**
 * How much each service has sent lately, as far as this process has stored it: a bucket per service that every message
 * fills and that drains at a fixed rate. Kept in memory only: what a restart forgets costs no more than the order in
 * which a flood and its neighbours wait.
 */
export type Volumes = {
  /** Counts `messages` of a service; answers how many steps behind it is now, 0 to 999. */
  add(serviceId: string, messages: number): number;
  /** Services that are remembered. */
  readonly size: number;
};

export function createVolumes(clock: Clock): Volumes {
  const buckets = new Map<string, { level: number; at: number }>();
  let sweptAt = clock.now();

  function levelAt({ level, at }: { level: number; at: number }, now: number): number {
    return Math.max(0, level - (Math.max(0, now - at) / 1000) * perSecond);
  }

  return {
    get size() {
      return buckets.size;
    },
    add(serviceId, messages) {
      const now = clock.now();
      if (now - sweptAt > sweepMilliseconds) {
        sweptAt = now;
        for (const [id, bucket] of buckets) if (levelAt(bucket, now) === 0) buckets.delete(id);
      }
      const bucket = buckets.get(serviceId);
      const level = (bucket ? levelAt(bucket, now) : 0) + messages;
      buckets.set(serviceId, { level, at: now });
      return Math.min(mostSteps, Math.floor(level / stepMessages));
    },
  };
}
