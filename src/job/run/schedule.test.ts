import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readJob, startJob, tideRows } from '../../../test/support/jobs.ts';
import { openTestQueues } from '../../../test/support/queues.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import { readConfig } from '../../config/config.ts';
import type { Log } from '../../ground/log.ts';
import { periodicTimings } from '../../process/periodic.ts';
import { isDue } from '../../upkeep/due.ts';
import { resumeLateJobs, runScheduledJobs, type ScheduleDeps } from './schedule.ts';

const run = { signal: new AbortController().signal };
const minute = 60_000;

describe('the schedule of jobs', () => {
  let world: World;
  let opened: Awaited<ReturnType<typeof openTestQueues>>;
  let lines: string[];
  let deps: ScheduleDeps;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
    opened = await openTestQueues(world);
    lines = [];
    const write = (_fields: object, line: string) => lines.push(line);
    const log = { info: write, warn: write } as unknown as Log;
    deps = { db: world.connection.db, clock: world.clock, log, queues: opened.queues };
  });
  after(async () => {
    await opened.stop();
    await world.stop();
  });

  const inAnHour = () => new Date(world.clock.now() + 60 * minute).toISOString();
  const sql = (text: string, values: unknown[] = []) => world.connection.pool.query(text, values);
  const tasks = async (queue: string) =>
    (await sql(`select id from pgboss.job where name = $1 order by created_on, id`, [queue])).rows.length;

  test('several schedulers at once start each job once, and only those whose time has passed', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1)
      ids.push(await startJob(world, world.tenant, tideRows(1), { scheduled_for: inAnHour() }));
    for (const [index, id] of ids.slice(0, 4).entries())
      await sql(`update jobs set scheduled_for = now() - $2 * interval '1 minute' where id = $1`, [
        id,
        index + 1,
      ]);
    const counts = await Promise.all([1, 2, 3].map(() => runScheduledJobs(deps, run)));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      4,
    );
    // The earliest first.
    assert.deepEqual(
      lines.splice(0),
      [3, 2, 1, 0].map((index) => `Job ID ${ids[index]} added to process job queue`),
    );
    assert.equal(await tasks('process-job'), 4);
    assert.equal((await readJob(world, world.tenant, ids[4]!))['job_status'], 'scheduled');
    assert.equal((await readJob(world, world.tenant, ids[0]!))['job_status'], 'pending');
    await sql(`delete from pgboss.job where name = 'process-job'`);
    await sql(`update jobs set status = 'cancelled', final_at = now()`);
  });

  test('a job that has lost its tasks is queued again, however old it is; one that has them is left alone', async () => {
    const pending = await startJob(world, world.tenant, tideRows(1));
    const held = await startJob(world, world.tenant, tideRows(1), { hold_seconds: 3600 });
    const begun = await startJob(world, world.tenant, tideRows(1));
    await sql(`update jobs set status = 'in progress', processing_started = now() where id = $1`, [begun]);
    await sql(
      `insert into job_lots (job_id, number, first_row, row_count, done_at) values
      ($1, 0, 0, 500, now()), ($1, 1, 500, 500, null), ($1, 2, 1000, 500, null)`.replaceAll(
        '$1',
        `'${begun}'`,
      ),
    );
    const empty = await startJob(world, world.tenant, tideRows(1));
    await sql(`update jobs set status = 'in progress', processing_started = now() where id = $1`, [empty]);
    await sql(`delete from pgboss.job where name = 'process-job'`);
    assert.equal(await resumeLateJobs(deps, run), 0);
    await sql(`update jobs set created_at = now() - interval '90 days'`);
    assert.equal(await resumeLateJobs(deps, run), 3);
    assert.deepEqual([await tasks('process-job'), await tasks('bulk-sms')], [1, 2]);
    assert.equal(lines.filter((line) => line === `Job ${pending} has not completed`).length, 1);
    assert.equal((await readJob(world, world.tenant, empty))['job_status'], 'finished');
    assert.equal((await readJob(world, world.tenant, held))['job_status'], 'pending');
    assert.equal(await resumeLateJobs(deps, run), 0);
    await sql(`delete from pgboss.job where name in ('process-job', 'bulk-sms')`);
  });
});

/** The times of a day, as the scheduler looks every minute, at which `run-scheduled-jobs` is due. */
function timesOf(every: string, from: string, hours: number): string[] {
  const timing = periodicTimings(readConfig({ SCHEDULED_JOBS_EVERY: every })).find(
    ({ name }) => name === 'run-scheduled-jobs',
  )!;
  const start = Date.parse(from);
  let last = start - 1;
  const times: string[] = [];
  for (let now = start; now < start + hours * 60 * minute; now += minute)
    if (isDue(timing, last, now)) {
      times.push(new Date(now).toISOString().slice(11, 16));
      last = now;
    }
  return times;
}

test('scheduled jobs are looked for once an hour or four times, also in the nights when the clocks change', () => {
  const hourly = ['22:01', '23:01', '00:01', '01:01', '02:01', '03:01'];
  const quarters = ['22', '23', '00', '01', '02', '03'].flatMap((hour) =>
    ['00', '15', '30', '45'].map((minutes) => `${hour}:${minutes}`),
  );
  for (const day of ['2026-03-28', '2026-10-24', '2026-11-20']) {
    assert.deepEqual(timesOf('hour', `${day}T22:00:00Z`, 6), hourly, day);
    assert.deepEqual(timesOf('quarter', `${day}T22:00:00Z`, 6), quarters, day);
  }
});
