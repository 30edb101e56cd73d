import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readJob, startJob, tideRows } from '../support/jobs.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';
import { createWorld, environment } from '../support/world.ts';

const rowCount = 6000;

test('workers that are killed while they make a job’s messages lose no row and make none twice, and the counts are right at every moment', async () => {
  const world = await createWorld({ roles: ['api', 'sandbox', 'scheduler'] });
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const started: ProductProcess[] = [];
  const start = async () => {
    const settings = environment(world.databaseUrl, dataDir, {
      ...{ SANDBOX_URL: world.sandboxUrl, API_HOST_NAME: world.api, DELIVER_RETRY_DELAY_SECONDS: '1' },
    });
    const worker = await startProcess(['--roles', 'worker'], settings);
    started.push(worker);
    return worker;
  };
  try {
    const first = await start();
    const id = await startJob(world, world.tenant, tideRows(rowCount));
    const { pool } = world.connection;

    /** One statement, so all counts are of one moment. */
    async function look(): Promise<{ counted: number; made: number; unmade: number; moved: number }> {
      const { rows } = await pool.query(
        `select (select coalesce(sum(count), 0) from job_totals where job_id = $1)::int
            + (select coalesce(sum(count), 0) from status_changes where job_id = $1)::int as counted,
          (select count(*) from notification_history where job_id = $1)::int as made,
          (select coalesce(sum(row_count), 0) from job_lots where job_id = $1 and done_at is null)::int as unmade,
          (select count(*) from (
            select status, count(*) from notification_history where job_id = $1 group by status
            except
            select status, sum(count) from (
              select status, count from job_totals where job_id = $1
              union all select status, count from status_changes where job_id = $1) c group by status
          ) differing)::int as moved`,
        [id],
      );
      const { counted, made, unmade } = rows[0];
      assert.equal(counted, made);
      assert.equal(rows[0].moved, 0);
      if ((await readJob(world, world.tenant, id))['processing_started'] !== null && made + unmade > 0)
        assert.equal(made + unmade, rowCount);
      return rows[0];
    }

    await world.until(look, ({ made }) => made > 0);
    await first.kill('SIGKILL');
    await look();
    const second = await start();
    const before = (await look()).made;
    await world.until(look, ({ made }) => made > before, 40);
    await second.kill('SIGKILL');
    await look();
    await start();
    const done = await world.until(
      async () => {
        await look();
        return await readJob(world, world.tenant, id);
      },
      ({ final_at }) => final_at !== null,
      90,
    );
    assert.equal(done['job_status'], 'finished all notifications created');
    assert.deepEqual(done['statistics'], [{ status: 'delivered', count: rowCount }]);
    const { rows } = await pool.query(
      `select count(*)::int as messages, count(distinct job_row_number)::int as rows, min(job_row_number) as first,
        max(job_row_number) as last from notification_history where job_id = $1`,
      [id],
    );
    assert.deepEqual(rows[0], { messages: rowCount, rows: rowCount, first: 0, last: rowCount - 1 });
  } finally {
    await Promise.all(started.map((worker) => worker.kill('SIGKILL')));
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
