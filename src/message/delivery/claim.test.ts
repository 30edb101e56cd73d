import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { salt, secretKey } from '../../../test/support/tenant.ts';
import { createWorld } from '../../../test/support/world.ts';
import { startRenderThreads } from '../../content/template/render-threads.ts';
import { createTemplateCaches } from '../../content/template/store.ts';
import { createRender } from '../../content/template/template.ts';
import { createCaches } from '../../database/cache.ts';
import { createListener } from '../../database/connection.ts';
import { createCipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { createIdSource } from '../../ground/id.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { createCircuits } from '../../provider/circuit/circuits.ts';
import { createProviderCache } from '../../provider/store.ts';
import { createServiceCache } from '../../tenant/service/store.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import { type ClaimResult, createClaims, isStale } from './claim.ts';
import { type Composed, composeLarge } from './compose.ts';

/** The claims of a worker whose time runs `speed` times as fast as ours, and emails for it. */
async function open(t: TestContext, speed: number) {
  const world = await createWorld({ roles: ['sandbox'] });
  const { db, pool } = world.connection;
  const start = Date.now();
  const clock: Clock = { now: () => start + (Date.now() - start) * speed };
  const log = createLog('silent');
  const metrics = createMetrics(null, log);
  const cipher = createCipher([secretKey], salt);
  const listener = createListener(world.databaseUrl, log);
  const caches = await createCaches(listener);
  const providers = createProviderCache(db, caches, [{ identifier: 'sandbox', notificationType: 'email' }]);
  const circuits = createCircuits({
    ...{ db, clock, log, providers, by: platformUserId, release: async () => 0 },
    rules: {
      ...{ windowSeconds: 60, leastFailures: 10, failurePercent: 50 },
      ...{ openSeconds: 15, probeSeconds: 20 },
    },
  });
  t.after(async () => {
    await circuits.stop();
    caches.stop();
    await listener.stop();
    await world.stop();
  });
  const threads = startRenderThreads();
  t.after(() => threads.close());
  const composer = { cipher, db, clock, metrics, render: createRender(threads) };
  const claimDeps = {
    ...{ ...composer, providers, circuits },
    templates: createTemplateCaches(db, caches),
    services: createServiceCache(db, caches),
    ...{ fromNumber: 'DESPATCH', emailDomain: 'example.com', smsStrategy: 'ordered' as const },
    ...{ apiUrl: 'https://despatch.example', draw: Math.random, providerTimeoutSeconds: 10 },
  };
  const claims = createClaims(claimDeps);
  const newId = createIdSource(clock);
  const { tenant } = world;
  return {
    clock,
    /** Stores emails with a value of this length; returns their ids. */
    async emails(count: number, length: number): Promise<string[]> {
      const ids = Array.from({ length: count }, newId);
      for (const id of ids)
        await pool.query(
          `with personal as (
             insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
             values ($1, $2, 'kim@example.com', 'kim@example.com', $3))
           insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
             status, created_at, international, rate_multiplier)
           values ($1, $2, $4, 1, 'normal', 'email', 'created', $5, false, 1)`,
          [
            ...[id, tenant.id],
            cipher.seal(JSON.stringify({ name: 'Rowan', time: '* tide\n'.repeat(length / 7) }), id),
            ...[tenant.templates.email, new Date(clock.now())],
          ],
        );
      return ids;
    },
    /** Claims all of these at once, as a worker does. Returns each claim with its age once its task goes on. */
    async claimAll(ids: readonly string[]) {
      return await Promise.all(
        ids.map(async (id) => {
          let result: ClaimResult;
          let composed: Composed | null = null;
          for (;;) {
            result = await claims.add({ id, known: null, refused: [], mayCall: null, composed });
            if (result.kind === 'large')
              composed = await composeLarge(claimDeps, result.notification, result.service);
            else if (result.kind !== 'deferred') break;
          }
          assert.equal(result.kind, 'claimed');
          assert.ok('claim' in result);
          const wasLarge = composed !== null;
          return { claim: result.claim, wasLarge, isStale: isStale(result.claim, clock.now()) };
        }),
      );
    },
  };
}

test('however long a batch of messages takes to compose, none of its claims is too old for a call', async (t) => {
  // Composing takes minutes of the worker's time.
  const worker = await open(t, 60);
  const claimed = await worker.claimAll(await worker.emails(20, 40_000));
  assert.equal(claimed.filter(({ isStale }) => isStale).length, 0);
});

test('a batch of claims is bounded by the time and length of its messages; what does not fit goes into the next', async (t) => {
  const worker = await open(t, 1);
  const claimed = await worker.claimAll(await worker.emails(60, 45_000));
  const batches = Map.groupBy(claimed, ({ claim }) => claim.attempt.startedAt.getTime());
  assert.ok(batches.size > 1, 'everything was claimed in one batch');
  for (const batch of batches.values()) {
    const lengths = batch.map(
      ({ claim: { message } }) => message && 'html' in message && message.html.length + message.text.length,
    );
    const total = lengths.reduce<number>((sum, length) => sum + Number(length), 0);
    assert.ok(batch.length === 1 || total < 16_000_000, `${batch.length} messages of ${total} in one batch`);
  }
});

test('a message of more than 50 KB does not take part in a batch until it is composed by itself', async (t) => {
  const worker = await open(t, 1);
  const [small, large] = [await worker.emails(1, 30_000), await worker.emails(1, 400_000)];
  const claimed = await worker.claimAll([...small, ...large]);
  assert.deepEqual(
    claimed.map(({ wasLarge }) => wasLarge),
    [false, true],
  );
  for (const { claim } of claimed)
    assert.ok(claim.message && 'html' in claim.message && claim.message.html.includes('<li'));
});
