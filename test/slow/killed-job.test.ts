import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryEmbedded } from '../../embedded-postgres/embedded.ts';
import { findRunning } from '../../embedded-postgres/server.ts';
import { isUnreachable } from '../../src/database/connection.ts';
import { dayOf } from '../../src/ground/clock.ts';
import { foldFigures } from '../../src/statistics/totals/keep.ts';
import { daysOf } from '../../src/statistics/totals/periods.ts';
import { findDrift } from '../../src/statistics/totals/store-recount.ts';
import { createTemplate } from '../support/database.ts';
import { readJob, startJob, tideRows } from '../support/jobs.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';
import { createWorld, environment } from '../support/world.ts';

/** 100,000 take a few minutes. */
const rowCount = Number(process.env['ROWS'] ?? 10_000);
const kills = 5;
/** Seconds for which nothing may change: a killed worker's tasks are free after 15, its claims a few seconds later. */
const patience = 90;

type Look = Readonly<{
  /** The sum of the kept counts. */
  counted: number;
  made: number;
  /** Rows of the lots that are not made. */
  unmade: number;
  /** Statuses whose kept count is not the number of messages that have it. */
  wrong: number;
  delivered: number;
}>;

type Counts = Readonly<{
  distinct_references: number;
  duplicate_references: number;
  duplicates: readonly { reference: string; times: number }[];
}>;

test(`a worker that is killed ${kills} times while it processes a job, and a crash of the database, lose no row, make none twice and send none twice but for an unknown attempt; the counts are right at every moment, and all figures at the end`, {
  timeout: 1_800_000,
}, async (t) => {
  // Its own, since it crashes, and durable, since it must survive that.
  const database = await temporaryEmbedded({ durable: true });
  const server = { ...process.env };
  process.env['TEST_DATABASE_URL'] = database.url;
  process.env['TEST_DATABASE_TEMPLATE'] = await createTemplate(database.url);
  const world = await createWorld({ roles: ['api', 'sandbox', 'scheduler'] });
  Object.assign(process.env, server);
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const settings = environment(world.databaseUrl, dataDir, {
    ...{ SANDBOX_URL: world.sandboxUrl, API_HOST_NAME: world.api },
    // Much less than in production, and enough for a receipt to come first.
    DELIVER_RETRY_DELAY_SECONDS: '30',
  });
  const started: ProductProcess[] = [];
  const start = async () => started.push(await startProcess(['--roles', 'worker'], settings));
  try {
    const { pool } = world.connection;
    await pool.query('update services set sms_limit = $1 where id = $2', [2 * rowCount, world.tenant.id]);
    await start();
    const firstDay = dayOf(world.clock.now());
    const began = performance.now();
    const id = await startJob(world, world.tenant, tideRows(rowCount));

    /** One statement, so all counts are of one moment. null while the database is down. */
    async function look(): Promise<Look | null> {
      const { rows } = await pool
        .query<Look>(
          `with messages as (
            select status, count(*) as count from notification_history where job_id = $1 group by status
          ), kept as (
            select status, sum(count) as count from (
              select status, count from job_totals where job_id = $1
              union all select status, count from status_changes where job_id = $1) both_parts group by status
          )
          select (select coalesce(sum(count), 0) from kept)::int as counted,
            (select coalesce(sum(count), 0) from messages)::int as made,
            (select coalesce(sum(row_count), 0) from job_lots where job_id = $1 and done_at is null)::int as unmade,
            (select count(*) from (select * from messages except select * from kept) differing)::int as wrong,
            (select coalesce(sum(count), 0) from messages where status = 'delivered')::int as delivered`,
          [id],
        )
        .catch((error: unknown) => {
          if (isUnreachable(error)) return { rows: [null] };
          throw error;
        });
      const seen = rows[0]!;
      if (seen === null) return null;
      const { counted, made, unmade, wrong } = seen;
      assert.deepEqual([counted, wrong], [made, 0]);
      // Once it has begun, every row is a message or in a lot that is still to be made.
      if (made + unmade > 0) assert.equal(made + unmade, rowCount);
      return seen;
    }

    /** The job's way has two halves: rows become messages, and messages are delivered. It takes as long as it moves. */
    async function until(share: number): Promise<void> {
      const wayOf = (seen: Look | null) => (seen === null ? -1 : seen.made + seen.delivered);
      const goal = 2 * rowCount * share;
      for (let way = -1; way < goal; ) {
        const before = way;
        way = wayOf(await world.until(look, (seen) => wayOf(seen) > before, patience));
      }
    }

    for (let kill = 1; kill <= kills; kill += 1) {
      await until(kill / (kills + 2));
      await started.at(-1)!.kill('SIGKILL');
      await look();
      // As a power cut would, while no worker runs that could notice it early.
      if (kill === 3) process.kill(findRunning(join(database.dataDir, 'postgres'))!.pid, 'SIGQUIT');
      await world.until(look, (seen) => seen !== null, patience);
      await start();
    }
    await until(1);
    const done = await world.until(
      () => readJob(world, world.tenant, id),
      ({ final_at }) => final_at !== null,
      patience,
    );
    assert.equal(done['job_status'], 'finished all notifications created');
    assert.deepEqual(done['statistics'], [{ status: 'delivered', count: rowCount }]);
    const { rows } = await pool.query(
      `select count(*)::int as messages, count(distinct job_row_number)::int as rows, min(job_row_number) as first,
        max(job_row_number) as last from notification_history where job_id = $1`,
      [id],
    );
    assert.deepEqual(rows[0], { messages: rowCount, rows: rowCount, first: 0, last: rowCount - 1 });
    await foldFigures(world.connection, { signal: new AbortController().signal });
    for (const day of daysOf({ from: firstDay, to: dayOf(world.clock.now()) }))
      assert.deepEqual(await findDrift(world.connection.db, day), { count: 0, examples: [] });
    // A worker that is killed during a call leaves its outcome unknown. Unless the receipt settles it before the next
    // try, the provider gets the message again, once for each such attempt and never otherwise.
    const counts: Counts = await world.sandbox('/counts');
    assert.equal(counts.distinct_references, rowCount);
    assert.equal(counts.duplicates.length, counts.duplicate_references);
    const { rows: unknown } = await pool.query<{ id: string; count: number }>(
      `select notification_id as id, count(*)::int as count from attempts where outcome = 'unknown' group by notification_id`,
    );
    const unknownOf = new Map(unknown.map(({ id, count }) => [id, count]));
    const unexplained = counts.duplicates.filter(
      ({ reference, times }) => times > 1 + (unknownOf.get(reference) ?? 0),
    );
    assert.deepEqual(unexplained, []);
    t.diagnostic(
      `${rowCount} rows in ${((performance.now() - began) / 1000).toFixed(0)} s, the worker killed ${kills} times and the database once: ${rows[0].messages} messages, ${rows[0].rows} rows, ${unknown.length} with an unknown attempt, of which ${counts.duplicate_references} arrived more than once`,
    );
  } finally {
    await Promise.all(started.map((worker) => worker.kill('SIGKILL')));
    await world.stop();
    await database.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
