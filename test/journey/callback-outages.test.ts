import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  accept,
  callbacksUntil,
  endPauses,
  receiver,
  refuse,
  registerCallback,
  send,
} from '../support/callback-receiver.ts';
import { createWorld, type World } from '../support/world.ts';

describe('callbacks to a service that cannot be reached', () => {
  let world: World;
  before(async () => {
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: 'true',
        CALLBACK_RETRY_DELAY_SECONDS: '1',
        SERVICE_CALLBACK_TIMEOUT_SECONDS: '1',
      },
    });
  });
  after(() => world.stop());

  test('Retry-After from a callback address holds back all callbacks to it', async (t) => {
    const busy = await receiver(refuse(503, { 'Retry-After': '3600' }));
    t.after(busy.stop);
    const tenant = await world.addTenant();
    await registerCallback(world, tenant, busy.url);
    await send(world, tenant);
    await callbacksUntil(world, tenant, ([one]) => one?.last_code === '503');
    const second = await send(world, tenant);
    const [waiting, refused] = await callbacksUntil(world, tenant, (all) => all.length === 2);
    assert.deepEqual([waiting.notification_id, waiting.attempts, waiting.status], [second, 0, 'pending']);
    const seconds = (Date.parse(refused.next_attempt_at) - Date.now()) / 1000;
    assert.ok(seconds > 3500 && seconds <= 3600, `${seconds}`);
    busy.become(accept);
    await endPauses(world, tenant);
    await callbacksUntil(world, tenant, (all) => all.every(({ status }) => status === 'delivered'));
  });

  test('a callback that has waited for 72 hours has failed and can be replayed', async (t) => {
    const busy = await receiver(refuse(503, { 'Retry-After': '3600' }));
    t.after(busy.stop);
    const tenant = await world.addTenant();
    await registerCallback(world, tenant, busy.url);
    await send(world, tenant);
    await callbacksUntil(world, tenant, ([one]) => one?.last_code === '503');
    await world.connection.pool.query(
      `update service_callbacks set queued_at = now() - interval '73 hours' where service_id = $1`,
      [tenant.id],
    );
    // A worker looks for expired callbacks when it starts, then every minute.
    const more = await world.startMore({ roles: ['worker'], queues: ['service-callbacks'] });
    t.after(() => more.stop());
    const [expired] = await callbacksUntil(world, tenant, ([one]) => one?.status === 'failed');
    assert.deepEqual([expired.last_code, expired.next_attempt_at], ['expired', null]);
  });
});
