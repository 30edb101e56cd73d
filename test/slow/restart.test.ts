import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../../src/bootstrap/credentials.ts';
import { callApi } from '../../src/cli/client.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';

const messages = 300;

test('a server killed with SIGKILL under load restarts with its keys and finishes every message', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  // No DATABASE_URL: the embedded database, in the data directory.
  const settings = { DESPATCH_DATA_DIR: dataDir, PORT: '0', SANDBOX_PORT: '0', LOG_LEVEL: 'warn' };
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
