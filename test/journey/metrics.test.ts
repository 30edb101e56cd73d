import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stopwatch } from '../../src/ground/clock.ts';
import { queueNames } from '../../src/queue/define.ts';
import { createWorld, type World } from '../support/world.ts';

test('/metrics shows event-loop lag and the use of the database pool, and no page of another site may read it', async (context) => {
  const world = await createWorld({ roles: ['api'] });
  context.after(() => world.stop());
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    const { status, headers } = await fetch(`${world.api}/metrics`, { method });
    const cors = [...headers.keys()].filter((name) => name.startsWith('access-control-'));
    assert.deepEqual([status, cors], [200, []], method);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
  const other = await fetch(`${world.api}/_status`);
  assert.equal(other.headers.get('access-control-allow-origin'), '*');
  const text = await (await fetch(`${world.api}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  for (const name of ['nodejs_eventloop_lag_seconds', 'nodejs_eventloop_lag_p99_seconds'])
    assert.ok(value(name) >= 0, name);
  assert.equal(value('despatch_database_connections_max'), 8);
  assert.ok(value('despatch_database_connections_open') >= 1);
  assert.ok(value('despatch_database_connections_used') >= 0);
  assert.equal(value('despatch_database_waiting'), 0);
});

/** The values of a metric at `/metrics`, by the value of its label. */
async function labelled(world: World, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${world.api}/metrics`)).text();
  const lines = text.matchAll(new RegExp(`^${name}\\{[a-z]+="([^",]+)"\\} (\\S+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, label, value]) => [label, Number(value)]));
}

test('/metrics shows how much waits in every queue, for how long, and how large batches are', async (context) => {
  const world = await createWorld({ roles: ['api', 'sandbox'] });
  context.after(() => world.stop());
  const { tenant, connection } = world;
  const send = (type: 'sms' | 'email', recipient: object) =>
    world.call('POST', `/v2/notifications/${type}`, {
      body: {
        template_id: tenant.templates[type],
        personalisation: { name: 'Rowan', time: '14:05' },
        ...recipient,
      },
    });
  for (const [type, recipient] of [
    ['sms', { phone_number: '07700900123' }],
    ['sms', { phone_number: '07700900123' }],
    ['email', { email_address: 'kim@example.com' }],
  ] as const)
    assert.equal((await send(type, recipient)).status, 201);
  await connection.pool.query(
    `update accepted set due_at = due_at - interval '90 seconds' where notification_type = 'sms'`,
  );
  await connection.pool.query(
    `insert into pgboss.job (name, start_after) values ('send-sms', now() - interval '40 seconds'), ('send-sms', now() + interval '1 hour')`,
  );
  const due = await labelled(world, 'despatch_queue_due_tasks');
  assert.deepEqual(Object.keys(due).toSorted(), [...queueNames].toSorted());
  assert.deepEqual([due['db-sms'], due['db-email'], due['send-sms'], due['service-callbacks']], [2, 1, 1, 0]);
  assert.equal((await labelled(world, 'despatch_queue_delayed_tasks'))['send-sms'], 1);
  const oldest = await labelled(world, 'despatch_queue_oldest_due_seconds');
  const between = (value: number | undefined, least: number) =>
    assert.ok(value !== undefined && value >= least && value < least + 30, `${value}`);
  between(oldest['db-sms'], 90);
  between(oldest['send-sms'], 40);
  assert.equal(oldest['service-callbacks'], 0);
  assert.equal((await labelled(world, 'despatch_batch_items_count'))['accept'], 3);
});

test('a storm of scrapes costs one statement, and /metrics answers in seconds while the queues cannot be read', async (context) => {
  const world = await createWorld({ roles: ['api'] });
  context.after(() => world.stop());
  const holder = await world.connection.pool.connect();
  try {
    await holder.query('begin; lock table accepted in access exclusive mode');
    const scrapes = Array.from({ length: 50 }, () => labelled(world, 'despatch_queue_due_tasks'));
    const running = await world.until(
      async () =>
        (
          await world.connection.pool.query(
            `select from pg_stat_activity where datname = current_database() and query like '%queue.name as queue%' and pid <> pg_backend_pid()`,
          )
        ).rows.length,
      (count) => count > 0,
    );
    assert.equal(running, 1);
    const elapsed = stopwatch();
    assert.deepEqual(
      await Promise.all(scrapes),
      scrapes.map(() => ({})),
    );
    assert.ok(elapsed() < 5000, `${elapsed()} ms`);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  await world.until(
    () => labelled(world, 'despatch_queue_due_tasks'),
    (due) => due['db-sms'] === 0,
  );
});
