import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { callerLeft, Problem } from '../../ground/problem.ts';
import { createTurns } from '../../ground/turns.ts';
import type { CheckAnswer, CheckMessage, CheckTask } from './check-thread.ts';
import { fileTexts } from './file-format.ts';

/** Files that are checked at a time; one processor is left to everybody else. */
const mostThreads = Math.max(1, Math.min(availableParallelism() - 1, 2));
/** Files whose bytes are in memory until their turn comes, of a service and of all. */
const mostWaiting = 2;
const mostWaitingOfAll = 6;
const longestWaitMilliseconds = 120_000;
const timeoutMilliseconds = 120_000;
/** A thread takes 50 MiB and starts in a quarter of a second. */
const idleMilliseconds = 3_000;
/** Heap of a thread: a file of the greatest size, its pieces, and the recipients that are compared. */
const heapMegabytes = 384;
const youngMegabytes = 32;

/** A task that waits for its turn; what a function returns is in memory only then. */
export type WaitingTask = Omit<CheckTask, 'bytes'> &
  Readonly<{ bytes: Uint8Array | (() => Promise<Uint8Array<ArrayBuffer>>) }>;

/** Checks files in threads. */
export type CheckThreads = Readonly<{
  /**
   * Checks a file of a service when its turn comes: one of each service at a time, and few in all. `take` is called with
   * each message in order, and awaited. Throws what `take` throws, and a Problem: 429 if too many wait; 400 for a file
   * that takes too long or too much memory; 499 when the caller leaves.
   */
  check(
    serviceId: string,
    task: WaitingTask,
    left: AbortSignal,
    take: (message: CheckMessage) => Promise<void>,
  ): Promise<CheckAnswer>;
  close(): Promise<void>;
}>;

/** No thread runs while there is nothing to check. */
export function startCheckThreads(): CheckThreads {
  const pool = new Piscina<unknown, CheckAnswer>({
    filename: new URL('./check-thread.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: mostThreads,
    idleTimeout: idleMilliseconds,
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes, maxYoungGenerationSizeMb: youngMegabytes },
  });
  const rules = { longestWaitMilliseconds, refused: tooManyFiles };
  const ofService = createTurns({ ...rules, atOnce: 1, mostWaiting });
  const ofAll = createTurns({ ...rules, atOnce: mostThreads, mostWaiting: mostWaitingOfAll });

  async function run(
    task: WaitingTask,
    left: AbortSignal,
    take: (message: CheckMessage) => Promise<void>,
  ): Promise<CheckAnswer> {
    // A copy, which the thread takes over; what was received may be part of something else.
    const bytes = typeof task.bytes === 'function' ? await task.bytes() : new Uint8Array(task.bytes);
    const { port1: ours, port2: theirs } = new MessageChannel();
    const failed = new AbortController();
    const time = AbortSignal.timeout(timeoutMilliseconds);
    let taken = Promise.resolve();
    ours.on('message', (message: CheckMessage) => {
      taken = taken
        .then(() => take(message))
        .then(
          () => ours.postMessage(null),
          (error: unknown) => failed.abort(error),
        );
    });
    try {
      return await pool.run(
        { ...task, bytes, port: theirs },
        {
          transferList: [theirs, bytes.buffer],
          signal: AbortSignal.any([left, failed.signal, time]),
        },
      );
    } catch (error) {
      if (failed.signal.aborted) throw failed.signal.reason;
      if (left.aborted) throw callerLeft();
      const { code } = error as { code?: string };
      if (time.aborted || code === 'ERR_WORKER_OUT_OF_MEMORY') throw unreadable(fileTexts.tooLong);
      throw error;
    } finally {
      // What is under way ends before the caller tidies up.
      await taken;
      ours.close();
    }
  }

  return {
    async check(serviceId, task, left, take) {
      const leave = await ofService(serviceId, left);
      try {
        const leaveAll = await ofAll('all', left);
        try {
          return await run(task, left, take);
        } finally {
          leaveAll();
        }
      } finally {
        leave();
      }
    },
    close: () => pool.destroy(),
  };
}

/** 400 for a file that cannot be read, with a sentence of spec 03, section 4.1. */
export function unreadable(sentence: string): Problem {
  return new Problem(400, [{ error: 'BadRequestError', message: sentence }]);
}

function tooManyFiles(): Problem {
  const message = 'Too many files are being checked: wait until one is, and upload this one again';
  return new Problem(429, [{ error: 'TooManyRequestsError', message }], { 'Retry-After': '5' });
}
