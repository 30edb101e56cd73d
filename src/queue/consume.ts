import { type Db, type DbOrTrx, isUnreachable } from '../database/connection.ts';
import { createBatcher } from '../ground/batcher.ts';
import { stopwatch } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import type { Held, Queues, RawTask, Retried, TaskData } from './boss.ts';
import type { Queue } from './define.ts';
import type { QueueName } from './names.ts';

/** A task that this process holds. */
export type Task<Payload> = Held &
  Readonly<{
    payload: Payload;
    /** How often it was put back to be tried again; 0 at first. Being lost with a worker does not count. */
    attempt: number;
    requestId: string | undefined;
    /** Aborted when another process has taken the task, or this one is stopping and can wait no longer. */
    signal: AbortSignal;
    /** How the queue knows it. */
    queue: QueueName;
    raw: RawTask;
  }>;

/**
 * What became of a task. `settled`: the worker has settled it inside its own transaction, with what it wrote (see
 * `settle`). The others are settled here.
 */
export type Verdict = 'settled' | Settlement;
/** `parked`: it stays in its queue but is not taken again until an operator resumes it. */
/**
 * `retryAfterSeconds` counts as a try, `waitSeconds` does not: the task only came too early. `waitsFor`: what may make it
 * due earlier than that (`Queues.makeDue`).
 */
export type Settlement =
  | 'done'
  | 'parked'
  | Readonly<{ retryAfterSeconds: number; waitsFor?: string | null }>
  | Readonly<{ waitSeconds: number; waitsFor?: string | null }>;

/**
 * Takes tasks out of their queues, or puts them back due later, in the caller's transaction: a few statements for
 * any number of tasks. A task that another process holds by now is left alone.
 */
export async function settle(
  queues: Queues,
  db: DbOrTrx,
  settlements: readonly Readonly<{ task: Pick<Task<unknown>, 'queue' | 'raw'>; settlement: Settlement }>[],
): Promise<void> {
  for (const queue of new Set(settlements.map(({ task }) => task.queue))) {
    const done: RawTask[] = [];
    const parked: RawTask[] = [];
    const again: Retried[] = [];
    for (const { task, settlement } of settlements) {
      if (task.queue !== queue) continue;
      if (settlement === 'done') done.push(task.raw);
      else if (settlement === 'parked') parked.push(task.raw);
      else {
        const { waits_for: _waits, early_seconds: _early, ...rest } = task.raw.data as TaskData;
        const data = { ...rest, ...(settlement.waitsFor && { waits_for: settlement.waitsFor }) };
        if ('waitSeconds' in settlement) again.push({ ...task.raw, data, seconds: settlement.waitSeconds });
        else
          again.push({
            ...task.raw,
            data: { ...data, attempt: data.attempt + 1 },
            seconds: settlement.retryAfterSeconds,
          });
      }
    }
    await queues.complete(db, queue, done);
    await queues.park(db, queue, parked);
    await queues.retry(db, queue, again);
  }
}

export type Consumer = {
  /** Takes nothing more and waits for what is under way; after `milliseconds` gives back the rest. */
  stop(milliseconds: number): Promise<void>;
  /** Tasks held. */
  readonly held: number;
};

export type ConsumerOptions<Payload> = Readonly<{
  queue: Queue<Payload>;
  /** Most tasks held at once. */
  concurrency: number;
  /** What an error means is the work's to say; one that gets out of it leaves the task to be tried again later. */
  work: (task: Task<Payload>) => Promise<Verdict>;
}>;

export type ConsumerDeps = Readonly<{ db: Db; queues: Queues; log: Log; metrics: Metrics }>;

const pollMilliseconds = 1000;
const heartbeatMilliseconds = 3000;
const fetchLimit = 500;
/** Least time between two fetches: under load they are few and large, and the first after a pause is at once. */
const fetchPaceMilliseconds = 20;
/** Until a task is tried again whose work ended in an error it did not expect. */
const errorRetrySeconds = 60;

/**
 * At least once: a task is held by one process at a time, stays in its queue until it is settled, and goes to another
 * process when the heartbeats of its holder stop. Whoever held it before can no longer settle it.
 *
 * Each task runs on its own: a slow one occupies its place and delays no other. New ones are fetched in batches as
 * soon as a good part of the places is free.
 */
export function consume<Payload>(deps: ConsumerDeps, options: ConsumerOptions<Payload>): Consumer {
  const { db, queues, log } = deps;
  const { queue, concurrency, work } = options;
  const held = new Map<string, { raw: RawTask; abort: AbortController }>();
  let stopping = false;
  let awake: (() => void) | null = null;
  let arrivals = 0;
  let sinceFetch: () => number = () => Number.POSITIVE_INFINITY;
  const settlements = createBatcher<Parameters<typeof settle>[2][number], void>({
    flush: async (batch) => {
      await db.transaction().execute((trx) => settle(queues, trx, batch));
      return batch.map(() => undefined);
    },
    isShared: isUnreachable,
  });

  const wake = () => {
    arrivals += 1;
    awake?.();
  };
  queues.onArrival(queue.name, wake);

  async function run(raw: RawTask): Promise<void> {
    const abort = new AbortController();
    held.set(raw.id, { raw, abort });
    const data = raw.data as TaskData;
    try {
      const payload = queue.parse(data.payload);
      if (payload === null) {
        // Another version of the product wrote it, or will be able to read it: it is kept for an operator.
        log.error(
          { queue: queue.name, taskId: raw.id },
          'A task whose payload is not of its queue was parked',
        );
        await settlements.add({ task: { queue: queue.name, raw }, settlement: 'parked' });
        return;
      }
      const task: Task<Payload> = {
        id: raw.id,
        retryCount: raw.retryCount,
        payload,
        attempt: data.attempt,
        requestId: data.request_id,
        signal: abort.signal,
        queue: queue.name,
        raw,
      };
      const verdict = await work(task);
      if (verdict !== 'settled') await settlements.add({ task, settlement: verdict });
    } catch (error) {
      await putBack(raw, data, error);
    } finally {
      held.delete(raw.id);
      wake();
    }
  }

  /** After an error. If even this cannot be written, the task is free again when its heartbeats end. */
  async function putBack(raw: RawTask, data: TaskData, error: unknown): Promise<void> {
    const fields = { queue: queue.name, taskId: raw.id, attempt: data.attempt, requestId: data.request_id };
    log.error({ ...fields, err: error }, 'A task failed and is tried again later');
    await settlements
      .add({ task: { queue: queue.name, raw }, settlement: { waitSeconds: errorRetrySeconds } })
      .catch((unsettled: unknown) => {
        log.error(
          { ...fields, err: unsettled },
          'A failed task could not be put back; its heartbeats end and another worker takes it',
        );
      });
  }

  async function loop(): Promise<void> {
    while (!stopping) {
      const before = arrivals;
      const early = fetchPaceMilliseconds - sinceFetch();
      if (early > 0) {
        await pause(Math.ceil(early), false);
        continue;
      }
      const free = concurrency - held.size;
      let fetched = 0;
      let asked = 0;
      // Waiting until a good part is free makes the fetches few and large under load.
      if (free >= Math.min(fetchLimit, Math.ceil(concurrency / 4))) {
        asked = Math.min(free, fetchLimit);
        const elapsed = stopwatch();
        sinceFetch = elapsed;
        try {
          const tasks = await queues.fetch(queue.name, asked);
          fetched = tasks.length;
          for (const raw of tasks) void run(raw);
          if (fetched > 0) deps.metrics.timing(`queue.${queue.name}.fetch`, elapsed());
        } catch (error) {
          log.error({ err: error, queue: queue.name }, 'Tasks could not be fetched; trying again');
          await pause(pollMilliseconds, false);
          continue;
        }
      }
      // A full lot: there is more, and no reason to wait.
      if (asked > 0 && fetched === asked) {
        sinceFetch = () => Number.POSITIVE_INFINITY;
        continue;
      }
      // Sleep until something arrives or finishes; the poll catches what is due by time and a missed notice.
      if (arrivals === before) await pause(pollMilliseconds, true);
    }
  }

  function pause(milliseconds: number, wakeable: boolean): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        awake = null;
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      if (wakeable || stopping) awake = finish;
    });
  }

  const heartbeats = setInterval(() => {
    const mine = [...held.values()];
    if (mine.length === 0) return;
    queues
      .heartbeat(
        queue.name,
        mine.map(({ raw }) => raw),
      )
      .then(
        (still) => {
          for (const { raw, abort } of mine)
            if (held.has(raw.id) && !still.has(raw.id))
              abort.abort(new Error('The task was taken by another worker.'));
        },
        // A heartbeat that could not be written says nothing about the claim.
        (error: unknown) => log.warn({ err: error, queue: queue.name }, 'A heartbeat could not be written'),
      );
  }, heartbeatMilliseconds);

  const looping = loop();

  return {
    get held() {
      return held.size;
    },
    async stop(milliseconds) {
      stopping = true;
      awake?.();
      await looping;
      const deadline = Date.now() + milliseconds;
      while (held.size > 0 && Date.now() < deadline) await pause(Math.max(1, deadline - Date.now()), true);
      clearInterval(heartbeats);
      const rest = [...held.values()];
      if (rest.length === 0) return;
      log.warn({ queue: queue.name, tasks: rest.length }, 'Stopping: tasks under way are given back');
      for (const { abort } of rest) abort.abort(new Error('The process is stopping.'));
      await queues
        .handBack(
          queue.name,
          rest.map(({ raw }) => raw),
        )
        .catch((error: unknown) => {
          log.warn(
            { err: error, queue: queue.name },
            'Tasks could not be given back; their heartbeats end with this process',
          );
        });
    },
  };
}
