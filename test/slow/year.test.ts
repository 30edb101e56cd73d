import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/config/config.ts';
import { type Clock, dayOf } from '../../src/ground/clock.ts';
import { createIdSource, idFloor } from '../../src/ground/id.ts';
import { createLog } from '../../src/ground/log.ts';
import { moveStatuses, type StatusMove } from '../../src/message/status/status.ts';
import { openCore } from '../../src/process/core.ts';
import { periodicTasks } from '../../src/process/periodic.ts';
import { foldFigures } from '../../src/statistics/totals/keep.ts';
import { daysOf } from '../../src/statistics/totals/periods.ts';
import { findDrift } from '../../src/statistics/totals/store-recount.ts';
import { isDue } from '../../src/upkeep/due.ts';
import { storeKept } from '../support/kept-messages.ts';
import { createWorld, environment } from '../support/world.ts';

const day = 86_400_000;
const begin = Date.parse('2027-01-04T05:00:00Z');
/** DAYS=110 is the least that shows it: lots of jobs are kept for 91. */
const days = Number(process.env['DAYS'] ?? 365);

test(`after ${days} days of messages, with every periodic task run in its time, nothing older than its retention is left, no table has grown that should not, and every total is what the history says`, async (t) => {
  const world = await createWorld({ roles: ['api'] });
  const config = readConfig(environment(world.databaseUrl, world.dataDir));
  const undo: (() => unknown)[] = [];
  t.after(async () => {
    for (const one of undo.reverse()) await one();
    await world.stop();
  });
  let now = begin;
  const clock: Clock = { now: () => now };
  const core = await openCore({
    config,
    clock,
    log: createLog('silent'),
    onStop: (one) => undo.push(one),
  });
  const { pool } = core.connection;
  const { tenant } = world;
  const long = await world.addTenant();
  await pool.query(
    `insert into service_data_retention (id, service_id, notification_type, days_of_retention, created_at)
     values (gen_random_uuid(), $1, 'email', 20, now()), (gen_random_uuid(), $1, 'sms', 3, now())`,
    [long.id],
  );
  const tasks = periodicTasks(core);
  const lastRuns = new Map<string, number>();
  const signal = new AbortController().signal;

  /** A day's messages, of any hour, and what else a day leaves behind. */
  async function live(): Promise<void> {
    const at = (hour: number) => new Date(now - 29 * 3_600_000 + hour * 3_600_000).toISOString();
    const [, waiting, ...handedOver] = await storeKept({ connection: core.connection, tenant }, [
      { at: at(23), status: 'created' },
      { at: at(12), type: 'email', status: 'created' },
      { at: at(0), status: 'created' },
      { at: at(9), tenant: long, status: 'created' },
      { at: at(10), tenant: long, type: 'email', status: 'created' },
    ]);
    await move([waiting!, ...handedOver], { kind: 'handed over', international: false, end: null });
    await move(handedOver, {
      ...{ kind: 'receipt', status: 'delivered', found: 'id', international: false, reliable: true },
    });
    const created = new Date(now - day);
    await pool.query(
      `with key as (insert into idempotency_keys (service_id, key, fingerprint, answer, created_at) values ($1, $2, '', '', $3)),
        counted as (insert into daily_counts (service_id, day, name, used, wanted, day_limit, admitted) values ($1, $3::timestamptz::date, 'sms', 3, 3, 3, 3)),
        filed as (insert into document_counts (service_id, day, files, bytes) values ($1, $3::timestamptz::date, 1, 1)),
        suppressed as (insert into suppressions (id, service_id, notification_type, recipient, reason, created_at, expires_at)
          values (gen_random_uuid(), $1, 'sms', $2, 'permanent-failure', $3, $3::timestamptz + interval '30 days')),
        job as (insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name,
          notification_count, status, key_type, created_at, final_at)
          values (gen_random_uuid(), $1, $4, 1, 'sms', 'people.csv', 1, 'finished', 'normal', $3, $3) returning id)
      insert into events (id, event_type, data, created_at) values ($5, 'sign-in', '{}', $3)`,
      [tenant.id, String(now), created, tenant.templates.sms, createIdSource({ now: () => now - day })()],
    );
    await pool.query(
      `insert into job_lots (job_id, number, first_row, row_count, done_at)
       select id, 1, 0, 1, final_at from jobs where created_at = $1`,
      [created],
    );
  }

  /** As a worker and a provider would, the night after. */
  async function move(ids: readonly string[], event: StatusMove['event']): Promise<void> {
    const at = new Date(now);
    const sent = { sentAt: at, sentBy: 'sandbox', reference: null, billableUnits: 1 };
    const handOver = event.kind === 'handed over' ? sent : null;
    await core.queues.transaction((transaction) =>
      moveStatuses(
        core,
        transaction,
        'dao_update_notification',
        ids.map((id) => ({ id, event, at, handOver })),
      ),
    );
  }

  async function runDue(): Promise<void> {
    for (const task of tasks) {
      const lastRun = lastRuns.get(task.name) ?? null;
      if (!isDue(task, lastRun, now)) continue;
      await task.run({ lastRun: lastRun === null ? null : new Date(lastRun), signal });
      lastRuns.set(task.name, now);
    }
  }

  // What is kept for a year is there from the year before.
  await pool.query(
    `with day as (select $2::timestamptz - i * interval '1 day' as at from generate_series(2, 400) i),
      counted as (insert into daily_counts (service_id, day, name, used, wanted, day_limit, admitted)
        select $1, at::date, 'sms', 3, 3, 3, 3 from day)
    insert into document_counts (service_id, day, files, bytes) select $1, at::date, 1, 1 from day`,
    [tenant.id, new Date(begin)],
  );
  for (let before = 2; before <= 400; before++)
    await pool.query(
      `insert into events (id, event_type, data, created_at) values ($1, 'sign-in', '{}', $2)`,
      [createIdSource({ now: () => begin - before * day })(), new Date(begin - before * day)],
    );

  const sizes: Record<string, number>[] = [];
  const tables = [
    ...['notifications', 'attempts', 'receipts', 'service_callbacks', 'service_callback_attempts', 'events'],
    ...['idempotency_keys', 'daily_counts', 'document_counts', 'suppressions', 'job_lots', 'table_sizes'],
  ];
  async function measure(): Promise<void> {
    const counts = tables.map((table) => `(select count(*)::int from ${table}) as ${table}`);
    const partitions = `(select count(*)::int from pg_inherits where inhparent = 'notifications'::regclass) as days`;
    sizes.push((await pool.query(`select ${counts.join()}, ${partitions}`)).rows[0]);
  }

  for (let passed = 0; passed < days; passed++, now += day) {
    await live();
    // For three weeks, nothing runs the schedule.
    if (passed < 30 || passed > 50) await runDue();
    if (passed === days - 15 || passed === days - 1) await measure();
  }
  const [before, last] = sizes;
  assert.deepEqual(last, before, 'two weeks apart, every table has as many rows');

  now -= day;
  const cutoff = (kept: number) => idFloor(now - (kept + 1) * day - 5 * 3_600_000);
  const { rows } = await pool.query(
    `select count(*)::int as old from notifications n join notification_history h using (id)
     where id < case when n.service_id <> $1 then $2::uuid when h.notification_type = 'sms' then $3 else $4 end`,
    [long.id, cutoff(7), cutoff(3), cutoff(20)],
  );
  assert.equal(rows[0].old, 0);
  const history = await pool.query(
    `select count(*)::int as all, count(*) filter (where status in ('created', 'sending', 'pending') and created_at < $1)::int as open
     from notification_history`,
    [new Date(now - 4 * day)],
  );
  assert.deepEqual(history.rows[0], { all: 5 * days, open: 0 });

  await foldFigures(core, { signal });
  const every = daysOf({ from: dayOf(begin - 2 * day), to: dayOf(now) });
  for (const one of every)
    assert.deepEqual({ one, ...(await findDrift(core.db, one)) }, { one, count: 0, examples: [] });
  const totals = await pool.query(
    `select (select sum(count) from status_totals)::int as services, (select sum(count) from platform_totals)::int as platform,
      (select count(*) from status_changes)::int as pending`,
  );
  assert.deepEqual(totals.rows[0], { services: 5 * days, platform: 5 * days, pending: 0 });
});
