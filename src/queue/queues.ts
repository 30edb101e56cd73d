import type pg from 'pg';
import type { Connection, Listener } from '../database/connection.ts';
import { stopwatch } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { type QueueName, taskQueueNames } from './define.ts';
import {
  endingBatches,
  endingTasks,
  extendBatches,
  extendHolds,
  findQueued,
  giveBackTasks,
  hasFormerQueues,
  hasTasks,
  insertTasks,
  moveFormerTasks,
  readyEarly,
  readyTasks,
  separateTasks,
  settleTasks,
  takeTasks,
} from './store.ts';
import type { HeldBatch, HeldTask, QueueTransaction, Send, Settled } from './tasks.ts';

/**
 * The queues of the process, a table of the database. Tasks are written inside the caller's own transaction, so a row
 * and its task are committed together or not at all.
 */
export type Queues = {
  transaction<T>(work: (transaction: QueueTransaction) => Promise<T>): Promise<T>;
  /** Writes and announces tasks, in a statement of its own. */
  send: Send;
  /** Which of these ids have a task in one of the queues, whether it waits, is being worked on or is parked. */
  waiting(queues: readonly QueueName[], ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Whether at least `count` tasks wait in the queue or are being worked on. */
  holds(queue: QueueName, count: number): Promise<boolean>;
  /** Up to `limit` tasks that are due, now held by this process. */
  fetch(queue: QueueName, limit: number): Promise<HeldTask[]>;
  /**
   * Makes tasks that wait for `reason` due now: at most `limit` in all, or all of them if null. Wakes the workers in
   * all processes. Returns how many tasks became due.
   */
  makeDue(queues: readonly QueueName[], reason: string, limit: number | null): Promise<number>;
  /** Gives back tasks that this process holds and cannot finish, so that another can take them at once. */
  handBack(queue: QueueName, tasks: readonly HeldTask[]): Promise<void>;
  /** Reports that the tasks are still being worked on. Returns the ids that this process still holds. */
  heartbeat(queue: QueueName, tasks: readonly HeldTask[]): Promise<ReadonlySet<string>>;
  /** Wakes the workers of these queues in all processes. Call it after the commit of what they should find. */
  announce(queues: Iterable<QueueName>): void;
  /** Runs `wake` whenever tasks may have arrived in `queue`. */
  onArrival(queue: QueueName, wake: () => void): void;
  stop(): Promise<void>;
};

/** How often tasks whose time has come are made ready. */
const dueMilliseconds = 1000;
/** So long after its start a process looks for tasks that processes of the release before have left. */
const formerMilliseconds = 3_600_000;

export async function openQueues(
  connection: Connection,
  listener: Listener,
  options: Readonly<{ prefix: string; log: Log }>,
): Promise<Queues> {
  const { db } = connection;
  const { prefix, log } = options;
  const wakers = new Map<string, (() => void)[]>();
  const wake = (name: string) => {
    for (const waker of wakers.get(name) ?? []) waker();
  };
  const announcer = createAnnouncer(connection.pool, wake, log);
  const wakeAll = () => {
    for (const name of wakers.keys()) wake(name);
  };
  /** null: no worker runs here, and every notice would wake the process for nothing. */
  let listening: Promise<() => void> | null = null;
  const listen = () => {
    if (listening) return;
    listening = listener.listen(announcer.channel, wake, wakeAll);
    // What arrived before it listened. The listener tries again by itself.
    listening.then(wakeAll, (error: unknown) => log.debug({ err: error }, 'Not listening for arrivals yet'));
  };
  const physical = (name: QueueName) => prefix + name;
  const served = new Set(taskQueueNames.map(physical));
  const holdOf = (queue: QueueName, { id, holds }: HeldTask) => ({ queue: physical(queue), id, holds });
  const memberOf = (
    queue: QueueName,
    held: HeldTask,
    settlement: Exclude<Settled['settlement'], 'done'>,
  ) => ({ queue: physical(queue), held, settlement });

  /** Batches of which every task has ended, so that only their row is left: it goes with the next statement. */
  let finished: string[] = [];
  const takeFinished = () => {
    const taken = finished;
    finished = [];
    return taken;
  };
  /** Counts tasks of batches as ended. Call it after the commit of what ended them: else they would be lost with us. */
  const leave = (members: readonly InBatch[]) => {
    for (const { batch, held } of members)
      if (batch.open.delete(held.id) && batch.open.size === 0) finished.push(batch.id);
  };

  const sinceStart = stopwatch();
  let hasFormer = await hasFormerQueues(db);
  /** Makes tasks ready whose time has come, in the queues that this process serves, and wakes their consumers. */
  async function lookForDue(): Promise<void> {
    const names = [...wakers.keys()].filter((name) => served.has(name));
    if (names.length === 0) return;
    if (hasFormer) {
      await moveFormerTasks(db, [...served]);
      hasFormer = sinceStart() < formerMilliseconds;
    }
    const taken = takeFinished();
    try {
      for (const name of await readyTasks(db, names, taken)) wake(name);
    } catch (error) {
      finished.push(...taken);
      throw error;
    }
  }
  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    looking ??= lookForDue()
      .catch((error: unknown) => log.warn({ err: error }, 'Due tasks could not be looked for; trying again'))
      .finally(() => {
        looking = null;
      });
  }, dueMilliseconds);
  timer.unref();

  return {
    async transaction(work) {
      const arrived = new Set<string>();
      const left: InBatch[] = [];
      let taken: readonly string[] = [];
      const result = await db
        .transaction()
        .execute((trx) =>
          work({
            trx,
            send: async (queue, tasks) => {
              if (await insertTasks(trx, physical(queue.name), tasks)) arrived.add(physical(queue.name));
            },
            settle: async (tasks) => {
              const [own, members] = splitByBatch(tasks);
              left.push(...members);
              const ended = own.map(({ queue, held, settlement }) => ({
                ...holdOf(queue, held),
                settlement,
              }));
              for (const queue of await settleTasks(trx, ended)) arrived.add(queue);
              const separate = members.flatMap(({ queue, held, settlement }) =>
                settlement === 'done' ? [] : [memberOf(queue, held, settlement)],
              );
              for (const queue of await separateTasks(trx, separate)) arrived.add(queue);
            },
            ending: (tasks) => {
              const [own, members] = splitByBatch(tasks);
              left.push(...members);
              taken = [...taken, ...takeFinished()];
              // Both, whatever there is: a text that varied would be planned more often.
              return [endingTasks(own.map(({ queue, held }) => holdOf(queue, held))), endingBatches(taken)];
            },
            announce: (queue) => arrived.add(physical(queue)),
          }),
        )
        .catch((error: unknown) => {
          finished.push(...taken);
          throw error;
        });
      leave(left);
      announcer.announce(arrived);
      return result;
    },
    async send(queue, tasks) {
      if (await insertTasks(db, physical(queue.name), tasks)) announcer.announce([physical(queue.name)]);
    },
    waiting: (names, ids) => findQueued(db, names.map(physical), ids),
    holds: (queue, count) => hasTasks(db, physical(queue), count),
    fetch: (queue, limit) => takeTasks(db, physical(queue), limit),
    async makeDue(names, reason, limit) {
      const counts = await readyEarly(db, names.map(physical), reason, limit);
      announcer.announce(counts.keys());
      return [...counts.values()].reduce((sum, count) => sum + count, 0);
    },
    async handBack(queue, tasks) {
      const [own, members] = splitByBatch(tasks.map((held) => ({ held })));
      await giveBackTasks(
        db,
        own.map(({ held }) => holdOf(queue, held)),
      );
      await separateTasks(
        db,
        members.map(({ held }) => memberOf(queue, held, { waitSeconds: 0 })),
      );
      leave(members);
    },
    async heartbeat(queue, tasks) {
      const [own, members] = splitByBatch(tasks.map((held) => ({ held })));
      const still = new Set<string>();
      if (own.length > 0)
        for (const id of await extendHolds(
          db,
          own.map(({ held }) => holdOf(queue, held)),
        ))
          still.add(id);
      if (members.length > 0) {
        const batches = await extendBatches(db, [...new Set(members.map(({ batch }) => batch.id))]);
        for (const { held, batch } of members) if (batches.has(batch.id)) still.add(held.id);
      }
      return still;
    },
    announce: (names) => announcer.announce([...names].map(physical)),
    onArrival(queue, waker) {
      const name = physical(queue);
      wakers.set(name, [...(wakers.get(name) ?? []), waker]);
      listen();
    },
    async stop() {
      clearInterval(timer);
      listening?.then(
        (stopListening) => stopListening(),
        () => undefined,
      );
      await looking;
      if (finished.length > 0)
        await readyTasks(db, [], takeFinished()).catch((error: unknown) =>
          log.debug({ err: error }, 'Batches could not be removed'),
        );
    },
  };
}

type InBatch = Readonly<{ held: HeldTask; batch: HeldBatch }>;

/** Those that have rows of their own, and those of batches. */
function splitByBatch<T extends Readonly<{ held: HeldTask }>>(
  tasks: readonly T[],
): [own: T[], members: (T & InBatch)[]] {
  const own: T[] = [];
  const members: (T & InBatch)[] = [];
  for (const task of tasks)
    if (task.held.batch) members.push({ ...task, batch: task.held.batch });
    else own.push(task);
  return [own, members];
}

/**
 * Notifies every process that tasks have arrived in a queue: never inside the transaction that wrote them, where a
 * notice makes all commits wait for each other, but right after it, and at most once per queue every few milliseconds.
 * A lost notice costs a second, since consumers also poll.
 */
type Announcer = {
  readonly channel: string;
  /** Physical names of queues whose tasks have just been committed. */
  announce(queues: Iterable<string>): void;
};

const channel = 'despatch_arrivals';
const announcing = 'select pg_notify($1, queue) from unnest($2::text[]) as queue';
const gapMilliseconds = 20;

function createAnnouncer(pool: pg.Pool, wake: (queue: string) => void, log: Log): Announcer {
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
      .query({ name: 'despatch_announce', text: announcing, values: [channel, queues] })
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
