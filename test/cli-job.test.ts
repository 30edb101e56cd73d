import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AdminCall } from '../src/cli/admin-call.ts';
import { noun } from '../src/cli/job.ts';
import { progressOf } from '../src/cli/job-progress.ts';
import { readAction } from '../src/cli/noun.ts';
import { ConfigError } from '../src/ground/problem.ts';
import type { Tenant } from './support/tenant.ts';
import { createWorld, type World } from './support/world.ts';

test('the progress of a job is one line: how many messages have ended, how fast, how long the rest takes, what failed', () => {
  const job = {
    ...{ id: 'a', original_file_name: 'tides.csv', scheduled_for: null, final_at: null },
    ...{ job_status: 'in progress', rows_total: 1000, rows_done: 800 },
    statistics: [
      { status: 'created', count: 300 },
      { status: 'delivered', count: 480 },
      { status: 'permanent-failure', count: 20 },
    ],
  };
  assert.equal(
    progressOf(job, 10_000),
    '[############............] 500 of 1,000 (50 %, 50/s, 10 s left) 20 failed, in progress',
  );
  const none = { ...job, rows_total: 0, rows_done: 0, statistics: [], job_status: 'finished' };
  assert.equal(progressOf(none, 0), '[########################] 0 of 0 (100 %, 0/s) 0 failed, finished');
});

describe('despatch job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'despatch-job-'));
  let world: World;
  let tenant: Tenant;
  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant({ prefixSms: false });
  });
  after(async () => {
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (...args: string[]) =>
    readAction(noun, [...args, '--service', tenant.id]).run(world.admin as AdminCall, {
      db: world.connection.db,
      clock: world.clock,
      runTask: () => Promise.reject(new Error('No job runs a task')),
    });
  function file(name: string, ...lines: string[]): string {
    const path = join(folder, name);
    writeFileSync(path, `${['phone number,name,time', ...lines].join('\n')}\n`);
    return path;
  }

  test('sends to a file, waits for the last message, and finds the job again by its file', async () => {
    const path = file('tides.csv', '07700900123,Ann,14:05', '07700900456,Bob,15:10');
    const sent = await run('send', path, '--template', tenant.templates.sms, '--watch');
    assert.match(sent.text ?? '', /tides\.csv\nfinished.*: 2 of 2 rows are messages\n2 delivered$/);
    const { data } = await run('list', '--search', 'tides');
    assert.deepEqual(
      (data as { original_file_name: string }[]).map((one) => one.original_file_name),
      ['tides.csv'],
    );
    const to = join(folder, 'out.csv');
    await run('download', 'tides.csv', '--to', to);
    const lines = readFileSync(to, 'utf8').trimEnd().split('\r\n');
    assert.equal(lines.length, 3);
    assert.match(lines[1]!, /07700900123,Ann,14:05,.*Delivered/);
  });

  test('refuses a file with faults, naming them, and sends nothing', async () => {
    const path = file('wrong.csv', '07700900123,Ann,14:05', '12,Bob,15:10', '07700900789,,16:15');
    await assert.rejects(run('send', path, '--template', tenant.templates.sms), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^Nothing was sent/);
      assert.match(error.message, /row 3, phone number: /);
      assert.match(error.message, /row 4, name: Missing/);
      return true;
    });
  });

  test('a scheduled job is shown with its time, and can be cancelled', async () => {
    const path = file('later.csv', '07700900123,Ann,14:05');
    const at = new Date(world.clock.now() + 3_600_000).toISOString();
    const { data } = await run('send', path, '--template', tenant.templates.sms, '--at', at);
    const { id } = data as { id: string };
    assert.match((await run('show', id)).text ?? '', /scheduled, for /);
    await run('cancel', id);
    assert.match((await run('show', id)).text ?? '', /cancelled/);
  });
});
