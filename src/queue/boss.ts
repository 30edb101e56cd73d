import type pg from 'pg';
import { type Db as BossDatabase, type CommandResponse, fromKysely, PgBoss } from 'pg-boss';
import type { Connection, DbOrTrx, Trx } from '../database/connection.ts';
import type { Listener } from '../database/listener.ts';
import type { Log } from '../ground/log.ts';
import { createAnnouncer } from './announce.ts';
import type { Queue } from './define.ts';
import { type QueueName, taskQueueNames } from './names.ts';

/**
 * The queues of the process, on pg-boss. Tasks are written inside the caller's own transaction, so a row and its
 * task stand or fall together.
 */
export type Queues = {
  /**
   * Runs `work` in a transaction whose tasks are announced once it has committed, so that a worker takes them at once.
   */
  transaction<T>(work: (trx: Trx, send: Send) => Promise<T>): Promise<T>;
  /** Writes and announces tasks, as one statement by itself. */
  send: Send;
  /** Which of these ids have a task in one of the queues, whether it waits, is being worked on or is parked. */
  waiting(queues: readonly QueueName[], ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Up to `limit` tasks that are due, now held by this process. */
  fetch(queue: QueueName, limit: number): Promise<RawTask[]>;
  /** Tasks that are done leave the queue, unless another process holds them by now. */
  complete(db: DbOrTrx, queue: QueueName, tasks: readonly Held[]): Promise<void>;
  /** Tasks go back, with the data given, to be taken again after `seconds`. */
  retry(db: DbOrTrx, queue: QueueName, tasks: readonly Retried[]): Promise<void>;
  /**
   * Makes waiting tasks due whose data say that they wait for `reason`; at most `limit` of all, null: every one. Tells
   * every process. Answers how many.
   */
  makeDue(queues: readonly QueueName[], reason: string, limit: number | null): Promise<number>;
  /** Tasks stay but are not taken again until an operator resumes them. */
  park(db: DbOrTrx, queue: QueueName, tasks: readonly Held[]): Promise<void>;
  /** Gives back what this process holds and cannot finish: another takes it at once. */
  handBack(queue: QueueName, tasks: readonly Held[]): Promise<void>;
  /** Says that the tasks are still being worked on. Answers the ids that are still this process's. */
  heartbeat(queue: QueueName, tasks: readonly Held[]): Promise<ReadonlySet<string>>;
  /** Tells every process that something has come into the queues, after its commit. */
  announce(queues: Iterable<QueueName>): void;
  /** Runs whenever tasks may have come into `queue`. */
  onArrival(queue: QueueName, wake: () => void): void;
  stop(): Promise<void>;
};

/** Writes tasks. One whose id is queued already is left as it is. */
export type Send = <Payload>(queue: Queue<Payload>, tasks: readonly NewTask<Payload>[]) => Promise<void>;

export type NewTask<Payload> = Readonly<{
  id: string;
  payload: Payload;
  /** Higher goes first; 0 by default. */
  priority?: number;
  startAfterSeconds?: number;
  requestId?: string | undefined;
}>;

/** A task as this process took it: `retryCount` tells this taking from a later one. */
export type Held = Readonly<{ id: string; retryCount: number }>;
export type RawTask = Held & Readonly<{ data: unknown }>;
export type Retried = Held & Readonly<{ data: TaskData; seconds: number }>;

/** What stands in a task's `data`: the payload, and what travels with every task. */
export type TaskData = {
  payload: unknown;
  attempt: number;
  priority?: number;
  request_id?: string;
  /** What it waits for until its next try: when that happens, it is made due early (`makeDue`). */
  waits_for?: string;
  /** It was: so many seconds before its next try. */
  early_seconds?: number;
};

const schema = 'pgboss';
/** A worker that is gone is noticed after this many seconds without a heartbeat (the least that pg-boss takes). */
const heartbeatSeconds = 10;
const year = 365 * 86_400;

export async function openQueues(
  connection: Connection,
  listener: Listener,
  options: Readonly<{ prefix: string; supervise: boolean; log: Log }>,
): Promise<Queues> {
  const { prefix, supervise, log } = options;
  const wakers = new Map<string, (() => void)[]>();
  const wake = (name: string) => {
    for (const waker of wakers.get(name) ?? []) waker();
  };

  const database: BossDatabase = {
    executeSql: async (text, values) => {
      // pg answers a list for a text of several statements, which some of pg-boss's are.
      const result = (await connection.pool.query(text, values)) as pg.QueryResult | pg.QueryResult[];
      return { rows: Array.isArray(result) ? result.flatMap(({ rows }) => rows) : result.rows };
    },
  };
  const announcer = createAnnouncer(connection.pool, wake, log);
  const stopListening = await listener.listen(announcer.channel, wake, () => {
    for (const name of wakers.keys()) wake(name);
  });
  const boss = new PgBoss({
    db: database,
    schema,
    supervise,
    schedule: false,
    // A killed worker's tasks are free again after a heartbeat and one of these at the latest.
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    maintenanceIntervalSeconds: 3600,
  });
  boss.on('error', (error) => log.error({ err: error }, 'The queue reported an error'));
  boss.on('warning', (warning) => log.warn({ warning: warning.message }, 'The queue reported a warning'));
  await boss.start();
  const physical = (name: QueueName) => prefix + name;
  for (const name of taskQueueNames) {
    const settings = {
      // Arrivals are announced by us: a notice inside the transaction would make commits wait for each other.
      notify: false,
      heartbeatSeconds,
      // A task that its worker lost is free at once; waiting between tries is decided by the task (`retry`).
      retryLimit: 1000,
      retryDelay: 0,
      expireInSeconds: 900,
      retentionSeconds: year,
      deleteAfterSeconds: year,
    };
    if (await boss.getQueue(physical(name))) await boss.updateQueue(physical(name), settings);
    // A table of its own for each queue keeps the indexes of the busy ones small.
    else await boss.createQueue(physical(name), { ...settings, partition: true });
  }

  /** Answers whether there is a task that may be taken now. */
  async function insert<Payload>(
    db: DbOrTrx,
    queue: Queue<Payload>,
    tasks: readonly NewTask<Payload>[],
  ): Promise<boolean> {
    if (tasks.length === 0) return false;
    await boss.insert(
      physical(queue.name),
      tasks.map(({ id, payload, priority = 0, startAfterSeconds, requestId }) => ({
        id,
        priority,
        data: {
          payload,
          attempt: 0,
          ...(priority !== 0 && { priority }),
          ...(requestId !== undefined && { request_id: requestId }),
        } satisfies TaskData,
        ...(startAfterSeconds !== undefined && { startAfter: startAfterSeconds }),
      })),
      { db: fromKysely(db) },
    );
    return tasks.some(({ startAfterSeconds = 0 }) => startAfterSeconds === 0);
  }

  return {
    async transaction(work) {
      const sent = new Set<string>();
      const result = await connection.db.transaction().execute((trx) =>
        work(trx, async (queue, tasks) => {
          if (await insert(trx, queue, tasks)) sent.add(physical(queue.name));
        }),
      );
      announcer.announce(sent);
      return result;
    },

    async send(queue, tasks) {
      if (await insert(connection.db, queue, tasks)) announcer.announce([physical(queue.name)]);
    },

    async waiting(names, ids) {
      const { rows } = await connection.pool.query<{ id: string }>(
        `select id from ${schema}.job where name = any($1::text[]) and id = any($2::uuid[])`,
        [names.map(physical), ids],
      );
      return new Set(rows.map(({ id }) => id));
    },

    async fetch(queue, limit) {
      const jobs = await boss.fetch<unknown>(physical(queue), { batchSize: limit });
      return jobs.map(({ id, data, retryCount }) => ({ id, data, retryCount }));
    },

    async complete(db, queue, tasks) {
      if (tasks.length === 0) return;
      await boss.deleteJob(physical(queue), tasks.map(attemptOf), { db: fromKysely(db) });
    },

    async retry(db, queue, tasks) {
      if (tasks.length === 0) return;
      const options = { db: fromKysely(db) };
      const held = settledIds(await boss.deleteJob(physical(queue), tasks.map(attemptOf), options));
      const again = tasks.filter(({ id }) => held.has(id));
      if (again.length === 0) return;
      await boss.insert(
        physical(queue),
        again.map(({ id, data, seconds }) => ({
          id,
          priority: data.priority ?? 0,
          data,
          startAfter: seconds,
        })),
        options,
      );
    },

    async makeDue(queueNames, reason, limit) {
      // pg-boss has no call for this. The names lead to the table of each queue.
      const { rows } = await connection.pool.query<{ name: string }>(
        `update ${schema}.job j set start_after = now(), data = data || jsonb_build_object('early_seconds', waiting.early)
        from (
          select name, id, ceil(extract(epoch from start_after - now())) as early from ${schema}.job
          where name = any($1) and state < 'active' and start_after > now() and data->>'waits_for' = $2
          limit $3 for update skip locked
        ) waiting where j.name = any($1) and j.name = waiting.name and j.id = waiting.id returning j.name`,
        [queueNames.map(physical), reason, limit],
      );
      announcer.announce(new Set(rows.map(({ name }) => name)));
      return rows.length;
    },

    async park(db, queue, tasks) {
      if (tasks.length > 0) await boss.cancel(physical(queue), tasks.map(attemptOf), { db: fromKysely(db) });
    },

    async handBack(queue, tasks) {
      if (tasks.length > 0) await boss.fail(physical(queue), tasks.map(attemptOf));
    },

    async heartbeat(queue, tasks) {
      return settledIds(await boss.touch(physical(queue), tasks.map(attemptOf)));
    },

    announce: (names) => announcer.announce([...names].map(physical)),

    onArrival(queue, waker) {
      const name = physical(queue);
      wakers.set(name, [...(wakers.get(name) ?? []), waker]);
    },

    async stop() {
      stopListening();
      await boss.stop({ graceful: false, close: false });
    },
  };
}

function attemptOf({ id, retryCount }: Held): Held {
  return { id, retryCount };
}

/** The ids a statement of pg-boss reached; its type of the answer leaves them out. */
function settledIds(answer: CommandResponse): ReadonlySet<string> {
  const response = answer as { jobs: string[]; requested: number; affected: number; settled?: string[] };
  if (response.settled) return new Set(response.settled);
  if (response.affected === response.requested) return new Set(response.jobs);
  throw new Error('The queue did not say which tasks it reached.');
}
