import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, becomes, createTwoProviderWorld, idOf, quiet, rowOf, send } from '../support/two-providers.ts';
import { createWorld } from '../support/world.ts';

const waitingTasks = `select count(*) as waiting from tasks where state = 'waiting' and due_at > now() and waits_for = 'sms'`;
const statusesOpen = `select count(*) as open from notification_history where status = 'created'`;

describe('a provider that answers 500 to everything', () => {
  test('messages move from a failing provider to the next one within seconds, and back when it recovers', async (t) => {
    const { world, mmg, firetext, lines } = await createTwoProviderWorld(t);
    mmg.behave('fail');
    const started = performance.now();
    const ids = await send(world, 60);
    await all(world, ids, 'sending', 5);
    assert.ok(performance.now() - started < 5000);
    assert.deepEqual(new Set(firetext.requests().map(idOf)), new Set(ids));

    const { id, reason } = await becomes(world, 'mmg', 'open');
    assert.match(reason ?? '', /^Circuit opened: \d+ of \d+ calls failed within 60 seconds$/);
    await world.until(
      async () => lines.filter(({ message }) => message === `Provider mmg (sms): ${reason}`),
      (found) => found.length === 1,
    );
    const calls = mmg.requests().length;
    const later = await send(world, 60);
    await all(world, later, 'sending', 5);
    assert.equal(mmg.requests().length, calls, 'a provider with an open circuit is not called');

    // The circuit half-opens while the provider still fails: one message probes it, then goes to the next.
    await world.advance(21);
    await all(world, await send(world, 20), 'sending', 5);
    await world.until(
      async () => lines.some(({ message }) => /^Provider mmg \(sms\): Circuit stays open/.test(message)),
      (seen) => seen,
    );
    assert.equal(mmg.requests().length, calls + 1);

    mmg.behave('accept');
    await world.advance(41);
    const probes: string[] = [];
    await world.until(
      async () => {
        probes.push(...(await send(world, 1)));
        return await rowOf(world, 'mmg');
      },
      ({ circuit }) => circuit === 'closed',
    );
    assert.equal((await rowOf(world, 'mmg')).reason, 'Circuit closed: 3 messages in a row were taken');
    // Those that did not probe go through the other one, perhaps just now.
    await all(world, probes, 'sending', 5);
    const given = firetext.requests().length;
    await all(world, await send(world, 30), 'sending', 5);
    assert.equal(firetext.requests().length, given, 'all messages go to the first provider again');
    const { rows } = await world.connection.pool.query(
      'select version, reason from provider_versions where id = $1 order by 1',
      [id],
    );
    assert.deepEqual(rows, [
      { version: 1, reason: null },
      { version: 2, reason },
      { version: 3, reason: 'Circuit closed: 3 messages in a row were taken' },
    ]);
  });

  test('a circuit is opened once, by one process, and then no process calls the failing provider', async (t) => {
    const { world, mmg } = await createTwoProviderWorld(t, { PROVIDER_CIRCUIT_LEAST_FAILURES: '30' });
    const more = await world.startMore({ roles: ['worker'] });
    t.after(() => more.stop());
    mmg.behave('fail');
    await all(world, await send(world, 100), 'sending', 10);
    const { version } = await becomes(world, 'mmg', 'open');
    assert.equal(version, 2);
    const calls = mmg.requests().length;
    await all(world, await send(world, 100), 'sending', 10);
    assert.equal(mmg.requests().length, calls);

    // Both processes may probe now, but only one message at a time does.
    mmg.behave('silent');
    await world.advance(21);
    await send(world, 50);
    await world.until(
      async () => mmg.requests().length,
      (count) => count > calls,
    );
    await world.until(
      async () => (await world.connection.pool.query(statusesOpen)).rows[0].open,
      (open) => open === 1,
    );
    assert.equal(mmg.requests().length, calls + 1);
    await mmg.stop();
  });
});

describe('a provider that hangs', () => {
  test('a hanging provider is left alone; messages that it may have taken go to no other provider, later ones do', async (t) => {
    const { world, mmg, firetext } = await createTwoProviderWorld(t, { PROVIDER_TIMEOUT_SECONDS: '1' });
    mmg.behave('silent');
    const unknown = await send(world, 12);
    await becomes(world, 'mmg', 'open');
    const later = await send(world, 20);
    await all(world, later, 'sending', 5);
    const { rows } = await world.connection.pool.query<{ id: string; waits: string | null }>(
      `select id, waits_for as waits from tasks where state in ('ready', 'waiting')`,
    );
    assert.deepEqual(rows.map(({ id }) => id).toSorted(), unknown.toSorted());
    assert.ok(
      rows.every(({ waits }) => waits === null),
      'unknown attempts wait for receipts, not for a provider',
    );
    // Five minutes later they are retried, only at the provider that may have them.
    await world.advance(300);
    await world.until(
      async () => new Set(mmg.requests().map(idOf)).size,
      (size) => size === unknown.length,
    );
    assert.deepEqual(new Set(firetext.requests().map(idOf)), new Set(later));
    mmg.behave('accept');
    for (let i = 0; i < 8; i++) {
      await world.advance(300);
      await send(world, 1);
      await quiet(world);
    }
    await all(world, unknown, 'sending', 20);
    const elsewhere = new Set(firetext.requests().map(idOf));
    assert.deepEqual(
      unknown.filter((id) => elsewhere.has(id)),
      [],
    );
  });
});

test('the only provider is probed after an outage even if nothing new is sent, and gets the waiting messages', async (t) => {
  const world = await createWorld({ environment: { PROVIDER_CIRCUIT_LEAST_FAILURES: '10' } });
  t.after(() => world.stop());
  // Long enough for the worker to see every provider healthy and for that knowledge to expire.
  const started = Date.now();
  await all(world, await send(world, 1), 'delivered');
  await world.until(
    async () => Date.now() - started,
    (passed) => passed > 2500,
  );
  await world.behave({ failure_rate: 1 });
  // The last of these opens the circuit; after that no message asks for a provider.
  const ids = await send(world, 10);
  await becomes(world, 'sandbox', 'open');
  await world.behave({ failure_rate: 0 });
  await world.advance(16);
  await all(world, ids, 'delivered', 10);
  assert.equal((await rowOf(world, 'sandbox')).circuit, 'closed');
});

describe('while both providers are down', () => {
  test('messages that wait for a provider are sent as soon as one recovers, before their retry is due and without new messages', async (t) => {
    const { world, mmg, firetext } = await createTwoProviderWorld(t);
    mmg.behave('fail');
    firetext.behave('fail');
    const ids = await send(world, 40);
    await becomes(world, 'mmg', 'open');
    await becomes(world, 'firetext', 'open');
    await world.until(
      async () => (await world.connection.pool.query(waitingTasks)).rows[0].waiting,
      (waiting) => waiting === ids.length,
    );
    firetext.behave('accept');
    await world.advance(21);
    await all(world, ids, 'sending');
    assert.deepEqual(firetext.requests().slice(-ids.length).map(idOf).toSorted(), ids.toSorted());
  });

  test('waking a message while both providers are down uses up no retry', async (t) => {
    const { world, mmg, firetext, lines } = await createTwoProviderWorld(t);
    const { pool } = world.connection;
    await pool.query(`update providers set circuit = 'open', circuit_until = now() + interval '1 hour'`);
    await pool.query(`select pg_notify('despatch_changed', 'providers:all')`);
    const ids = await send(world, 5);
    const waiting = () => pool.query(waitingTasks).then(({ rows }) => rows[0].waiting);
    await world.until(waiting, (count) => count === 5);
    const { rows } = await pool.query(
      `update tasks set due_at = now(), state = 'ready', early_seconds = 250 where queue = 'send-sms' returning id`,
    );
    assert.equal(rows.length, 5);
    await world.until(waiting, (count) => count === 5);
    const tasks = await pool.query(
      `select attempt, early_seconds as early,
        due_at > now() + interval '200 seconds' as waits from tasks where queue = 'send-sms'`,
    );
    assert.deepEqual(tasks.rows, Array(5).fill({ attempt: 1, early: null, waits: true }));
    for (const id of ids)
      assert.equal(
        lines.filter(({ message }) => message === `RETRY: SMS notification ${id} failed`).length,
        1,
      );
    assert.equal(mmg.requests().length + firetext.requests().length, 0);
  });

  test('after ten minutes with both providers down every message is sent once, and its retry is logged as RETRY', async (t) => {
    const { world, mmg, firetext, lines } = await createTwoProviderWorld(t);
    mmg.behave('fail');
    firetext.behave('fail');
    const ids = await send(world, 40);
    await becomes(world, 'mmg', 'open');
    await becomes(world, 'firetext', 'open');
    for (let minute = 0; minute < 10; minute++) {
      ids.push(...(await send(world, 3)));
      await world.advance(60);
      await world.until(
        async () =>
          (
            await world.connection.pool.query(
              `select count(*) from tasks where state in ('held', 'ready') or (state = 'waiting' and due_at <= now())`,
            )
          ).rows[0].count,
        (busy) => busy === 0,
      );
    }
    const refusals = mmg.requests().length + firetext.requests().length;
    assert.ok(refusals < ids.length * 3, `${refusals} calls`);
    mmg.behave('accept');
    firetext.behave('accept');
    const before = [mmg.requests().length, firetext.requests().length] as const;
    // The next retry is at most five minutes away; then everything that waits is sent at once.
    await world.advance(300);
    await all(world, ids, 'sending', 20);
    const taken = [...mmg.requests().slice(before[0]), ...firetext.requests().slice(before[1])].map(idOf);
    assert.deepEqual(taken.toSorted(), ids.toSorted(), 'each once');
    for (const id of ids)
      assert.ok(
        lines.some(({ message }) => message === `RETRY: SMS notification ${id} failed`),
        `no RETRY line of ${id}`,
      );
    assert.ok(!lines.some(({ message }) => message.startsWith('RETRY FAILED')));
    assert.equal(
      (await becomes(world, 'mmg', 'closed')).reason,
      'Circuit closed: 3 messages in a row were taken',
    );
  });
});

test('with the weighted strategy each provider gets its share of the texts', async (t) => {
  const { world, mmg, firetext } = await createTwoProviderWorld(t, { SMS_PROVIDER_STRATEGY: 'weighted' });
  await world.connection.pool.query(
    `update providers set priority = case identifier when 'mmg' then 75 else 25 end where identifier in ('mmg', 'firetext')`,
  );
  await world.connection.pool.query(`select pg_notify('despatch_changed', 'providers:all')`);
  const ids = await send(world, 200);
  await all(world, ids, 'sending');
  const [most, rest] = [mmg.requests().length, firetext.requests().length];
  assert.equal(most + rest, 200);
  // A wide margin around 150: some may be sent by the old priorities, before the notice arrives.
  assert.ok(most > 30 && most < 190, `${most} and ${rest}`);
});
