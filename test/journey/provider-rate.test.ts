import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, createTwoProviderWorld, rowOf, send } from '../support/two-providers.ts';

describe('the rate limit of a provider', () => {
  test('messages that wait for a rate limit are sent when it is removed', async (t) => {
    const { world, mmg } = await createTwoProviderWorld(t);
    const { id } = await rowOf(world, 'mmg');
    await world.admin('POST', `/provider-details/${id}`, { rate_limit: 1 });
    const ids = await send(world, 50);
    await world.until(
      async () => mmg.requests().length,
      (count) => count > 0,
    );
    await world.admin('POST', `/provider-details/${id}`, { rate_limit: null });
    await all(world, ids, 'sending', 5);
  });

  test('a process that stops gives back messages that wait for a rate limit', async (t) => {
    const { world, mmg } = await createTwoProviderWorld(t);
    await world.connection.pool.query(`update providers set rate_limit = 1 where identifier = 'mmg'`);
    const more = await world.startMore({ roles: ['worker'], queues: ['send-sms'] });
    const ids = await send(world, 200);
    await world.until(
      async () => mmg.requests().length,
      (count) => count > 1,
    );
    const started = performance.now();
    await more.stop();
    assert.ok(performance.now() - started < 3000);
    await world.connection.pool.query(`update providers set rate_limit = null where identifier = 'mmg'`);
    await all(world, ids, 'sending', 15);
    assert.equal(mmg.requests().length, ids.length);
  });
});
