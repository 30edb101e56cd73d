import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { accept, callbacksUntil, receiver, registerCallback, send } from '../support/callback-receiver.ts';
import { setLimits } from '../support/operator.ts';
import { type ProductProcess, startProcess } from '../support/process.ts';
import { createWorld, environment } from '../support/world.ts';

const messages = 2000;

test('two workers deliver 2,000 messages once each although one of them is killed halfway', async () => {
  // The world is the API and the sandbox; the workers are separate processes.
  const world = await createWorld({ roles: ['api', 'sandbox', 'scheduler'] });
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const workers: ProductProcess[] = [];
  try {
    const settings = environment(world.databaseUrl, dataDir, {
      SANDBOX_URL: world.sandboxUrl,
      API_HOST_NAME: world.api,
      // A message whose worker died in its call waits this long.
      DELIVER_RETRY_DELAY_SECONDS: '1',
    });
    workers.push(...(await Promise.all([1, 2].map(() => startProcess(['--roles', 'worker'], settings)))));
    // Slow enough that many messages are in progress when the worker dies.
    await world.behave({ latency_ms: { min: 20, max: 60 } });
    await setLimits(world.connection.db, world.tenant.id, { rateLimit: 12_000_000 });

    const ids: string[] = [];
    let killedAt = 0;
    let next = 0;
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (next < messages) {
          const number = next++;
          const { data } = await world.client.sendSms(
            world.tenant.templates.sms,
            `07700 900${300 + (number % 700)}`,
            {
              personalisation: { name: `N${number}`, time: '14:05' },
            },
          );
          ids.push(data.id);
          if (ids.length === messages / 2) {
            killedAt = Date.now();
            await workers[0]!.kill('SIGKILL');
          }
        }
      }),
    );
    assert.equal(ids.length, messages);
    await world.drain(60);
    const seconds = (Date.now() - killedAt) / 1000;

    const { rows } = await world.connection.pool.query<{ status: string; count: number }>(
      'select status, count(*)::int from notification_history where id = any($1::uuid[]) group by status',
      [ids],
    );
    assert.deepEqual(rows, [{ status: 'delivered', count: messages }]);
    assert.ok(seconds < 30, `all delivered ${seconds.toFixed(1)} s after the kill`);

    const counts = await world.sandbox('/counts');
    assert.equal(counts.distinct_references, messages);
    for (const { reference, times } of counts.duplicates as { reference: string; times: number }[]) {
      const { rows: attempts } = await world.connection.pool.query<{ outcome: string }>(
        'select outcome from attempts where notification_id = $1 order by number',
        [reference],
      );
      const unknown = attempts.filter(({ outcome }) => outcome === 'unknown').length;
      assert.ok(times <= 1 + unknown, `${reference} arrived ${times} times with ${unknown} unknown attempts`);
    }
  } finally {
    for (const worker of workers) await worker.kill('SIGKILL');
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a callback of a killed worker is attempted again', async (t) => {
  const slow = await receiver(() => undefined);
  t.after(slow.stop);
  const other = await createWorld({
    roles: ['api', 'sandbox', 'worker'],
    queues: ['db-sms', 'send-sms', 'receipts'],
    environment: { CALLBACK_ALLOW_PRIVATE: 'true', SERVICE_CALLBACK_TIMEOUT_SECONDS: '2' },
  });
  t.after(() => other.stop());
  const settings = environment(other.databaseUrl, other.dataDir, {
    CALLBACK_ALLOW_PRIVATE: 'true',
    SERVICE_CALLBACK_TIMEOUT_SECONDS: '2',
    SANDBOX_URL: other.sandboxUrl,
    API_HOST_NAME: other.api,
  });
  const start = () => startProcess(['--roles', 'worker', '--queues', 'service-callbacks'], settings);
  const worker = await start();
  t.after(() => worker.kill('SIGKILL'));
  await registerCallback(other, other.tenant, slow.url);
  await send(other, other.tenant);
  await other.until(
    async () => slow.seen.length,
    (count) => count === 1,
  );
  await worker.kill('SIGKILL');
  const killedAt = Date.now();
  slow.become(accept);
  const next = await start();
  t.after(() => next.kill('SIGKILL'));
  const [callback] = await callbacksUntil(other, other.tenant, ([one]) => one?.status === 'delivered', 30);
  assert.equal(callback.attempts, 2);
  assert.equal(slow.seen.length, 2);
  assert.equal(slow.seen[0]!.text, slow.seen[1]!.text);
  assert.ok(Date.now() - killedAt < 30_000);
});
