import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../../src/config/config.ts';
import { dayAfter, dayOf } from '../../src/ground/clock.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { periodicTimings } from '../../src/process/periodic.ts';
import { ends } from '../../src/upkeep/retention/ends.ts';
import { measureTables } from '../../src/upkeep/retention/store-sizes.ts';
import { createWorld, environment, type World } from '../support/world.ts';

describe('what grows', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api', 'scheduler'] });
  });
  after(() => world.stop());
  const count = async (from: string) =>
    (await world.connection.pool.query(`select count(*)::int from ${from}`)).rows[0].count as number;
  async function runTask(name: string): Promise<void> {
    assert.equal((await world.admin('POST', `/platform/tasks/${name}/run`)).status, 202);
    await world.until(
      async () => (await world.admin('GET', '/platform/tasks')).body.tasks,
      (tasks) => tasks.find((task: { name: string }) => task.name === name).asked_at === null,
      60,
    );
  }

  test('every table of a migrated database has an end, or a reason to be kept for ever', async () => {
    const { body } = await world.admin('GET', '/platform/system');
    const tables: { name: string; ends: string | null }[] = body.database.tables;
    assert.deepEqual(tables.map(({ name }) => name).toSorted(), Object.keys(ends).toSorted());
    assert.deepEqual(
      tables.filter((table) => table.ends === null),
      [],
    );
  });

  test('every task that ends something is a periodic task', () => {
    const names = new Set(
      periodicTimings(readConfig(environment('postgres://x', '/x'))).map(({ name }) => name),
    );
    for (const [table, end] of Object.entries(ends)) if ('task' in end) assert.ok(names.has(end.task), table);
  });

  test('operators see how much a table has grown in a week', async () => {
    const { db } = world.connection;
    await measureTables(db, new Date(world.clock.now() - 40 * 86_400_000));
    await measureTables(db, new Date(world.clock.now() - 6 * 86_400_000));
    await world.connection.pool.query(
      `insert into complaints (id, notification_id, service_id, ses_feedback_id, complaint_date, created_at)
       select gen_random_uuid(), gen_random_uuid(), $1, i::text, now(), now() from generate_series(1, 2000) i`,
      [world.tenant.id],
    );
    const { body } = await world.admin('GET', '/platform/system');
    const table = body.database.tables.find(({ name }: { name: string }) => name === 'complaints');
    assert.ok(table.bytes > table.bytes_a_week_ago && table.bytes_a_week_ago > 0, JSON.stringify(table));
    await runTask('measure-tables');
    assert.equal(await count(`table_sizes where measured_at < now() - interval '36 days'`), 0);
  });

  test('events are deleted after 52 weeks, daily counts after a year, and lots of jobs after 91 days', async () => {
    const { pool } = world.connection;
    const now = world.clock.now();
    const at = (days: number) => now - days * 86_400_000;
    await pool.query('delete from events');
    for (const days of [365, 363])
      await pool.query(
        `insert into events (id, event_type, data, created_at) values ($1, 'sign-in', '{}', $2)`,
        [createIdSource({ now: () => at(days) })(), new Date(at(days))],
      );
    const { id } = world.tenant;
    for (const days of [368, 366])
      await pool.query(
        `with sent as (insert into daily_counts (service_id, day, name, used, wanted, day_limit, admitted) values ($1, $2, 'sms', 1, 1, 1, 1))
         insert into document_counts (service_id, day, files, bytes) values ($1, $2, 1, 1)`,
        [id, dayAfter(dayOf(now), -days)],
      );
    for (const days of [92, 90])
      await pool.query(
        `with job as (
           insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name,
             notification_count, status, key_type, created_at, final_at)
           values (gen_random_uuid(), $1, $2, 1, 'sms', 'people.csv', 1, 'finished', 'normal', $3, $3) returning id)
         insert into job_lots (job_id, number, first_row, row_count, done_at) select gen_random_uuid(), 1, 0, 1, $3
         where false`,
        [id, world.tenant.templates.sms, new Date(at(days))],
      );
    await pool.query(
      'insert into job_lots (job_id, number, first_row, row_count) select id, 1, 0, 1 from jobs',
    );
    for (const name of ['delete-old-records-from-events-table', 'delete-old-counts', 'delete-old-job-lots'])
      await runTask(name);
    assert.equal(await count(`events where event_type = 'sign-in'`), 1);
    assert.equal(await count('daily_counts'), 1);
    assert.equal(await count('document_counts'), 1);
    assert.equal(await count('job_lots'), 1);
    assert.equal(await count('jobs'), 2, 'a job outlives its messages');
  });
});
