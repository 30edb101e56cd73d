import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTwoProviderWorld, idOf, send } from '../support/two-providers.ts';

/** Messages by where they are: accepted, or with a task in this state, in a row of its own or of its batch. */
async function places(world: Awaited<ReturnType<typeof createTwoProviderWorld>>['world']) {
  const { rows } = await world.connection.pool.query<{ place: string; count: number }>(
    `select place, count(*)::int as count from (
       select 'accepted' as place from accepted union all select state from tasks where queue = 'send-sms'
       union all select 'held' from held_batches cross join unnest(tasks)
     ) p group by 1`,
  );
  return Object.fromEntries(rows.map(({ place, count }) => [place, count]));
}

test('a worker stores what it can begin with, what waits for 5 seconds all the same, and everything is sent once', async (t) => {
  const { world, mmg, firetext } = await createTwoProviderWorld(t, {
    DELIVER_CONCURRENCY: '2',
    PROVIDER_TIMEOUT_SECONDS: '60',
  });
  mmg.behave('silent');
  // The places are taken one after the other, by messages that are never fetched.
  const first = await send(world, 2);
  await world.until(
    () => places(world),
    ({ held }) => held === 2,
  );
  const { rows } = await world.connection.pool.query(
    'select unnest(tasks) as id from held_batches order by 1',
  );
  assert.deepEqual(
    rows,
    first.toSorted().map((id) => ({ id })),
  );
  const began = performance.now();
  const more = await send(world, 4);
  const stored = await world.until(
    () => places(world),
    ({ accepted }) => accepted === undefined,
    20,
  );
  assert.deepEqual(stored, { held: 2, ready: 4 });
  assert.ok(performance.now() - began > 4000, 'they waited for places first');
  // A list shows them, and the status of each is `created`.
  const { body } = await world.call('GET', '/v2/notifications?status=created');
  assert.deepEqual(
    body.notifications.map(({ id }: { id: string }) => id).toSorted(),
    [...first, ...more].toSorted(),
  );
  // Its calls end, and further ones are refused: the next provider takes the others.
  await mmg.stop();
  await world.until(
    () => places(world),
    ({ ready }) => ready === undefined,
    30,
  );
  await world.until(
    async () => firetext.requests().length,
    (count) => count === 4,
  );
  assert.deepEqual(firetext.requests().map(idOf).toSorted(), more.toSorted());
});
