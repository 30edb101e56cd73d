import type pg from 'pg';
import type { Log } from '../ground/log.ts';

/**
 * Notifies every process that tasks have arrived in a queue: never inside the transaction that wrote them, where a
 * notice makes all commits wait for each other, but right after it, and at most once per queue every few milliseconds.
 * A lost notice costs a second, since consumers also poll.
 */
export type Announcer = {
  readonly channel: string;
  /** Physical names of queues whose tasks have just been committed. */
  announce(queues: Iterable<string>): void;
};

const channel = 'despatch_arrivals';
const gapMilliseconds = 20;

export function createAnnouncer(pool: pg.Pool, wake: (queue: string) => void, log: Log): Announcer {
  const waiting = new Set<string>();
  let timer: NodeJS.Timeout | null = null;

  function notify(): void {
    timer = setTimeout(() => {
      timer = null;
      if (waiting.size > 0) notify();
    }, gapMilliseconds);
    // The timer alone must not keep a process alive.
    timer.unref();
    const queues = [...waiting];
    waiting.clear();
    pool
      .query('select pg_notify($1, queue) from unnest($2::text[]) as queue', [channel, queues])
      .catch((error: unknown) => log.debug({ err: error }, 'An arrival could not be announced'));
  }

  return {
    channel,
    announce(queues) {
      for (const queue of queues) {
        wake(queue);
        waiting.add(queue);
      }
      if (waiting.size > 0 && timer === null) notify();
    },
  };
}
