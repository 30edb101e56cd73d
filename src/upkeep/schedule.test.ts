import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { freshDatabase } from '../../test/support/database.ts';
import { type Connection, connect } from '../database/connection.ts';
import { migrate } from '../database/migrate.ts';
import { createLog } from '../ground/log.ts';
import { createMetrics } from '../ground/metrics.ts';
import { type Periodic, type Run, type Schedule, startSchedule } from './schedule.ts';

const log = createLog('silent');
const metrics = createMetrics(null, log);
const at = (text: string) => Date.parse(text);

describe('the schedule', () => {
  let connection: Connection;
  let drop: () => Promise<void>;
  let now = 0;
  const clock = { now: () => now };
  const schedules: Schedule[] = [];

  before(async () => {
    const database = await freshDatabase();
    connection = connect(database.url, 4, log);
    drop = database.drop;
    await migrate(connection.db, log);
  });
  after(async () => {
    await connection.close();
    await drop();
  });
  afterEach(async () => {
    for (const schedule of schedules.splice(0)) await schedule.stop();
    await connection.pool.query('delete from periodic_tasks');
  });

  /** Starts a scheduler and waits for its first check. */
  async function begin(tasks: readonly Periodic[]): Promise<Schedule> {
    const schedule = startSchedule({ db: connection.db, clock, log, metrics }, tasks);
    schedules.push(schedule);
    await schedule.look();
    return schedule;
  }
  function daily(name: string, seen: Run[]): Periodic {
    return {
      name,
      at: '0 3 * * *',
      zone: 'Europe/London',
      run: async (given) => {
        seen.push(given);
        return 1;
      },
    };
  }
  const lastRuns = (seen: readonly Run[]) => seen.map(({ lastRun }) => lastRun?.toISOString() ?? null);

  test('a task that never ran runs at the start, then at its times, and receives the time its last run began', async () => {
    const seen: Run[] = [];
    now = at('2026-03-28T12:00:00Z');
    const schedule = await begin([daily('tidy', seen)]);
    assert.deepEqual(lastRuns(seen), [null]);
    now = at('2026-03-29T01:59:59Z');
    await schedule.look();
    assert.equal(seen.length, 1);
    now = at('2026-03-29T02:00:00Z');
    await schedule.look();
    await schedule.look();
    assert.deepEqual(lastRuns(seen), [null, '2026-03-28T12:00:00.000Z']);
  });

  test('a task rests while it has nothing to do, and runs at its interval while it has', async () => {
    let runs = 0;
    now = at('2026-11-30T12:00:00Z');
    const schedule = await begin([
      {
        name: 'fold',
        ...{ everySeconds: 1, restSeconds: 60 },
        hasWork: sql<boolean>`exists (select from periodic_tasks where name = 'something to do')`,
        run: async () => {
          runs += 1;
          return 0;
        },
      },
    ]);
    const passes = async (seconds: number) => {
      now += seconds * 1000;
      await schedule.look();
      return runs;
    };
    assert.equal(runs, 1);
    assert.equal(await passes(59), 1);
    assert.equal(await passes(1), 2);
    await connection.pool.query(`insert into periodic_tasks (name) values ('something to do')`);
    assert.equal(await passes(1), 3);
    assert.equal(await passes(1), 4);
    await connection.pool.query(`delete from periodic_tasks where name = 'something to do'`);
    assert.equal(await passes(1), 4);
    await connection.pool.query(`update periodic_tasks set asked_at = now()`);
    assert.equal(await passes(1), 5);
  });

  test('a task missed while no scheduler ran is run once at the next start', async () => {
    const seen: Run[] = [];
    now = at('2026-11-10T03:00:00Z');
    const first = await begin([daily('tidy', seen)]);
    await first.stop();
    now = at('2026-11-14T17:00:00Z');
    const second = await begin([daily('tidy', seen)]);
    assert.deepEqual(lastRuns(seen), [null, '2026-11-10T03:00:00.000Z']);
    await second.look();
    assert.equal(seen.length, 2);
  });

  test('two schedulers run a task once, even while a run takes long', async () => {
    let runs = 0;
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const task: Periodic = {
      name: 'tidy',
      everySeconds: 60,
      run: async () => {
        runs += 1;
        begin();
        await finished;
        return 0;
      },
    };
    now = at('2026-11-10T03:00:00Z');
    const [one, other] = [0, 1].map(() => startSchedule({ db: connection.db, clock, log, metrics }, [task]));
    schedules.push(one!, other!);
    await begun;
    // The checks of the scheduler without the lock finish meanwhile.
    await Promise.race([one!.look(), other!.look()]);
    await Promise.race([one!.look(), other!.look()]);
    assert.equal(runs, 1);
    finish();
    await Promise.all([one!.look(), other!.look()]);
    await Promise.all([one!.look(), other!.look()]);
    assert.equal(runs, 1);
    now += 60_000;
    await Promise.all([one!.look(), other!.look()]);
    await Promise.all([one!.look(), other!.look()]);
    assert.equal(runs, 2);
  });

  test('a failed run does not count, holds up no other task and is retried after a minute', async () => {
    const seen: Run[] = [];
    let runs = 0;
    const failing: Periodic = {
      name: 'fail',
      at: '0 3 * * *',
      zone: 'Europe/London',
      run: async () => {
        runs += 1;
        if (runs === 1) throw new Error('The disk is full');
        return 0;
      },
    };
    now = at('2026-11-10T03:00:00Z');
    const schedule = await begin([failing, daily('tidy', seen)]);
    assert.deepEqual([runs, seen.length], [1, 1]);
    now += 59_999;
    await schedule.look();
    assert.equal(runs, 1);
    now += 1;
    await schedule.look();
    now += 60_000;
    await schedule.look();
    assert.equal(runs, 2);
  });

  test('all tasks run even if there are more of them than connections', async () => {
    const ran = new Set<string>();
    now = at('2026-11-10T03:00:00Z');
    const schedule = await begin(
      Array.from({ length: 9 }, (_, index) => ({
        name: `task ${index}`,
        everySeconds: 60,
        run: async () => {
          await connection.pool.query('select 1');
          ran.add(`task ${index}`);
          return 0;
        },
      })),
    );
    await schedule.look();
    await schedule.look();
    assert.equal(ran.size, 9);
  });

  test('a stop aborts the run in progress, which is then not counted as done', async () => {
    const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
    let stopped = false;
    const seen: Run[] = [];
    now = at('2026-11-10T03:00:00Z');
    const schedule = startSchedule({ db: connection.db, clock, log, metrics }, [
      {
        name: 'tidy',
        everySeconds: 60,
        run: ({ signal }) =>
          new Promise((resolve) => {
            begins();
            signal.addEventListener('abort', () => {
              stopped = true;
              resolve(1);
            });
          }),
      },
    ]);
    await begun;
    await schedule.stop();
    assert.ok(stopped);
    await begin([daily('tidy', seen)]);
    assert.deepEqual(lastRuns(seen), [null]);
  });
});
