import { sql } from 'kysely';
import type pg from 'pg';
import { type Db as BossDatabase, type CommandResponse, fromKysely, PgBoss } from 'pg-boss';
import type { Connection, DbOrTrx, Listener, Trx } from '../database/connection.ts';
import type { Log } from '../ground/log.ts';
import { type Queue, type QueueName, taskQueueNames } from './define.ts';

/** Writes tasks. A task whose id is queued already is left as it is. */
export type Send = <Payload>(queue: Queue<Payload>, tasks: readonly NewTask<Payload>[]) => Promise<void>;

export type NewTask<Payload> = Readonly<{
  id: string;
  payload: Payload;
  /** Higher goes first; 0 by default. */
  priority?: number;
  startAfterSeconds?: number;
  /** Of the request that it results from, with its trace (`Task.carried`). */
  requestId?: string | undefined;
}>;

/** A transaction that also writes tasks, and collects the queues to wake after its commit. */
export type QueueTransaction = Readonly<{
  trx: Trx;
  send: Send;
  /** Removes tasks from their queues or puts them back, together with the transaction's other writes. */
  settle(tasks: readonly Settled[]): Promise<void>;
  /** Wakes the queue's workers in all processes once the transaction has committed. */
  announce(queue: QueueName): void;
}>;

/**
 * The queues of the process, on pg-boss. Tasks are written inside the caller's own transaction, so a row and its task
 * are committed together or not at all.
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

const schema = 'pgboss';
/** A dead worker is noticed after this many seconds without a heartbeat (the minimum of pg-boss). */
const heartbeatSeconds = 10;
const year = 365 * 86_400;

const queueSettings = {
  // We announce arrivals ourselves: a notice inside the transaction would make commits wait for each other.
  notify: false,
  heartbeatSeconds,
  // A task lost with its worker is free at once; the delay between tries is decided when it is settled.
  retryLimit: 1000,
  retryDelay: 0,
  expireInSeconds: 900,
  retentionSeconds: year,
  deleteAfterSeconds: year,
} as const;

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
  const announcer = createAnnouncer(connection.pool, wake, log);
  const stopListening = await listener.listen(announcer.channel, wake, () => {
    for (const name of wakers.keys()) wake(name);
  });

  const physical = (name: QueueName) => prefix + name;
  const boss = await startBoss(connection.pool, supervise, log);
  for (const name of taskQueueNames) {
    if (await boss.getQueue(physical(name))) await boss.updateQueue(physical(name), queueSettings);
    // A table of its own for each queue keeps the indexes of the busy ones small.
    else await boss.createQueue(physical(name), { ...queueSettings, partition: true });
  }
  await indexParked(connection.pool, taskQueueNames.map(physical));

  /** Returns whether any of the tasks is due now. */
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
      const arrived = new Set<string>();
      const result = await connection.db.transaction().execute((trx) =>
        work({
          trx,
          send: async (queue, tasks) => {
            if (await insert(trx, queue, tasks)) arrived.add(physical(queue.name));
          },
          settle: (tasks) => settle({ boss, physical }, trx, tasks),
          announce: (queue) => arrived.add(physical(queue)),
        }),
      );
      announcer.announce(arrived);
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
    async holds(queue, count) {
      const { rows } = await connection.pool.query(
        `select 1 from ${schema}.job where name = $1 and state < 'completed' offset $2 limit 1`,
        [physical(queue), count - 1],
      );
      return rows.length > 0;
    },
    async fetch(queue, limit) {
      const jobs = await boss.fetch<TaskData>(physical(queue), { batchSize: limit });
      return jobs.map(({ id, data, retryCount }) => ({ id, data, retryCount }));
    },
    async makeDue(queueNames, reason, limit) {
      // pg-boss has no call for this. The names restrict the update to the tables of these queues.
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
    async handBack(queue, tasks) {
      if (tasks.length > 0) await boss.fail(physical(queue), tasks.map(keyOf));
    },
    async heartbeat(queue, tasks) {
      return reachedIds(await boss.touch(physical(queue), tasks.map(keyOf)));
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

async function startBoss(pool: pg.Pool, supervise: boolean, log: Log): Promise<PgBoss> {
  const database: BossDatabase = {
    executeSql: async (text, values) => {
      // pg returns an array if the text has several statements, as some of pg-boss's do.
      const result = (await pool.query(text, values)) as pg.QueryResult | pg.QueryResult[];
      return { rows: Array.isArray(result) ? result.flatMap(({ rows }) => rows) : result.rows };
    },
  };
  const boss = new PgBoss({
    db: database,
    schema,
    supervise,
    schedule: false,
    // A killed worker's tasks are free again after at most the heartbeat time-out and one of these intervals.
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    maintenanceIntervalSeconds: 3600,
  });
  boss.on('error', (error) => log.error({ err: error }, 'The queue reported an error'));
  boss.on('warning', (warning) => log.warn({ warning: warning.message }, 'The queue reported a warning'));
  await boss.start();
  return boss;
}

/**
 * Whoever looks for parked tasks must not read all that wait. The index holds nothing else, since finished tasks are
 * deleted. pg-boss makes the tables, so no migration can.
 */
async function indexParked(pool: pg.Pool, queues: readonly string[]): Promise<void> {
  const { rows } = await pool.query<{ table: string }>(
    `select table_name as table from ${schema}.queue
    where name = any($1) and to_regclass('${schema}.' || table_name || '_kept') is null`,
    [queues],
  );
  for (const { table } of rows)
    await pool.query(
      // Both in one transaction. One process makes it while others wait: together, they would get in each other's way.
      `select pg_advisory_xact_lock(hashtextextended('despatch.index-parked', 0));
      create index if not exists ${table}_kept on ${schema}.${table} (id) where state > 'active'`,
    );
}

/**
 * Notifies every process that tasks have arrived in a queue: never inside the transaction that wrote them, where a
 * notice makes all commits wait for each other, but right after it, and at most once per queue every few milliseconds.
 * A lost notice costs a second, since consumers also poll.
 */
export type Announcer = {
  readonly channel: string;
  /** Physical names of queues whose tasks have just been committed. */
  announce(queues: Iterable<string>): void;
};

const channel = 'despatch_arrivals';
const gapMilliseconds = 10;

export function createAnnouncer(pool: pg.Pool, wake: (queue: string) => void, log: Log): Announcer {
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
      .query('select pg_notify($1, queue) from unnest($2::text[]) as queue', [channel, queues])
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

/** A task's `data`: its payload, and what every task carries. */
export type TaskData = {
  payload: unknown;
  /** How often it was put back to be tried again. */
  attempt: number;
  priority?: number;
  request_id?: string;
  /** What it waits for until its next try: when that happens, it is made due early (`Queues.makeDue`). */
  waits_for?: string;
  /** How many seconds before its next try it was made due. */
  early_seconds?: number;
};

/**
 * A task that this process holds. `retryCount` distinguishes this hold from a later one, perhaps by another process.
 */
export type HeldTask = Readonly<{ id: string; retryCount: number; data: TaskData }>;

/**
 * What becomes of a task. `parked`: it stays in its queue, but is not taken again until an operator resumes it.
 * `retryAfterSeconds` counts as a try, `waitSeconds` does not: the task was only too early. `waitsFor`: what may make
 * it due before that (`Queues.makeDue`).
 */
export type Settlement =
  | 'done'
  | 'parked'
  | Readonly<{ retryAfterSeconds: number; waitsFor?: string | null }>
  | Readonly<{ waitSeconds: number; waitsFor?: string | null }>;

export type Settled = Readonly<{ queue: QueueName; held: HeldTask; settlement: Settlement }>;

/**
 * Removes tasks from their queues, or puts them back due later, in the caller's transaction, with a few statements for
 * any number of tasks. A task that another process holds by now is left alone.
 */
export async function settle(
  { boss, physical }: Readonly<{ boss: PgBoss; physical: (name: QueueName) => string }>,
  trx: Trx,
  tasks: readonly Settled[],
): Promise<void> {
  const options = { db: fromKysely(trx) };
  for (const name of new Set(tasks.map(({ queue }) => queue))) {
    const own = tasks.filter(({ queue }) => queue === name);
    const some = (matches: (settlement: Settlement) => boolean) =>
      own.filter(({ settlement }) => matches(settlement));
    const done = some((settlement) => settlement === 'done');
    const parked = some((settlement) => settlement === 'parked');
    const again = some((settlement) => typeof settlement === 'object');
    const queue = physical(name);
    const keys = (of: readonly Settled[]) => of.map(({ held }) => keyOf(held));
    if (parked.length > 0) {
      const reached = reachedIds(await boss.cancel(queue, keys(parked), options));
      await sql`update pgboss.job set output = '{"reason":"unreadable"}'
        where name = ${queue} and id = any(${[...reached]}::uuid[]) and state = 'cancelled'`.execute(trx);
    }
    if (done.length + again.length === 0) continue;
    // A task is put back by replacing it: the deletion says which tasks are still ours.
    const reached = reachedIds(await boss.deleteJob(queue, keys([...done, ...again]), options));
    const replaced = again.filter(({ held }) => reached.has(held.id)).map(replacement);
    if (replaced.length > 0) await boss.insert(queue, replaced, options);
  }
}

/** The task as it is put back. */
function replacement({ held, settlement }: Settled) {
  const { waits_for: _waits, early_seconds: _early, ...rest } = held.data;
  const later = settlement as Exclude<Settlement, string>;
  const data: TaskData = { ...rest, ...(later.waitsFor && { waits_for: later.waitsFor }) };
  const isTry = 'retryAfterSeconds' in later;
  return {
    id: held.id,
    priority: data.priority ?? 0,
    data: isTry ? { ...data, attempt: data.attempt + 1 } : data,
    startAfter: isTry ? later.retryAfterSeconds : later.waitSeconds,
  };
}

/** Identifies one hold of a task to pg-boss. */
export function keyOf({ id, retryCount }: Pick<HeldTask, 'id' | 'retryCount'>) {
  return { id, retryCount };
}

/** The ids that a pg-boss command changed, which its result type omits. Throws if the result does not say. */
export function reachedIds(answer: CommandResponse): ReadonlySet<string> {
  const response = answer as { jobs: string[]; requested: number; affected: number; settled?: string[] };
  if (response.settled) return new Set(response.settled);
  if (response.affected === response.requested) return new Set(response.jobs);
  throw new Error('pg-boss did not say which tasks it changed.');
}
