import { databaseErrors } from '../database/connection.ts';
import { createBatcher } from '../ground/batcher.ts';
import { stopwatch } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { HeldTask, Queues, Settled, Settlement } from './boss.ts';
import type { Queue, QueueName } from './define.ts';
import { startRounds } from './rounds.ts';

/** A task that this process holds, as its work sees it. */
export type Task<Payload> = Readonly<{
  id: string;
  payload: Payload;
  /** How often it was put back to be tried again; 0 at first. Being lost with a worker does not count. */
  attempt: number;
  /** Higher goes first. */
  priority: number;
  /** It was made due so many seconds before its next try (`Queues.makeDue`); 0: it was not. */
  earlySeconds: number;
  requestId: string | undefined;
  /** Aborted when another process has taken the task, or this one is stopping and can wait no longer. */
  signal: AbortSignal;
  queue: QueueName;
  /** How the queue knows it, for `settle`. */
  held: HeldTask;
}>;

/** What became of a task. `settled`: its work has settled it in its own transaction, with what it wrote. */
export type Verdict = 'settled' | Settlement;

export type Consumer = {
  /** Takes nothing more and waits for what is under way; after `milliseconds` gives back the rest. */
  stop(milliseconds: number): Promise<void>;
};

export type ConsumerOptions<Payload> = Readonly<{
  queue: Queue<Payload>;
  /** Most tasks held at once. */
  concurrency: number;
  /** What an error means is for the work to say; one that gets out of it leaves the task to be tried again later. */
  work: (task: Task<Payload>) => Promise<Verdict>;
}>;

export type ConsumerDeps = Readonly<{ queues: Queues; log: Log; metrics: Metrics }>;

const pollMilliseconds = 1000;
const heartbeatMilliseconds = 3000;
const fetchLimit = 500;
/** Least time between two fetches: under load they are few and large, and the first after a pause is at once. */
const paceMilliseconds = 20;
/** Until a task is tried again whose work ended in an error that it did not expect. */
const errorRetrySeconds = 60;

/**
 * At least once: a task is held by one process at a time, stays in its queue until it is settled, and goes to another
 * process when the heartbeats of its holder stop. Whoever held it before can no longer settle it.
 *
 * Each task runs on its own: a slow one occupies its place and delays no other. New ones are fetched in batches as soon
 * as a good part of the places is free.
 */
export function consume<Payload>(deps: ConsumerDeps, options: ConsumerOptions<Payload>): Consumer {
  const { queues, log, metrics } = deps;
  const { queue, concurrency, work } = options;
  const running = new Map<string, { held: HeldTask; abort: AbortController; ended: Promise<void> }>();
  const settlements = createBatcher<Settled, void>({
    flush: async (batch) => {
      await queues.transaction((transaction) => transaction.settle(batch));
      return batch.map(() => undefined);
    },
    ...databaseErrors,
  });
  const settle = (held: HeldTask, settlement: Settlement) =>
    settlements.add({ queue: queue.name, held, settlement });

  /** Runs one task. Never rejects. */
  async function run(held: HeldTask, signal: AbortSignal): Promise<void> {
    const { attempt, request_id: requestId } = held.data;
    try {
      const payload = queue.parse(held.data.payload);
      if (payload === null) {
        // Another version of the product wrote it, or will be able to read it: it is kept for an operator.
        log.error(
          { queue: queue.name, taskId: held.id },
          'A task was parked because its payload does not fit its queue',
        );
        return await settle(held, 'parked');
      }
      const verdict = await work(taskOf(queue.name, held, payload, signal));
      if (verdict !== 'settled') await settle(held, verdict);
    } catch (error) {
      const fields = { queue: queue.name, taskId: held.id, attempt, requestId };
      log.error({ ...fields, err: error }, 'A task failed and is tried again later');
      await settle(held, { waitSeconds: errorRetrySeconds }).catch((unsettled: unknown) =>
        log.error(
          { ...fields, err: unsettled },
          'A failed task could not be put back; its heartbeats end and another worker takes it',
        ),
      );
    }
  }

  function start(held: HeldTask): void {
    const abort = new AbortController();
    const ended = run(held, abort.signal).finally(() => {
      running.delete(held.id);
      rounds.wake();
    });
    running.set(held.id, { held, abort, ended });
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      const free = concurrency - running.size;
      // Waiting until a good part is free makes the fetches few and large under load.
      if (free < Math.min(fetchLimit, Math.ceil(concurrency / 4))) return false;
      const wanted = Math.min(free, fetchLimit);
      const elapsed = stopwatch();
      const tasks = await queues.fetch(queue.name, wanted);
      for (const held of tasks) start(held);
      if (tasks.length > 0) metrics.timing(`queue.${queue.name}.fetch`, elapsed());
      // A full batch: there is more, and no reason to wait.
      return tasks.length === wanted;
    },
    failed: (error) =>
      log.error({ err: error, queue: queue.name }, 'Tasks could not be fetched; trying again'),
  });
  queues.onArrival(queue.name, rounds.wake);

  async function beat(): Promise<void> {
    const mine = [...running.values()];
    if (mine.length === 0) return;
    const still = await queues.heartbeat(
      queue.name,
      mine.map(({ held }) => held),
    );
    for (const { held, abort } of mine)
      if (running.has(held.id) && !still.has(held.id))
        abort.abort(new Error('The task was taken by another worker.'));
  }
  const heartbeats = setInterval(() => {
    // A heartbeat that could not be written says nothing about who holds the task.
    beat().catch((error: unknown) =>
      log.warn({ err: error, queue: queue.name }, 'A heartbeat could not be written'),
    );
  }, heartbeatMilliseconds);

  return {
    async stop(milliseconds) {
      await rounds.stop();
      await atMost(
        milliseconds,
        [...running.values()].map(({ ended }) => ended),
      );
      clearInterval(heartbeats);
      const rest = [...running.values()];
      if (rest.length === 0) return;
      log.warn({ queue: queue.name, tasks: rest.length }, 'Stopping: unfinished tasks are given back');
      for (const { abort } of rest) abort.abort(new Error('The process is stopping.'));
      await queues
        .handBack(
          queue.name,
          rest.map(({ held }) => held),
        )
        .catch((error: unknown) =>
          log.warn(
            { err: error, queue: queue.name },
            'Tasks could not be given back; their heartbeats end with this process',
          ),
        );
    },
  };
}

function taskOf<Payload>(
  queue: QueueName,
  held: HeldTask,
  payload: Payload,
  signal: AbortSignal,
): Task<Payload> {
  const { attempt, priority = 0, early_seconds: earlySeconds = 0, request_id: requestId } = held.data;
  return { id: held.id, payload, attempt, priority, earlySeconds, requestId, signal, queue, held };
}

/** Resolves when all of these have ended, or the time is up. */
async function atMost(milliseconds: number, ended: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([Promise.all(ended), late]);
  clearTimeout(timer);
}
