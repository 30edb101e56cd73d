import type { RawBuilder } from 'kysely';
import { type Db, errorClass } from '../database/connection.ts';
import { type Clock, stopwatch } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import { isDue, type Timing } from './due.ts';
import {
  findTaskState,
  findWantedTasks,
  lockTask,
  recordFailure,
  recordRun,
  unlockTask,
  type WantedTasks,
} from './store.ts';

/**
 * A periodic task. `run` returns how many items it processed, for the log. `stat`: its name in metrics, if that is not
 * its own with underscores (spec 06, section 4.2). `hasWork`: SQL for whether it has something to do; if not, it rests
 * (`restSeconds`), since a run that finds nothing takes six statements.
 */
export type Periodic = Timing &
  Readonly<{
    name: string;
    stat?: string;
    hasWork?: RawBuilder<boolean>;
    run: (run: Run) => Promise<number>;
  }>;

export type Run = Readonly<{
  /** When the last successful run began; null if there was none. */
  lastRun: Date | null;
  /** Aborted when the process stops: what is left is done by the next run. */
  signal: AbortSignal;
}>;

export type Schedule = {
  /** Starts the tasks that are due. Resolves when none is running any more. */
  look(): Promise<void>;
  stop(): Promise<void>;
};

export type ScheduleDeps = Readonly<{ db: Db; clock: Clock; log: Log; metrics: Pick<Metrics, 'timed'> }>;

/** How a run went. */
export type Ran = Readonly<{ count: number; seconds: number }>;

const lookMilliseconds = 1000;
/** Each task holds a connection for its lock besides the one it works with, and a pool may have only four. */
const mostAtOnce = 3;
/** Delay before a failed task is retried. */
const retryMilliseconds = 60_000;

/**
 * Runs periodic tasks, each under a database lock named after it, so that any number of schedulers may run (spec 06,
 * section 1.3). The database records when each last ran: a missed task runs once, as soon as there is a scheduler, and
 * so does one that an operator asks for. A failed run is logged and retried within a minute.
 */
export function startSchedule(deps: ScheduleDeps, tasks: readonly Periodic[]): Schedule {
  const { db, clock, log } = deps;
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  /** As far as this process knows: another scheduler may have run it since. */
  const lastRuns = new Map<string, number>();
  const failedAt = new Map<string, number>();
  /** While the database does not answer, looks share one question. */
  let asking: Promise<WantedTasks> | null = null;
  const conditions = tasks.flatMap(({ name, hasWork }) => (hasWork ? [[name, hasWork] as const] : []));

  /** Called under the lock, where the last run is known for certain. */
  async function runIfDue(task: Periodic): Promise<void> {
    const { name } = task;
    const began = clock.now();
    const { lastRun, askedAt } = await findTaskState(db, name);
    if (lastRun) lastRuns.set(name, lastRun.getTime());
    if (!askedAt && !isDue(task, lastRun?.getTime() ?? null, began)) return;
    // A frequent task is worth a line only if there was something to do.
    const level = 'at' in task || askedAt ? 'info' : 'debug';
    await run(deps, task, { lastRun, askedAt, level, signal: stopping.signal });
    if (stopping.signal.aborted) return;
    lastRuns.set(name, began);
  }

  async function attempt(task: Periodic): Promise<void> {
    try {
      await db.connection().execute(async (connection) => {
        if (!(await lockTask(connection, task.name))) return;
        await runIfDue(task).finally(() => unlockTask(connection, task.name));
      });
      failedAt.delete(task.name);
    } catch (error) {
      failedAt.set(task.name, clock.now());
      log.error({ err: error, task: task.name }, `Failed to ${task.name}`);
    }
  }

  function mayRun(task: Periodic, { asked, busy }: WantedTasks): boolean {
    const now = clock.now();
    const lastRun = lastRuns.get(task.name) ?? null;
    const rests = task.restSeconds !== undefined && !busy.has(task.name);
    const timing = rests ? { everySeconds: task.restSeconds } : task;
    const failed = failedAt.get(task.name);
    const pause = 'at' in task ? retryMilliseconds : Math.min(retryMilliseconds, task.everySeconds * 1000);
    if (stopping.signal.aborted || running.has(task.name) || running.size >= mostAtOnce) return false;
    if (failed !== undefined && now >= failed && now - failed < pause) return false;
    return asked.has(task.name) || isDue(timing, lastRun, now);
  }

  function findWanted(): Promise<WantedTasks> {
    return findWantedTasks(db, conditions).catch((error: unknown) => {
      log.debug({ err: error }, 'It could not be seen which tasks are wanted');
      return { asked: new Set(), busy: new Set() };
    });
  }

  async function look(): Promise<void> {
    asking ??= findWanted().finally(() => {
      asking = null;
    });
    const wanted = await asking;
    for (const task of tasks) {
      if (!mayRun(task, wanted)) continue;
      const run = attempt(task).finally(() => running.delete(task.name));
      running.set(task.name, run);
    }
    await Promise.all(running.values());
  }

  const timer = setInterval(() => void look(), lookMilliseconds);
  void look();
  return {
    look,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}

/**
 * Runs a task now, whether or not it is due; for a command. null: a scheduler or another command is running it. Throws
 * what the task throws, which is recorded and in the log by then.
 */
export async function runByHand(deps: ScheduleDeps, task: Periodic): Promise<Ran | null> {
  const { db, log } = deps;
  const { name } = task;
  return await db.connection().execute(async (connection) => {
    if (!(await lockTask(connection, name))) return null;
    try {
      const { signal } = new AbortController();
      return await run(deps, task, { ...(await findTaskState(db, name)), level: 'info', signal });
    } catch (error) {
      log.error({ err: error, task: name }, `Failed to ${name}`);
      throw error;
    } finally {
      await unlockTask(connection, name);
    }
  });
}

type RunOptions = Run & Readonly<{ askedAt: Date | null; level: 'info' | 'debug' }>;

/** Runs a task under its lock, logs and records it. A run that was aborted is not recorded as one. */
async function run(
  { db, clock, log, metrics }: ScheduleDeps,
  task: Periodic,
  { lastRun, askedAt, level, signal }: RunOptions,
): Promise<Ran> {
  const { name } = task;
  const began = new Date(clock.now());
  log[level]({ task: name }, 'Periodic task begins');
  const elapsed = stopwatch();
  const stat = task.stat ?? name.replaceAll('-', '_');
  const work = () => task.run({ lastRun, signal });
  const count = await metrics.timed('tasks', stat, work).catch(async (error: unknown) => {
    const failed = { began, failure: errorClass(error) };
    await recordFailure(db, name, failed).catch((unrecorded: unknown) =>
      log.debug({ err: unrecorded, task: name }, 'A failed run could not be recorded'),
    );
    throw error;
  });
  const seconds = Math.round(elapsed()) / 1000;
  log[count > 0 ? 'info' : level]({ task: name, count, seconds }, 'Periodic task done');
  if (!signal.aborted) await recordRun(db, name, { began, seconds, count, askedAt });
  return { count, seconds };
}
