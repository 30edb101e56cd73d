import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/ground/log.ts';
import type { Platform } from '../../src/process/compose.ts';
import { openInstallation } from '../../src/process/installation.ts';
import { periodicTasks } from '../../src/process/periodic.ts';
import { stoppable } from '../../src/process/stoppable.ts';
import type { Periodic } from '../../src/upkeep/schedule.ts';
import {
  personalisation,
  registerCallback,
  send,
  receiver as startReceiver,
} from '../support/callback-receiver.ts';
import { compileCache, runCommand } from '../support/process.ts';
import { createWorld, environment, type World } from '../support/world.ts';

describe('periodic tasks', () => {
  let world: World;
  let worker: Platform;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  before(async () => {
    receiver = await startReceiver();
    world = await createWorld({
      roles: ['api', 'sandbox'],
      environment: { CALLBACK_ALLOW_PRIVATE: '1', SERVICE_CALLBACK_TIMEOUT_SECONDS: '60' },
    });
    worker = await world.startMore({ roles: ['api', 'worker'] });
  });
  after(async () => {
    await worker?.stop();
    await world?.stop();
    receiver.stop();
  });
  const query = (text: string, values: unknown[] = []) =>
    world.connection.pool.query(text, values).then(({ rows }) => rows as Record<string, any>[]);
  const despatch = (...args: string[]) =>
    runCommand(args, {
      ...compileCache,
      ...environment(world.databaseUrl, world.dataDir, { LOG_LEVEL: 'debug', LOGGING_STDOUT_JSON: '1' }),
    });

  test('each may run twice at once: nothing fails, and nothing happens twice', async () => {
    await registerCallback(world, world.tenant, receiver.url);
    const delivered = await send(world, world.tenant);
    await world.drain();
    await world.behave({ receipt_delay_ms: { min: 3_600_000, max: 3_600_000 } });
    const sending = await send(world, world.tenant);
    await world.until(
      () => world.timeline(sending),
      (steps) => steps.some(({ outcome }) => outcome === 'accepted'),
    );
    await world.advance(4 * 86_400);
    const log = createLog('silent');
    const config = readConfig(environment(world.databaseUrl, world.dataDir));
    let tasks: readonly Periodic[] = [];
    const opened = await stoppable(log, async (onStop) => {
      const core = await openInstallation({ config, clock: world.clock, log, onStop });
      tasks = periodicTasks(core);
      return { core };
    });
    try {
      for (const task of tasks) {
        const run = { lastRun: null, signal: new AbortController().signal };
        const counts = await Promise.all([task.run(run), task.run(run)]);
        assert.ok(
          counts.every((count) => Number.isInteger(count)),
          task.name,
        );
        if (task.name === 'timeout-sending-notifications')
          assert.equal(counts[0]! + counts[1]!, 1, 'the message is timed out once');
      }
    } finally {
      await opened.stop();
    }
    await world.until(
      async () => receiver.seen.length,
      (count) => count >= 2,
    );
    const callbacks = await query(
      'select notification_id as id, count(*) as count from service_callbacks group by 1',
    );
    assert.deepEqual(Object.fromEntries(callbacks.map(({ id, count }) => [id, count])), {
      [delivered]: 1,
      [sending]: 1,
    });
    const history = await query('select id, status from notification_history where service_id = $1', [
      world.tenant.id,
    ]);
    assert.deepEqual(Object.fromEntries(history.map(({ id, status }) => [id, status])), {
      [delivered]: 'delivered',
      [sending]: 'temporary-failure',
    });
  });

  test('a task that is run by hand says how it went, counts as its last run, and writes the same lines', async () => {
    const { code, out, err } = await despatch('task', 'run', 'delete-inbound-sms');
    assert.deepEqual(
      [code, out.replace(/in [\d.]+/, 'in n')],
      [0, 'Ran delete-inbound-sms: 0 done in n s.\n'],
      err,
    );
    const lines = err.split('\n').filter((line) => line.includes('"task":"delete-inbound-sms"'));
    const [begins, done] = lines.map((line) => JSON.parse(line));
    assert.equal(begins.message, 'Periodic task begins');
    assert.deepEqual([done.message, done.count, typeof done.seconds], ['Periodic task done', 0, 'number']);
    const listed = await despatch('task', 'list', '--json');
    const one = JSON.parse(listed.out).find(({ name }: { name: string }) => name === 'delete-inbound-sms');
    assert.deepEqual([one.last_count, one.last_succeeded_at], [0, one.last_began_at]);
  });

  test('a task that fails, is being run elsewhere or does not exist ends with exit code 1 and what to do', async () => {
    await query('alter table verify_codes rename to verify_codes_away');
    const failed = await despatch('task', 'run', 'delete-verify-codes');
    await query('alter table verify_codes_away rename to verify_codes');
    assert.equal(failed.code, 1);
    assert.match(
      failed.err,
      /The task delete-verify-codes failed \(database error 42P01\): the log above says why\./,
    );
    assert.match(failed.err, /"message":"Failed to delete-verify-codes"/);
    const [state] = await query(`select failure from periodic_tasks where name = 'delete-verify-codes'`);
    assert.equal(state!['failure'], 'database error 42P01');

    const unknown = await despatch('task', 'run', 'tidy');
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.err,
      /There is no periodic task "tidy"\. These exist: build-figures, check-figures, check-job-status, delete-/,
    );

    const holder = await world.connection.pool.connect();
    const lock = `hashtextextended('despatch.delete-inbound-sms', 0)`;
    await holder.query(`select pg_advisory_lock(${lock})`);
    const held = await despatch('task', 'run', 'delete-inbound-sms');
    await holder.query(`select pg_advisory_unlock(${lock})`);
    holder.release();
    assert.equal(held.code, 1);
    assert.match(
      held.err,
      /Another process is running the task delete-inbound-sms: wait until that has ended\./,
    );
  });

  test('a process is ready while it can serve, and says why when it cannot', async () => {
    const ready = async (url = world.api) => {
      const response = await fetch(`${url}/_status/ready`);
      return { status: response.status, body: (await response.json()) as { message?: string } };
    };
    assert.deepEqual(await ready(), { status: 200, body: { status: 'ok' } });
    await query(`delete from kysely_migration where name = '0040-request-ids'`);
    const missing = await ready();
    await query(`insert into kysely_migration (name, timestamp) values ('0040-request-ids', '2026')`);
    assert.deepEqual(missing, {
      status: 503,
      body: { status: 'error', message: 'Migrations are missing: 0040-request-ids.' },
    } as never);
    await query('alter table kysely_migration rename to kysely_migration_away');
    const away = await ready();
    const alive = await fetch(`${world.api}/_status?simple=1`);
    await query('alter table kysely_migration_away rename to kysely_migration');
    assert.deepEqual([away.status, alive.status], [503, 200]);
  });

  test('a process that is stopping is not ready, while it still answers', async () => {
    const { promise: called, resolve: call } = Promise.withResolvers<void>();
    const { promise: held, resolve: answer } = Promise.withResolvers<void>();
    receiver.become((_seen, response) => {
      call();
      held.then(() => response.writeHead(204).end());
    });
    await world.behave({ receipt_delay_ms: { min: 0, max: 0 } });
    const { status } = await world.call('POST', '/v2/notifications/sms', {
      body: { template_id: world.tenant.templates.sms, phone_number: '07700900123', personalisation },
    });
    assert.equal(status, 201);
    await called;
    // It waits for the end of the callback that has begun.
    const stopped = worker.stop();
    const response = await fetch(`${worker.url}/_status/ready`);
    assert.deepEqual(
      [response.status, await response.json()],
      [503, { status: 'error', message: 'The process is stopping.' }],
    );
    answer();
    await stopped;
  });
});
