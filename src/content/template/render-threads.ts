import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { Problem, unavailable } from '../../ground/problem.ts';
import { tooLong } from './placeholder.ts';
import type { RenderAnswer } from './render-thread.ts';
import type { RenderThreads } from './template.ts';

/** One processor is left to the requests of everybody else. */
const mostThreads = Math.max(1, Math.min(availableParallelism() - 1, 4));
/** Renderings that wait for a thread. Each caller has a limit of its own, so this is reached by many at once. */
const mostWaiting = 500;
/** A rendering takes seconds at worst; this includes its wait. */
const timeoutMilliseconds = 60_000;
const idleMilliseconds = 30_000;
/** Heap of a thread: an email of the greatest length whose every line is a block needs about half of it. */
const heapMegabytes = 160;
const youngMegabytes = 16;

/**
 * The threads that render large messages: none while there are none, and few at most. Throws a Problem (503) when too
 * many wait or it takes too long, and one (400) for a message that needs too much memory.
 */
export function startRenderThreads(): RenderThreads & { close(): Promise<void> } {
  const pool = new Piscina<unknown, RenderAnswer>({
    filename: new URL('./render-thread.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: mostThreads,
    maxQueue: mostWaiting,
    idleTimeout: idleMilliseconds,
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes, maxYoungGenerationSizeMb: youngMegabytes },
  });
  return {
    async render(task) {
      if (pool.queueSize >= mostWaiting) throw unavailable();
      try {
        const answer = await pool.run(task, { signal: AbortSignal.timeout(timeoutMilliseconds) });
        if ('faults' in answer) throw new Problem(answer.status, answer.faults);
        return answer.rendered;
      } catch (error) {
        throw problemOf(error);
      }
    },
    close: () => pool.destroy(),
  };
}

function problemOf(error: unknown): unknown {
  const { code, name } = error as { code?: string; name?: string };
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return tooLong('formatting it needs too much memory');
  return name === 'AbortError' ? unavailable() : error;
}
