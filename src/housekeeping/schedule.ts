import { sql } from 'kysely';
import { stopwatch } from '../clock.ts';
import type { Db } from '../database/connection.ts';
import type { Log } from '../log.ts';

/** Something done every so often. `run` answers how many things it did, for the log. */
export type Periodic = Readonly<{ name: string; everySeconds: number; run: () => Promise<number> }>;

/**
 * Runs periodic tasks, each under a database lock of its name, so that any number of schedulers do no harm (spec 06,
 * section 1.3). A run that fails is logged, and the next one tries again.
 */
export function startSchedule(
  deps: Readonly<{ db: Db; log: Log }>,
  tasks: readonly Periodic[],
): { stop(): Promise<void> } {
  const { db, log } = deps;
  const running = new Set<Promise<void>>();

  async function run(task: Periodic): Promise<void> {
    const elapsed = stopwatch();
    try {
      const done = await db.connection().execute(async (connection) => {
        const { rows } = await sql<{ locked: boolean }>`
          select pg_try_advisory_lock(hashtextextended(${`despatch.${task.name}`}, 0)) as locked`.execute(
          connection,
        );
        if (!rows[0]?.locked) return null;
        try {
          return await task.run();
        } finally {
          await sql`select pg_advisory_unlock(hashtextextended(${`despatch.${task.name}`}, 0))`.execute(
            connection,
          );
        }
      });
      if (done !== null && done > 0)
        log.info({ task: task.name, count: done, seconds: elapsed() / 1000 }, 'Periodic task done');
    } catch (error) {
      log.error({ err: error, task: task.name }, `Failed to ${task.name}`);
    }
  }

  const timers = tasks.map((task) =>
    setInterval(() => {
      const under = run(task);
      running.add(under);
      void under.finally(() => running.delete(under));
    }, task.everySeconds * 1000),
  );
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running);
    },
  };
}
