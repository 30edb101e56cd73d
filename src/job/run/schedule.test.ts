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
    (await sql(`select id from tasks where queue = $1 order by since, id`, [queue])).rows.length;

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
    await sql(`delete from tasks where queue = 'process-job'`);
    await sql(`update jobs set status = 'cancelled', final_at = now()`);
  });

  test('in the nights when the clocks change, two schedulers at once start each job once, at the first look after its time', async () => {
    // From before the change to after it, at its very moment, and at minutes at which jobs are looked for.
    const minutes = [10, 61, 119, 121, 150, 165, 179, 180, 181, 195, 200, 225, 240, 250, 270];
    const ids: string[] = [];
    for (const _ of minutes)
      ids.push(await startJob(world, world.tenant, tideRows(1), { scheduled_for: inAnHour() }));
    for (const night of nights)
      for (const every of ['hour', 'quarter']) {
        const start = Date.parse(`${night}T22:00:00Z`);
        const times = new Map(ids.map((id, index) => [id, start + minutes[index]! * minute]));
        await sql(
          `update jobs j set status = 'scheduled', scheduled_for = t.at
          from unnest($1::uuid[], $2::timestamptz[]) as t (id, at) where j.id = t.id`,
          [ids, [...times.values()].map((at) => new Date(at))],
        );
        const due = dueTimes(every, `${night}T22:00:00Z`, 6);
        const started = new Map<string, number>();
        let count = 0;
        for (const now of due) {
          const clock = { now: () => now };
          const counts = await Promise.all([1, 2].map(() => runScheduledJobs({ ...deps, clock }, run)));
          count += counts[0]! + counts[1]!;
          const { rows } = await sql(`select id from jobs where status = 'pending' and id = any($1)`, [ids]);
          for (const { id } of rows) if (!started.has(id)) started.set(id, now);
        }
        assert.equal(count, ids.length);
        const expected = [...times].map(([id, at]) => [id, due.find((now) => now > at)] as const);
        assert.deepEqual(started, new Map(expected), `${night}, every ${every}`);
        const longest = (every === 'hour' ? 60 : 15) * minute;
        for (const [id, at] of times) assert.ok(started.get(id)! - at <= longest);
        assert.equal(await tasks('process-job'), ids.length);
        await sql(`delete from tasks where queue = 'process-job'`);
      }
    lines.splice(0);
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
    await sql(`delete from tasks where queue = 'process-job'`);
    assert.equal(await resumeLateJobs(deps, run), 0);
    await sql(`update jobs set created_at = now() - interval '90 days'`);
    assert.equal(await resumeLateJobs(deps, run), 3);
    assert.deepEqual([await tasks('process-job'), await tasks('bulk-sms')], [1, 2]);
    assert.equal(lines.filter((line) => line === `Job ${pending} has not completed`).length, 1);
    assert.equal((await readJob(world, world.tenant, empty))['job_status'], 'finished');
    assert.equal((await readJob(world, world.tenant, held))['job_status'], 'pending');
    assert.equal(await resumeLateJobs(deps, run), 0);
    await sql(`delete from tasks where queue in ('process-job', 'bulk-sms')`);
    await sql(`update jobs set status = 'cancelled', final_at = now()`);
  });

  test('a job whose tasks end while it is looked at is left alone', async () => {
    const begun = await startJob(world, world.tenant, tideRows(1));
    const pending = await startJob(world, world.tenant, tideRows(1));
    await sql(`update jobs set status = 'in progress', processing_started = now() where id = $1`, [begun]);
    await sql(
      `insert into job_lots (job_id, number, first_row, row_count) values ($1, 0, 0, 500), ($1, 1, 500, 500)`,
      [begun],
    );
    await sql(`update jobs set created_at = now() - interval '90 days' where id = any($1)`, [
      [begun, pending],
    ]);
    // As workers end them, between the look at the lots and the one at the tasks.
    const waiting: ScheduleDeps['queues']['waiting'] = async (...of) => {
      await sql(`delete from tasks where queue = 'process-job'`);
      await sql(`update job_lots set done_at = now() where job_id = $1 and number = 0`, [begun]);
      await sql(`update jobs set status = 'in progress' where id = $1`, [pending]);
      await sql(
        `insert into job_lots (job_id, number, first_row, row_count) values ($1, 0, 0, 1) on conflict do nothing`,
        [pending],
      );
      return await opened.queues.waiting(...of);
    };
    lines.splice(0);
    const queues = { ...opened.queues, waiting };
    await resumeLateJobs({ ...deps, queues }, run);
    // Only the lot that is still open has lost its task.
    const { rows } = await sql(
      `select payload as task from tasks where queue in ('process-job', 'bulk-sms')`,
    );
    assert.deepEqual(rows, [{ task: { job_id: begun, lot: 1 } }]);
    assert.deepEqual(lines, [`Job ${begun} has not completed`]);
    await sql(`delete from tasks where queue in ('process-job', 'bulk-sms')`);
    await sql(`update jobs set status = 'cancelled', final_at = now() where id = any($1)`, [
      [begun, pending],
    ]);
  });
});

/** When `run-scheduled-jobs` is due, as the scheduler finds it who looks every minute; Unix milliseconds. */
function dueTimes(every: string, from: string, hours: number): number[] {
  const timing = periodicTimings(readConfig({ SCHEDULED_JOBS_EVERY: every })).find(
    ({ name }) => name === 'run-scheduled-jobs',
  )!;
  const start = Date.parse(from);
  let last = start - 1;
  const times: number[] = [];
  for (let now = start; now < start + hours * 60 * minute; now += minute)
    if (isDue(timing, last, now)) {
      times.push(now);
      last = now;
    }
  return times;
}

const shownTime = (time: number) => new Date(time).toISOString().slice(11, 16);

/** The two nights of 2026 in which London changes its clocks, at 01:00 UTC, and one in which it does not. */
const nights = ['2026-03-28', '2026-10-24', '2026-11-20'];

test('scheduled jobs are looked for once an hour or four times, also in the nights when the clocks change', () => {
  const hourly = ['22:01', '23:01', '00:01', '01:01', '02:01', '03:01'];
  const quarters = ['22', '23', '00', '01', '02', '03'].flatMap((hour) =>
    ['00', '15', '30', '45'].map((minutes) => `${hour}:${minutes}`),
  );
  for (const day of nights) {
    assert.deepEqual(dueTimes('hour', `${day}T22:00:00Z`, 6).map(shownTime), hourly, day);
    assert.deepEqual(dueTimes('quarter', `${day}T22:00:00Z`, 6).map(shownTime), quarters, day);
  }
});
