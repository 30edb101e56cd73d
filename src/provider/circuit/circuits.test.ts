import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createWorld, type World } from '../../../test/support/world.ts';
import { type Caches, createCaches } from '../../database/cache.ts';
import { createListener, type Listener } from '../../database/connection.ts';
import { createLog } from '../../ground/log.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import type { ProviderState } from '../state.ts';
import { createProviderCache, findProviders } from '../store.ts';
import { type Circuits, createCircuits } from './circuits.ts';

const log = createLog('silent');
const first = '00000000-0000-7000-8000-000000000001';
const second = '00000000-0000-7000-8000-000000000002';

describe('circuits shared by two processes', () => {
  let world: World;
  let listener: Listener;
  let caches: Caches;
  let now: number;
  let ses: ProviderState;
  let released: (string | number | null)[][];
  let one: Circuits;
  let two: Circuits;

  const clock = { now: () => now };
  const configured = [
    ...['mmg', 'firetext'].map((identifier) => ({ identifier, notificationType: 'sms' as const })),
    { identifier: 'smtp', notificationType: 'email' as const },
  ];
  const open = () =>
    createCircuits({
      db: world.connection.db,
      clock,
      log,
      providers: createProviderCache(world.connection.db, caches, configured),
      rules: { windowSeconds: 60, leastFailures: 10, failurePercent: 50, openSeconds: 15, probeSeconds: 20 },
      by: platformUserId,
      release: async (type, limit) => void released.push([type, limit]),
    });

  before(async () => {
    world = await createWorld({
      roles: ['api'],
      environment: { MMG_API_KEY: 'a', FIRETEXT_API_KEY: 'b', SMTP_URL: 'smtp://127.0.0.1:1' },
    });
    listener = createListener(world.databaseUrl, log);
    caches = await createCaches(listener);
  });
  after(async () => {
    caches.stop();
    await listener.stop();
    await world.stop();
  });

  beforeEach(async () => {
    now = world.clock.now();
    released = [];
    const { pool } = world.connection;
    await pool.query('delete from provider_calls');
    await pool.query('delete from provider_versions where version > 1');
    await pool.query(
      `update providers set version = 1, circuit = 'closed', circuit_until = null, circuit_openings = 0, probe_id = null,
        probe_until = null, probe_passes = 0, calls_count_from = null, updated_at = null, reason = null`,
    );
    ses = (await findProviders(world.connection.db)).find(
      ({ notificationType }) => notificationType === 'email',
    )!;
  });

  async function row(): Promise<Record<string, unknown>> {
    const { rows } = await world.connection.pool.query(
      `select circuit, circuit_until as until, circuit_openings as openings, probe_id as probe, probe_passes as passes,
        version, reason from providers where id = $1`,
      [ses.id],
    );
    return rows[0];
  }
  const becomes = (expected: Record<string, unknown>) =>
    world.until(row, (seen) => Object.entries(expected).every(([name, value]) => seen[name] === value));
  const failTimes = (circuits: Circuits, times: number) => {
    for (let i = 0; i < times; i++) circuits.record(ses, i % 2 === 0 ? 'failed' : 'unknown', 90);
  };
  const probe = { providerId: '', messageId: first };

  async function withBoth(work: () => Promise<void>): Promise<void> {
    one = open();
    two = open();
    probe.providerId = ses.id;
    try {
      await work();
    } finally {
      await one.stop();
      await two.stop();
    }
  }

  async function openIt(): Promise<void> {
    failTimes(one, 10);
    await becomes({ circuit: 'open' });
  }

  test('failures seen by two processes add up to open a circuit, once', () =>
    withBoth(async () => {
      failTimes(one, 6);
      failTimes(two, 6);
      two.record(ses, 'rejected', 90);
      const { version, reason, until } = await becomes({ circuit: 'open' });
      assert.equal(version, 2);
      assert.match(String(reason), /^Circuit opened: 1[0-3] of 1[0-3] calls failed within 60 seconds$/);
      assert.equal((until as Date).getTime(), now + 15_000);
    }));

  test('failures that are too few, too old or too small a share open no circuit', () =>
    withBoth(async () => {
      failTimes(one, 9);
      await one.stop();
      now += 61_000;
      failTimes(two, 9);
      for (let i = 0; i < 30; i++) two.record(ses, i % 2 === 0 ? 'accepted' : 'rejected', 90);
      await two.stop();
      const third = open();
      failTimes(third, 9);
      await third.stop();
      assert.deepEqual([(await row())['circuit'], (await row())['version']], ['closed', 1]);
    }));

  test('one message at a time probes an open circuit once its time is over; a lost probe lapses', () =>
    withBoth(async () => {
      await openIt();
      assert.deepEqual([...(await one.takeProbes([probe]))], [], 'too early');
      now += 15_000;
      const taken = await Promise.all([
        one.takeProbes([probe]),
        two.takeProbes([{ ...probe, messageId: second }]),
      ]);
      assert.equal(taken[0].size + taken[1].size, 1);
      assert.deepEqual([...(await two.takeProbes([{ ...probe, messageId: second }]))], []);
      now += 20_000;
      assert.deepEqual([...(await two.takeProbes([{ ...probe, messageId: second }]))], [second]);
      // The first probe ends late, and no longer counts.
      one.endProbe(ses, first, 'failed');
      await one.stop();
      assert.deepEqual([(await row())['probe'], (await row())['openings']], [second, 1]);
      // A probe without a call makes room for the next.
      two.endProbe(ses, second, null);
      await becomes({ probe: null, passes: 0, openings: 1 });
    }));

  test('a failed probe keeps the circuit open for twice as long; three successful ones in a row close it', () =>
    withBoth(async () => {
      await openIt();
      now += 15_000;
      await one.takeProbes([probe]);
      one.endProbe(ses, first, 'unknown');
      const { until, version } = await becomes({ openings: 2, probe: null });
      assert.deepEqual([(until as Date).getTime(), version], [now + 30_000, 2]);
      now += 30_000;
      for (const passes of [1, 2]) {
        const by = passes === 1 ? one : two;
        assert.equal((await by.takeProbes([probe])).size, 1);
        by.endProbe(ses, first, passes === 1 ? 'accepted' : 'rejected');
        await becomes({ passes, probe: null, circuit: 'open' });
      }
      await one.takeProbes([probe]);
      one.endProbe(ses, first, 'accepted');
      const closed = await becomes({ circuit: 'closed' });
      assert.deepEqual(closed, {
        circuit: 'closed',
        until: null,
        openings: 0,
        probe: null,
        passes: 0,
        version: 3,
        reason: 'Circuit closed: 3 messages in a row were taken',
      });
      await world.until(
        async () => released.filter(([type, limit]) => type === 'email' && limit === null).length,
        (count) => count > 0,
      );
      // Failures before it closed no longer count.
      failTimes(two, 9);
      await two.stop();
      assert.equal((await row())['circuit'], 'closed');
    }));

  test('without new messages, a waiting one is woken to probe a provider, unless a better one works', () =>
    withBoth(async () => {
      await openIt();
      // Firetext is due as well, but MMG takes the texts.
      await world.connection.pool.query(
        `update providers set circuit = 'open', circuit_until = $1 where identifier = 'firetext'`,
        [new Date(now)],
      );
      now += 15_000;
      await world.until(
        async () => released,
        (seen) => seen.some(([type, limit]) => type === 'email' && limit === 1),
      );
      assert.ok(!released.some(([type]) => type === 'sms'));
    }));
});
