import { stopwatch } from './clock.ts';

/**
 * The one mechanism behind every hot write: callers hand in an item and await their own answer; a flush takes what
 * has gathered into one transaction. An idle batcher flushes at once, so a lone item waits for nothing; under load
 * items gather while earlier flushes are under way, so the batch grows with the load. A pace keeps flushes apart where
 * a few milliseconds matter to nobody, which makes them fewer and larger still.
 *
 * Guarantee: every item is answered exactly once. `flush` must be all or nothing (one transaction). A flush that lost
 * against another (`isTransient`: a deadlock) was rolled back whole and is simply run again. When it fails otherwise, its
 * items are tried again in halves, so that one bad item fails alone and its neighbours go through, unless `isShared`
 * says that no item is to blame (the database is away): then all get that error at once.
 */
export type Batcher<Item, Answer> = {
  add(item: Item): Promise<Answer>;
  /** Items waiting or in a flush. */
  readonly pending: number;
  /** Resolves when nothing is pending; items may still be added. */
  idle(): Promise<void>;
};

export type BatcherOptions<Item, Answer> = Readonly<{
  /** One answer per item, in the order of the items. Throws if none was written. */
  flush: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Most items in one flush. */
  limit?: number;
  /** Most flushes under way at once; more than one keeps the database busy while a commit waits for the disk. */
  concurrency?: number;
  /** Least time from the start of one flush to that of the next, unless the next is full; 0 by default. */
  paceMilliseconds?: number;
  /** True for an error that would meet every item alike, so that halving is of no use. */
  isShared?: (error: unknown) => boolean;
  /** True for an error that running the same flush again may well not meet. */
  isTransient?: (error: unknown) => boolean;
}>;

/** How often a flush is run that keeps failing for a transient reason, before it counts as failed. */
const mostRuns = 3;

type Waiting<Item, Answer> = {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

export function createBatcher<Item, Answer>(options: BatcherOptions<Item, Answer>): Batcher<Item, Answer> {
  const { flush, limit = 500, concurrency = 1, paceMilliseconds = 0 } = options;
  const { isShared = () => false, isTransient = () => false } = options;
  let gathered: Waiting<Item, Answer>[] = [];
  let flushing = 0;
  let pending = 0;
  let scheduled = false;
  let pacing: NodeJS.Timeout | undefined;
  let sinceStart: () => number = () => Number.POSITIVE_INFINITY;
  let idlers: (() => void)[] = [];

  async function run(items: readonly Item[]): Promise<readonly Answer[]> {
    for (let attempt = 1; ; attempt++)
      try {
        return await flush(items);
      } catch (error) {
        if (attempt === mostRuns || !isTransient(error)) throw error;
      }
  }

  async function write(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    let answers: readonly Answer[];
    try {
      answers = await run(batch.map(({ item }) => item));
    } catch (error) {
      if (batch.length === 1 || isShared(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const middle = batch.length >> 1;
      await write(batch.slice(0, middle));
      await write(batch.slice(middle));
      return;
    }
    // Not tried again: what was flushed is written.
    if (answers.length !== batch.length) {
      const error = new Error(`A flush of ${batch.length} items gave ${answers.length} answers.`);
      for (const { reject } of batch) reject(error);
      return;
    }
    for (let i = 0; i < batch.length; i++) batch[i]!.resolve(answers[i]!);
  }

  function start(): void {
    scheduled = false;
    clearTimeout(pacing);
    pacing = undefined;
    while (gathered.length > 0 && flushing < concurrency) {
      const early = gathered.length < limit ? paceMilliseconds - sinceStart() : 0;
      if (early > 0) {
        scheduled = true;
        pacing = setTimeout(start, Math.ceil(early));
        return;
      }
      if (paceMilliseconds > 0) sinceStart = stopwatch();
      const batch = gathered.length <= limit ? gathered : gathered.slice(0, limit);
      gathered = gathered.length <= limit ? [] : gathered.slice(limit);
      flushing += 1;
      void write(batch).finally(() => {
        flushing -= 1;
        pending -= batch.length;
        if (pending === 0) {
          const resolved = idlers;
          idlers = [];
          for (const resolve of resolved) resolve();
        }
        if (!scheduled) start();
      });
    }
  }

  return {
    get pending() {
      return pending;
    },
    add(item) {
      return new Promise<Answer>((resolve, reject) => {
        gathered.push({ item, resolve, reject });
        pending += 1;
        // After the current round of I/O events, so that what arrived together is written together.
        if (pacing !== undefined && gathered.length >= limit) start();
        else if (!scheduled && flushing < concurrency) {
          scheduled = true;
          setImmediate(start);
        }
      });
    },
    idle() {
      return pending === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve));
    },
  };
}
