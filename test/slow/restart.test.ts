import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../../src/bootstrap/credentials.ts';
import { callApi } from '../../src/cli/client.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';

const messages = 300;

test('a server killed with SIGKILL under load restarts with its keys and finishes every message', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  // No DATABASE_URL: the embedded database, in the data directory.
  const settings = {
    DESPATCH_DATA_DIR: dataDir,
    PORT: '0',
    SANDBOX_PORT: '0',
    WEB_PORT: '0',
    LOG_LEVEL: 'warn',
    DELIVER_RETRY_DELAY_SECONDS: '1',
  };
  const credentials = () =>
    JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8')) as Credentials;
  let server: ProductProcess | null = null;
  try {
    server = await startProcess([], settings);
    const { api, services } = credentials();
    const service = services[0]!;
    const key = service.keys.normal!;
    const ids = await Promise.all(
      Array.from({ length: messages }, async (_, index) => {
        const body = {
          template_id: service.templates.sms,
          phone_number: `07700 900${300 + index}`,
          personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May' },
        };
        return (await callApi<{ id: string }>(api, key, 'POST', '/v2/notifications/sms', body)).id;
      }),
    );
    await server.kill('SIGKILL');

    server = await startProcess([], settings);
    const again = credentials();
    assert.deepEqual(again.services, services);
    const deadline = Date.now() + 40_000;
    for (const id of ids)
      for (;;) {
        const { status } = await callApi<{ status: string }>(
          again.api,
          key,
          'GET',
          `/v2/notifications/${id}`,
        );
        if (status === 'delivered') break;
        assert.ok(Date.now() < deadline, `${id} is still ${status}`);
        await sleep(50);
      }

    // An orderly stop ends the server and its database without warnings.
    const printed = server.output.length;
    await server.kill('SIGTERM');
    assert.equal(server.child.exitCode, 0);
    assert.deepEqual(
      server.output.slice(printed).filter((line) => line.includes('An idle database connection broke')),
      [],
    );
  } finally {
    await server?.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('after a SIGTERM to `npm start` nothing of it is left running', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const npm = spawn('npm', ['start'], {
    cwd: join(import.meta.dirname, '../..'),
    env: {
      ...process.env,
      DESPATCH_DATA_DIR: dataDir,
      PORT: '0',
      SANDBOX_PORT: '0',
      WEB_PORT: '0',
      DATABASE_URL: '',
    },
    // A process group of its own: whatever is left running can be found and ended.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const isRunning = () => {
    try {
      return process.kill(-npm.pid!, 0);
    } catch {
      return false;
    }
  };
  try {
    for await (const line of createInterface({ input: npm.stdout }))
      if (line.startsWith('Despatch is')) break;
    const exited = once(npm, 'exit');
    npm.kill('SIGTERM');
    await exited;
    assert.equal(isRunning(), false);
  } finally {
    if (isRunning()) process.kill(-npm.pid!, 'SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
});
