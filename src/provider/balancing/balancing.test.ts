import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createWorld, type World } from '../../../test/support/world.ts';
import { createIdSource } from '../../ground/id.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { platformUserId } from '../../tenant/user/store.ts';
import type { Strategy } from '../choice.ts';
import { addCalls } from '../circuit/store.ts';
import { findProviders } from '../store.ts';
import { type Balancing, createBalancing } from './balancing.ts';

describe('balancing texts between providers', () => {
  let world: World;
  let now: number;
  const log = createLog('silent');
  const metrics = createMetrics(null, log);
  before(async () => {
    world = await createWorld({
      roles: ['api'],
      environment: { MMG_API_KEY: 'a', FIRETEXT_API_KEY: 'b', SMTP_URL: 'smtp://127.0.0.1:1' },
    });
  });
  after(() => world.stop());

  beforeEach(async () => {
    now = world.clock.now();
    const { pool } = world.connection;
    for (const table of ['notifications', 'notification_history', 'provider_calls'])
      await pool.query(`delete from ${table}`);
    await pool.query('delete from provider_versions where version > 1');
    await pool.query(
      `update providers set version = 1, updated_at = null, reason = null, created_by = null,
        priority = case identifier when 'mmg' then 10 when 'firetext' then 20 else 30 end`,
    );
  });

  function balancing(strategy: Strategy): Balancing {
    return createBalancing({
      db: world.connection.db,
      clock: { now: () => now },
      log,
      metrics,
      strategy,
      isConfigured: () => true,
      pair: ['mmg', 'firetext'],
      slowCheck: { serviceId: world.tenant.id, templateId: world.tenant.templates.sms },
      errors: { threshold: 50, seconds: 60 },
      restingPoints: { mmg: 51, firetext: 49 },
      by: platformUserId,
    });
  }

  /** A text that was sent `ago` seconds ago and took `took` seconds. */
  async function addText(text: {
    by: string;
    ago: number;
    took: number;
    status?: string;
    template?: string;
    keyType?: string;
  }): Promise<void> {
    const sentAt = new Date(now - text.ago * 1000);
    const id = createIdSource({ now: () => sentAt.getTime() })();
    const { pool } = world.connection;
    await pool.query(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
      values ($1, $2, '07700900123', '447700900123', '')`,
      [id, world.tenant.id],
    );
    await pool.query(
      `insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type, status,
        created_at, sent_at, updated_at, sent_by) values ($1, $2, $3, 1, $4, 'sms', $5, $6, $6, $7, $8)`,
      [
        id,
        world.tenant.id,
        text.template ?? world.tenant.templates.sms,
        text.keyType ?? 'normal',
        text.status ?? 'delivered',
        sentAt,
        new Date(sentAt.getTime() + text.took * 1000),
        text.by,
      ],
    );
  }

  async function rows(): Promise<string[]> {
    const { rows } = await world.connection.pool.query(
      `select identifier, priority, version from providers where identifier in ('mmg', 'firetext') order by 1 desc`,
    );
    return rows.map(({ identifier, priority, version }) => `${identifier} ${priority} v${version}`);
  }
  const initial = ['mmg 10 v1', 'firetext 20 v1'];
  const setPriorities = (mmg: number, firetext: number) =>
    world.connection.pool.query(
      `update providers set priority = case identifier when 'mmg' then $1 else $2 end::int where identifier in ('mmg', 'firetext')`,
      [mmg, firetext],
    );

  describe('strategy ordered', () => {
    test('two texts that took 4 minutes make the other provider first, once, and the shift is versioned', async () => {
      await addText({ by: 'mmg', ago: 500, took: 240 });
      await addText({ by: 'mmg', ago: 400, took: 300 });
      const [one, two] = await Promise.all([
        balancing('ordered').onSlowDelivery(),
        balancing('ordered').onSlowDelivery(),
      ]);
      assert.equal(one + two, 2);
      assert.deepEqual(await rows(), ['mmg 20 v2', 'firetext 10 v2']);
      const { rows: versions } = await world.connection.pool.query(
        'select distinct reason, created_by from provider_versions where version = 2',
      );
      assert.deepEqual(versions, [
        {
          reason: 'Switched from mmg, which was slow: 2 texts took 4 minutes or longer',
          created_by: platformUserId,
        },
      ]);
      assert.equal(await balancing('ordered').onSlowDelivery(), 0, 'the new first provider is not slow');
    });

    test('texts that are fast, outside the check, too old or undelivered shift nothing', async () => {
      await addText({ by: 'mmg', ago: 500, took: 240 });
      await addText({ by: 'mmg', ago: 500, took: 239 });
      await addText({ by: 'mmg', ago: 601, took: 300 });
      await addText({ by: 'mmg', ago: 500, took: 300, status: 'sending' });
      await addText({ by: 'mmg', ago: 500, took: 300, template: world.tenant.templates.email });
      await addText({ by: 'firetext', ago: 500, took: 300 });
      assert.equal(await balancing('ordered').onSlowDelivery(), 0);
      await addText({ by: 'mmg', ago: 500, took: 300 });
      await world.connection.pool.query(`update providers set updated_at = $1 where identifier = 'mmg'`, [
        new Date(now - 450_000),
      ]);
      assert.equal(await balancing('ordered').onSlowDelivery(), 0, 'it has changed since');
      assert.deepEqual(await rows(), initial);
    });

    test('neither errors nor resting points shift anything under strategy ordered', async () => {
      const mmg = (await findProviders(world.connection.db)).filter(({ identifier }) => identifier === 'mmg');
      await addCalls(
        world.connection.db,
        [
          {
            providerId: mmg[0]!.id,
            slot: new Date(now),
            taken: 0,
            failed: 99,
            unknown: 0,
            refused: 0,
            durations: [],
          },
        ],
        new Date(0),
      );
      await balancing('ordered').onErrors(mmg);
      assert.equal(await balancing('ordered').tendBack(), 0);
      assert.deepEqual(await rows(), initial);
    });
  });

  describe('strategy weighted', () => {
    test('a provider with 15 % slow texts gives the other 10 points, at most once in 5 minutes', async () => {
      await setPriorities(50, 50);
      for (let i = 0; i < 17; i++) await addText({ by: 'mmg', ago: 600, took: 10 });
      await addText({ by: 'mmg', ago: 600, took: 300 });
      await addText({ by: 'mmg', ago: 400, took: 1, status: 'sending' });
      for (let i = 0; i < 10; i++) await addText({ by: 'firetext', ago: 600, took: 10 });
      assert.equal(await balancing('weighted').onSlowDelivery(), 0, '2 of 19');
      await addText({ by: 'mmg', ago: 600, took: 900, keyType: 'test' });
      await addText({ by: 'mmg', ago: 301, took: 1, status: 'pending' });
      assert.equal(await balancing('weighted').onSlowDelivery(), 2, '3 of 20');
      assert.deepEqual(await rows(), ['mmg 40 v2', 'firetext 60 v2']);
      now += 299_000;
      assert.equal(await balancing('weighted').onSlowDelivery(), 0);
      now += 2_000;
      await addText({ by: 'mmg', ago: 500, took: 400 });
      assert.equal(await balancing('weighted').onSlowDelivery(), 2);
      assert.deepEqual(await rows(), ['mmg 30 v3', 'firetext 70 v3']);
    });

    test('more than 50 errors in a minute cost 10 points, at most once a minute across all processes', async () => {
      await setPriorities(45, 55);
      const { db } = world.connection;
      const mmg = (await findProviders(db)).filter(({ identifier }) => identifier === 'mmg');
      const fail = (failed: number, unknown: number) =>
        addCalls(
          db,
          [
            {
              providerId: mmg[0]!.id,
              slot: new Date(now),
              taken: 1000,
              failed,
              unknown,
              refused: 0,
              durations: [],
            },
          ],
          new Date(0),
        );
      await fail(40, 10);
      await balancing('weighted').onErrors(mmg);
      assert.deepEqual(await rows(), ['mmg 45 v1', 'firetext 55 v1']);
      await fail(1, 0);
      await Promise.all([balancing('weighted').onErrors(mmg), balancing('weighted').onErrors(mmg)]);
      assert.deepEqual(await rows(), ['mmg 35 v2', 'firetext 65 v2']);
      const { rows: versions } = await world.connection.pool.query(
        'select identifier, reason from provider_versions where version = 2 order by 1',
      );
      assert.deepEqual(versions, [
        { identifier: 'firetext', reason: 'Increased due to reduced reliability in other provider' },
        { identifier: 'mmg', reason: 'Reduced due to reduced reliability' },
      ]);
    });

    test('after 15 quiet minutes, weights drift back to their resting points', async () => {
      await setPriorities(20, 80);
      assert.equal(await balancing('weighted').tendBack(), 2);
      assert.deepEqual(await rows(), ['mmg 30 v2', 'firetext 70 v2']);
      now += 899_000;
      assert.equal(await balancing('weighted').tendBack(), 0);
      now += 1_000;
      assert.equal(await balancing('weighted').tendBack(), 2);
      assert.deepEqual(await rows(), ['mmg 40 v3', 'firetext 60 v3']);
    });
  });
});
