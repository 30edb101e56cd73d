import { databaseErrors } from '../database/connection.ts';
import { createBatcher } from '../ground/batcher.ts';
import { stopwatch } from '../ground/clock.ts';
import { InFlight, type Member } from '../ground/in-flight.ts';
import { type Log, requestIdOf } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { Queue, QueueName } from './define.ts';
import type { Queues } from './queues.ts';
import type { HeldTask, Settled, Settlement } from './tasks.ts';

/** A task that this process holds, as its work sees it. */
export type Task<Payload> = Readonly<{
  id: string;
  payload: Payload;
  /** How often it was put back to be tried again; 0 at first. Being lost with a worker does not count. */
  attempt: number;
  /** Higher goes first. */
  priority: number;
  /** How many seconds before its next try it was made due (`Queues.makeDue`); 0: it was not. */
  earlySeconds: number;
  /** Of the request that it results from, for log lines. */
  requestId: string | undefined;
  /** That and the trace it belongs to (ground/traces.ts), for tasks that this one leads to. */
  carried: string | undefined;
  /** Aborted when another process has taken the task, or this one is stopping and can wait no longer. */
  signal: AbortSignal;
  /** Aborted as soon as this process is stopping: what the task has not begun yet is left to another process. */
  stopping: AbortSignal;
  queue: QueueName;
  /** The queue's handle for it, for `settle`. */
  held: HeldTask;
}>;

/**
 * What became of a task. `settled`: its work has settled it in its own transaction, with what it wrote; `put back`: the
 * same, and it is tried again.
 */
export type Verdict = 'settled' | 'put back' | Settlement;

export type Consumer = {
  /**
   * Reserves at most `most` places for tasks that this process is about to write, so that they are worked on at once
   * and never wait in the queue. None while the queue may have tasks that were there first. Returns how many.
   */
  reserve(most: number): number;
  /** Begins with tasks that were written as held by this process. Gives back the `reserved` places. */
  take(tasks: readonly HeldTask[], reserved: number): void;
  /** True if no task waits in the queue, as far as is known: then places can be reserved as soon as there are any. */
  readonly isDrained: boolean;
  /** Runs `wake` whenever places become free while the queue is drained. */
  onFree(wake: () => void): void;
  /** Takes no more tasks and waits for those under way; after `milliseconds` gives back the rest, if any. */
  stop(milliseconds: number): Promise<void>;
};

export type ConsumerOptions<Payload> = Readonly<{
  queue: Queue<Payload>;
  /** Most tasks held at once. */
  concurrency: number;
  /** Decides what an error means; if it rejects, the task is put back and retried later. */
  work: (task: Task<Payload>) => Promise<Verdict>;
}>;

export type ConsumerDeps = Readonly<{ queues: Queues; log: Log; metrics: Metrics }>;

/** Arrivals are announced, and what becomes due is looked for in one statement for all queues (queues.ts). */
const pollMilliseconds = 10_000;
const heartbeatMilliseconds = 3000;
/** A task that ends before its third heartbeat needs none: a hold lasts as long as five (store.ts). */
const restingBeats = 2;
const fetchLimit = 500;
/** Least time between two fetches: keeps them few and large under load; the first after a pause is immediate. */
const paceMilliseconds = 20;
/** Delay until a task is retried whose work rejected. */
const errorRetrySeconds = 60;
const fetchBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Of `celery.task.duration` (spec 06, section 4.4). */
const taskBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 240, 480, 900, 1800];

/**
 * At least once: a task is held by one process at a time, stays in its queue until it is settled, and goes to another
 * process when its holder's heartbeats stop. The previous holder can no longer settle it.
 *
 * Each task runs on its own: a slow one occupies its place and delays no other. New ones are fetched in batches as soon
 * as enough places are free.
 */
export function consume<Payload>(deps: ConsumerDeps, options: ConsumerOptions<Payload>): Consumer {
  const { queues, log, metrics } = deps;
  const { queue, concurrency, work } = options;
  const stopping = new AbortController();
  const running = new InFlight<Running>();
  let reserved = 0;
  let isDrained = false;
  let wakeWriter: () => void = () => undefined;
  const fetches = metrics.histogram(
    'despatch_queue_fetch_duration_seconds',
    'Fetching of tasks, whether there were any or not.',
    ['queue'],
    fetchBuckets,
  );
  const durations = metrics.histogram(
    'despatch_task_duration_seconds',
    'Tasks, by how they ended.',
    ['queue', 'status'],
    taskBuckets,
  );
  const settlements = createBatcher<Settled, void>({
    onFlush: (items) => metrics.batch('settle', items),
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
    const { attempt, carried } = held;
    const elapsed = stopwatch();
    let status: TaskStatus = 'failure';
    try {
      const { payload } = held;
      if (!queue.payloads.Check(payload)) {
        // Another version of the product wrote it, or will be able to read it: it is kept for an operator.
        log.error(
          { queue: queue.name, taskId: held.id },
          'A task was parked because its payload does not fit its queue',
        );
        return await settle(held, 'parked');
      }
      const verdict = await work(
        taskOf(queue.name, held, payload as Payload, { signal, stopping: stopping.signal }),
      );
      status = statusOf(verdict);
      if (verdict !== 'settled' && verdict !== 'put back') await settle(held, verdict);
    } catch (error) {
      const fields = { queue: queue.name, taskId: held.id, attempt, requestId: requestIdOf(carried) };
      log.error({ ...fields, err: error }, 'A task failed and is tried again later');
      await settle(held, { waitSeconds: errorRetrySeconds }).catch((unsettled: unknown) =>
        log.error(
          { ...fields, err: unsettled },
          'A failed task could not be put back; its heartbeats end and another worker takes it',
        ),
      );
    } finally {
      durations(elapsed() / 1000, queue.name, status);
    }
  }

  function start(held: HeldTask): void {
    const abort = new AbortController();
    const ended = run(held, abort.signal).finally(() => {
      running.delete(one);
      if (isDrained) wakeWriter();
      else rounds.wake();
    });
    const one: Running = { place: -1, held, abort, ended, age: 0 };
    running.add(one);
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      const free = concurrency - running.size - reserved;
      // Waiting until enough places are free keeps the fetches few and large under load.
      if (free < Math.min(fetchLimit, Math.ceil(concurrency / 4))) return false;
      const wanted = Math.min(free, fetchLimit);
      const elapsed = stopwatch();
      const before = arrivals;
      const tasks = await queues.fetch(queue.name, wanted);
      for (const held of tasks) start(held);
      fetches(elapsed() / 1000, queue.name);
      // A full batch: there may be more.
      const isFull = tasks.length === wanted;
      isDrained = !isFull && arrivals === before;
      if (isDrained) wakeWriter();
      return isFull;
    },
    failed: (error) =>
      log.error({ err: error, queue: queue.name }, 'Tasks could not be fetched; trying again'),
  });
  let arrivals = 0;
  queues.onArrival(queue.name, () => {
    arrivals += 1;
    isDrained = false;
    rounds.wake();
  });

  async function beat(): Promise<void> {
    const mine = running.all().filter((one) => one.age++ >= restingBeats);
    if (mine.length === 0) return;
    const still = await queues.heartbeat(
      queue.name,
      mine.map(({ held }) => held),
    );
    for (const one of mine)
      if (running.has(one) && !still.has(one.held.id))
        one.abort.abort(new Error('The task was taken by another worker.'));
  }
  const heartbeats = setInterval(() => {
    // A heartbeat that could not be written says nothing about who holds the task.
    beat().catch((error: unknown) =>
      log.warn({ err: error, queue: queue.name }, 'A heartbeat could not be written'),
    );
  }, heartbeatMilliseconds);

  return {
    reserve(most) {
      if (!isDrained || rounds.stopping) return 0;
      const count = Math.max(0, Math.min(most, concurrency - running.size - reserved));
      reserved += count;
      return count;
    },
    take(tasks, places) {
      reserved -= places;
      for (const held of tasks) start(held);
    },
    get isDrained() {
      return isDrained && !rounds.stopping;
    },
    onFree(wake) {
      wakeWriter = wake;
    },
    async stop(milliseconds) {
      stopping.abort(new Error('The process is stopping.'));
      await rounds.stop();
      await atMost(
        milliseconds,
        running.all().map(({ ended }) => ended),
      );
      clearInterval(heartbeats);
      const rest = running.all();
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

type Running = Member & {
  readonly held: HeldTask;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  /** Heartbeats of the consumer since it began. */
  age: number;
};

/** As a task ended, in metrics (spec 06, section 4.4). */
type TaskStatus = 'success' | 'retry' | 'failure';

function statusOf(verdict: Verdict): TaskStatus {
  if (verdict === 'parked') return 'failure';
  return verdict === 'settled' || verdict === 'done' ? 'success' : 'retry';
}

function taskOf<Payload>(
  queue: QueueName,
  held: HeldTask,
  payload: Payload,
  signals: Pick<Task<Payload>, 'signal' | 'stopping'>,
): Task<Payload> {
  const { id, attempt, priority, earlySeconds, carried } = held;
  return {
    ...{ id, payload, attempt, priority, earlySeconds, requestId: requestIdOf(carried), carried },
    ...{ ...signals, queue, held },
  };
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

/** A loop that looks for work in rounds: all queue workers run on it. */
export type Rounds = Readonly<{
  /** There may be work: the next round begins at once. */
  wake(): void;
  /** True once no further round begins. */
  readonly stopping: boolean;
  /** Resolves when the round under way has ended. */
  stop(): Promise<void>;
}>;

export type RoundsOptions = Readonly<{
  /** Looks for work once. Resolves to true if there is more, so that the next round begins at once. */
  round: () => Promise<boolean>;
  /** Called when a round failed; the next begins after a second. */
  failed: (error: unknown) => Promise<void> | void;
  /** Least time between the starts of two rounds, unless there is more: keeps them few and large under load. */
  paceMilliseconds: number;
  /** Most time between two rounds: catches tasks that became due, and missed notices. */
  pollMilliseconds: number;
}>;

const retryMilliseconds = 1000;

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
        await pause(Math.min(pollMilliseconds, retryMilliseconds), false);
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

  // Deferred until the caller has the handle, which a round may use.
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
