import { stopwatch } from './clock.ts';

/** The answer of a flush for an item that it has not written: the item is flushed again, with those that come later. */
export const again = Symbol('again');

/**
 * The mechanism behind every hot write: callers add an item and await its own answer; a flush writes all items gathered
 * so far in one transaction. An idle batcher flushes at once, so a lone item does not wait; under load items gather
 * during earlier flushes, so batches grow with the load. A minimum interval between flushes makes them fewer and larger
 * still, where a few milliseconds do not matter.
 *
 * Guarantee: every item is answered exactly once. `flush` must be all or nothing (one transaction). A flush that fails
 * with a transient error (`isTransient`: a deadlock) was rolled back whole and is rerun. If it fails otherwise, its
 * items are retried in halves, so that one bad item fails alone and the others succeed, unless `isShared` says that no
 * item is to blame (the database is unreachable): then all get that error at once.
 */
export type Batcher<Item, Answer> = {
  add(item: Item): Promise<Answer>;
  /** Items waiting or being flushed. */
  readonly pending: number;
  /** Resolves when nothing is pending; items may still be added. */
  idle(): Promise<void>;
};

export type BatcherOptions<Item, Answer> = Readonly<{
  /** Returns one answer per item, in the same order. Throws if no item was written. */
  flush: (items: readonly Item[]) => Promise<readonly (Answer | typeof again)[]>;
  /** Told how many items a flush has, before it runs. */
  onFlush?: (items: number) => void;
  /** Maximum items per flush. */
  limit?: number;
  /** Maximum concurrent flushes; more than one keeps the database busy while a commit waits for the disk. */
  concurrency?: number;
  /**
   * Minimum time between the starts of two flushes, unless the second is full; 0 by default. After a flush of few items
   * it is less, 10 ms for each: whoever adds one item after the other then waits for little more than the flushes.
   */
  paceMilliseconds?: number;
  /** True for an error that any item would get, so that halving is useless. */
  isShared?: (error: unknown) => boolean;
  /** True for an error that may not recur when the same flush is rerun. */
  isTransient?: (error: unknown) => boolean;
}>;

/** How many times a flush is run before a transient error counts as a failure. */
const mostRuns = 3;
/** Of the pace, for each item of the flush before. */
const paceOfItemMilliseconds = 10;

type Waiting<Item, Answer> = {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

export function createBatcher<Item, Answer>(options: BatcherOptions<Item, Answer>): Batcher<Item, Answer> {
  const { flush, limit = 500, concurrency = 1, paceMilliseconds = 0 } = options;
  const { isShared = () => false, isTransient = () => false, onFlush = () => undefined } = options;
  let gathered: Waiting<Item, Answer>[] = [];
  let flushing = 0;
  let pending = 0;
  let scheduled = false;
  let delayed: NodeJS.Timeout | undefined;
  /** Until the next flush may start, counted from the start of the last. */
  let pace = 0;
  let sinceStart: () => number = () => Number.POSITIVE_INFINITY;
  let idlers: (() => void)[] = [];

  async function run(items: readonly Item[]): Promise<readonly (Answer | typeof again)[]> {
    for (let attempt = 1; ; attempt++)
      try {
        return await flush(items);
      } catch (error) {
        if (attempt === mostRuns || !isTransient(error)) throw error;
      }
  }

  async function write(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    let answers: readonly (Answer | typeof again)[];
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
    // No retry: the items are written.
    if (answers.length !== batch.length) {
      const error = new Error(`A flush of ${batch.length} items returned ${answers.length} answers.`);
      for (const { reject } of batch) reject(error);
      return;
    }
    for (let i = 0; i < batch.length; i++) {
      const answer = answers[i]!;
      if (answer === again) {
        gathered.push(batch[i]!);
        pending += 1;
      } else batch[i]!.resolve(answer);
    }
  }

  function start(): void {
    scheduled = false;
    clearTimeout(delayed);
    delayed = undefined;
    while (gathered.length > 0 && flushing < concurrency) {
      const early = gathered.length < limit ? pace - sinceStart() : 0;
      if (early > 0) {
        scheduled = true;
        delayed = setTimeout(start, Math.ceil(early));
        return;
      }
      const batch = gathered.length <= limit ? gathered : gathered.slice(0, limit);
      if (paceMilliseconds > 0) sinceStart = stopwatch();
      pace = Math.min(paceMilliseconds, paceOfItemMilliseconds * batch.length);
      gathered = gathered.length <= limit ? [] : gathered.slice(limit);
      flushing += 1;
      onFlush(batch.length);
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
        // After the current round of I/O events, so that items that arrived together are written together.
        if (delayed !== undefined && gathered.length >= limit) start();
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
