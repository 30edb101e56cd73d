import { stopwatch } from '../ground/clock.ts';

/** A loop that looks for work in rounds: the one loop behind all queue workers. */
export type Rounds = Readonly<{
  /** There may be work: the next round begins at once. */
  wake(): void;
  /** True once no further round begins. */
  readonly stopping: boolean;
  /** Resolves when the round under way has ended. */
  stop(): Promise<void>;
}>;

export type RoundsOptions = Readonly<{
  /** One look for work. Answers whether there is more of it, so that the next look is at once. */
  round: () => Promise<boolean>;
  /** Called when a round failed; the next look is a poll later. */
  failed: (error: unknown) => Promise<void> | void;
  /** Least time from the start of one round to that of the next, unless there is more: under load they are few and large. */
  paceMilliseconds: number;
  /** Most time between two rounds: it catches what is due by time, and a missed notice. */
  pollMilliseconds: number;
}>;

/** Runs rounds until it is stopped, one at a time. A wake during a round counts for the next. */
export function startRounds({ round, failed, paceMilliseconds, pollMilliseconds }: RoundsOptions): Rounds {
  let stopping = false;
  let arrivals = 0;
  let awake: (() => void) | null = null;

  async function loop(): Promise<void> {
    while (!stopping) {
      const before = arrivals;
      const elapsed = stopwatch();
      try {
        if (await round()) continue;
      } catch (error) {
        await failed(error);
        await pause(pollMilliseconds, false);
        continue;
      }
      const early = paceMilliseconds - elapsed();
      if (early > 0) await pause(Math.ceil(early), false);
      if (arrivals === before) await pause(pollMilliseconds, true);
    }
  }

  function pause(milliseconds: number, wakeable: boolean): Promise<void> {
    if (stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        awake = null;
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      awake = wakeable ? finish : () => stopping && finish();
    });
  }

  // Not before the caller has the handle: a round may use it.
  const looping = Promise.resolve().then(loop);
  return {
    wake() {
      arrivals += 1;
      awake?.();
    },
    get stopping() {
      return stopping;
    },
    async stop() {
      stopping = true;
      awake?.();
      await looping;
    },
  };
}
