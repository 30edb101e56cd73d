import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeToken } from '../../../src/cli/client.ts';
import { setLimits } from '../../support/operator.ts';
import { type ProductProcess, startProcess } from '../../support/process.ts';
import { createWorld, environment, type World } from '../../support/world.ts';

const maxWaitSeconds = 15;
const everyMilliseconds = 20;

/**
 * Sends messages at a steady rate to the APIs in turn until `end()`, which returns their ids. An unanswered request is
 * repeated with its Idempotency-Key.
 */
function flow(world: World, apis: readonly string[]): { sent(): number; end(): Promise<string[]> } {
  const ids: string[] = [];
  let ended = false;

  async function send(number: number): Promise<void> {
    const body = JSON.stringify({
      template_id: world.tenant.templates.sms,
      phone_number: `07700 900${300 + (number % 700)}`,
      personalisation: { name: `N${number}`, time: '14:05' },
    });
    for (let attempt = number; ; attempt++) {
      const response = await fetch(`${apis[attempt % apis.length]}/v2/notifications/sms`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${makeToken(world.tenant.keys.normal)}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': `deploy-${number}`,
        },
        body,
      }).catch(() => null);
      if (response?.status === 201) {
        ids.push(((await response.json()) as { id: string }).id);
        return;
      }
      await response?.arrayBuffer();
      assert.ok(response === null || response.status === 503, `answered ${response?.status}`);
      await sleep(everyMilliseconds);
    }
  }

  const sending = (async () => {
    const all: Promise<void>[] = [];
    for (let number = 0; !ended; number++) {
      all.push(send(number));
      await sleep(everyMilliseconds);
    }
    await Promise.all(all);
  })();
  // `end()` reports the error, if any.
  sending.catch(() => {});
  return {
    sent: () => ids.length,
    async end() {
      ended = true;
      await sending;
      return ids;
    },
  };
}

async function assertNoDelay(world: World, ids: readonly string[]): Promise<void> {
  const { rows } = await world.connection.pool.query<{ count: number; waited: number; delivered: number }>(
    `select count(*)::int, max(extract(epoch from sent_at - created_at))::float8 as waited,
       count(*) filter (where status = 'delivered')::int as delivered
     from notification_history where id = any($1::uuid[])`,
    [ids],
  );
  const [{ count, waited, delivered }] = rows as [(typeof rows)[0]];
  assert.deepEqual([count, delivered], [ids.length, ids.length]);
  assert.ok(waited < maxWaitSeconds, `a message waited ${waited.toFixed(1)} s`);
  const counts = await world.sandbox('/counts');
  assert.deepEqual(counts.duplicates, []);
  assert.equal(counts.distinct_references, ids.length);
}

test('replacing a worker under load delays no message by 15 seconds, loses none and sends none twice', async () => {
  const world = await createWorld({ roles: ['api', 'sandbox', 'scheduler'] });
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  let worker: ProductProcess | null = null;
  try {
    const settings = environment(world.databaseUrl, dataDir, {
      SANDBOX_URL: world.sandboxUrl,
      API_HOST_NAME: world.api,
    });
    const start = () => startProcess(['--roles', 'worker'], settings);
    worker = await start();
    // Slow enough that many messages are in progress when the worker is asked to stop.
    await world.behave({ latency_ms: { min: 100, max: 1500 } });
    await setLimits(world.connection.db, world.tenant.id, { rateLimit: 12_000_000 });
    const flowing = flow(world, [world.api]);
    await world.until(
      async () => flowing.sent(),
      (sent) => sent >= 100,
    );
    for (let deploys = 0; deploys < 2; deploys++) {
      const before = flowing.sent();
      await worker.kill('SIGTERM');
      assert.equal(worker.child.exitCode, 0);
      worker = await start();
      await world.until(
        async () => flowing.sent(),
        (sent) => sent >= before + 100,
      );
    }
    const ids = await flowing.end();
    await world.drain();
    await assertNoDelay(world, ids);
  } finally {
    await worker?.kill('SIGKILL');
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a stop waits for calls that have begun, and sends none of their messages a second time', async () => {
  const world = await createWorld({ roles: ['api', 'sandbox', 'scheduler'] });
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  let worker: ProductProcess | null = null;
  try {
    const settings = environment(world.databaseUrl, dataDir, {
      SANDBOX_URL: world.sandboxUrl,
      API_HOST_NAME: world.api,
    });
    const start = () => startProcess(['--roles', 'worker'], settings);
    worker = await start();
    await world.behave({ latency_ms: { min: 8000, max: 8000 } });
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, number) => {
        const { data } = await world.client.sendSms(world.tenant.templates.sms, `07700 900${300 + number}`, {
          personalisation: { name: `N${number}`, time: '14:05' },
        });
        return data.id;
      }),
    );
    const attempts = async () =>
      (
        await world.connection.pool.query<{ outcome: string | null }>(
          'select outcome from attempts where notification_id = any($1::uuid[])',
          [ids],
        )
      ).rows.map(({ outcome }) => outcome);
    await world.until(attempts, (begun) => begun.length === ids.length);
    await worker.kill('SIGTERM');
    assert.equal(worker.child.exitCode, 0);
    assert.deepEqual(await attempts(), Array(20).fill('accepted'));
    worker = await start();
    await world.drain();
    assert.deepEqual((await world.sandbox('/counts')).duplicates, []);
  } finally {
    await worker?.kill('SIGKILL');
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('replacing two APIs under load, one after the other, accepts every message once and delays none by 15 seconds', async () => {
  const world = await createWorld({ roles: ['sandbox', 'scheduler'] });
  const dataDir = mkdtempSync(join(tmpdir(), 'despatch-test-'));
  const apis: ProductProcess[] = [];
  let worker: ProductProcess | null = null;
  try {
    const settings = (port: string) =>
      environment(world.databaseUrl, dataDir, {
        SANDBOX_URL: world.sandboxUrl,
        PORT: port,
      });
    const start = (port = '0') => startProcess(['--roles', 'api'], settings(port));
    apis.push(await start(), await start());
    const addresses = apis.map((api) => api.url('API'));
    worker = await startProcess(['--roles', 'worker'], {
      ...settings('0'),
      API_HOST_NAME: addresses[0]!,
    });
    await world.behave({ latency_ms: { min: 20, max: 200 } });
    await setLimits(world.connection.db, world.tenant.id, { rateLimit: 12_000_000 });
    const flowing = flow(world, addresses);
    for (const place of [0, 1]) {
      const before = flowing.sent();
      await world.until(
        async () => flowing.sent(),
        (sent) => sent >= before + 50,
      );
      await apis[place]!.kill('SIGTERM');
      assert.equal(apis[place]!.child.exitCode, 0);
      apis[place] = await start(new URL(addresses[place]!).port);
    }
    const ids = await flowing.end();
    assert.equal(new Set(ids).size, ids.length);
    await world.drain();
    await assertNoDelay(world, ids);
    const { rows } = await world.connection.pool.query('select count(*)::int from notification_history');
    assert.deepEqual(rows, [{ count: ids.length }]);
  } finally {
    for (const process of [...apis, ...(worker ? [worker] : [])]) await process.kill('SIGKILL');
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
