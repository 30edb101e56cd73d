import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accept,
  callbacksUntil,
  endPauses,
  receiver,
  registerCallback,
  send,
} from '../support/callback-receiver.ts';
import { createWorld } from '../support/world.ts';

test('a dead callback address of one service delays no other service', async (t) => {
  const world = await createWorld({
    environment: {
      CALLBACK_ALLOW_PRIVATE: 'true',
      CALLBACK_RETRY_DELAY_SECONDS: '1',
      SERVICE_CALLBACK_TIMEOUT_SECONDS: '1',
    },
  });
  t.after(() => world.stop());
  const dead = await receiver(() => undefined);
  const live = await receiver();
  t.after(dead.stop);
  t.after(live.stop);
  const unlucky = await world.addTenant();
  const lucky = await world.addTenant();
  await registerCallback(world, unlucky, dead.url);
  await registerCallback(world, lucky, live.url);
  const waiting = 300;
  await Promise.all(Array.from({ length: waiting }, () => send(world, unlucky)));
  await world.until(
    async () =>
      (
        await world.connection.pool.query<{ count: number }>(
          'select count(*)::int from service_callbacks where service_id = $1',
          [unlucky.id],
        )
      ).rows[0]!.count,
    (count) => count === waiting,
  );
  const id = await send(world, lucky);
  const { data } = await world.until(
    () => world.clientOf(lucky.keys.normal).getNotificationById(id),
    ({ data }) => data.status === 'delivered',
  );
  await world.until(
    async () => live.seen.length,
    (count) => count === 1,
  );
  const seconds = (live.seen[0]!.at - Date.parse(data.completed_at!)) / 1000;
  assert.ok(seconds < 1.2, `notified after ${seconds} s`);
  assert.ok(dead.seen.length < 50, `the dead address was called ${dead.seen.length} times`);

  // By now the address is paused and the other callbacks are waiting.
  await world.until(
    async () =>
      (
        await world.connection.pool.query<{ pauses: number }>(
          'select pauses from service_callback_api where service_id = $1 and paused_until > now()',
          [unlucky.id],
        )
      ).rows,
    ([one]) => one?.pauses === 1,
  );
  const called = dead.seen.length;
  await endPauses(world, unlucky);
  await world.until(
    async () => dead.seen.length,
    (count) => count > called,
  );
  // The probe is a single call; its failure doubles the pause.
  const { rows } = await world.until(
    () =>
      world.connection.pool.query<{ pauses: number; seconds: number }>(
        `select pauses, extract(epoch from paused_until - now())::int as seconds from service_callback_api
        where service_id = $1`,
        [unlucky.id],
      ),
    ({ rows: [one] }) => one?.pauses === 2,
  );
  assert.equal(dead.seen.length, called + 1);
  assert.ok(rows[0]!.seconds > 50, `paused for ${rows[0]!.seconds} s`);

  dead.become(accept);
  await endPauses(world, unlucky);
  await world.until(
    async () => new Set(dead.seen.map(({ body }) => body.id)).size,
    (count) => count === waiting,
  );
  const done = await callbacksUntil(world, unlucky, (all) =>
    all.every(({ status }) => status === 'delivered'),
  );
  assert.ok(Math.max(...done.map(({ attempts }) => attempts)) <= 4);
});
