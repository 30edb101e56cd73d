import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runCommand, startProcess } from '../support/process.ts';
import { environment } from '../support/world.ts';

test('`despatch doctor` works beside a running server with the embedded database, and without it', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-doctor-'));
  chmodSync(dataDir, 0o711);
  const { DATABASE_URL, ...settings } = environment('', dataDir);
  const doctor = () => runCommand(['doctor'], settings);
  try {
    const none = await doctor();
    assert.match(none.out, /^database: wrong: There is no database in .*: start the server once/);
    assert.equal(none.code, 1);
    const server = await startProcess([], settings);
    const port = readFileSync(join(dataDir, 'postgres-port'), 'utf8');
    let found = await doctor();
    // The first tasks of the schedule may still be running.
    for (let tries = 0; found.code !== 0 && tries < 20; tries++) {
      await pause(500);
      found = await doctor();
    }
    assert.equal(found.code, 0, found.out);
    assert.equal((await fetch(`${server.url('API')}/_status`)).status, 200);
    await server.kill('SIGTERM');
    const { code, out } = await doctor();
    assert.equal(code, 0, out);
    assert.equal(readFileSync(join(dataDir, 'postgres-port'), 'utf8'), port);
  } finally {
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
});
