import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/config/config.ts';
import { stopwatch } from '../../src/ground/clock.ts';
import { createLog } from '../../src/ground/log.ts';
import { startPlatform } from '../../src/process/compose.ts';
import { queueNames } from '../../src/queue/define.ts';
import { registerCallback } from '../support/callback-receiver.ts';
import { freePort } from '../support/free-port.ts';
import { createSuppliedWorld, sendThrough } from '../support/supplied.ts';
import { createWorld, environment, type World } from '../support/world.ts';

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
    `insert into tasks (queue, id, state, priority, due_at, payload)
     values ('send-sms', gen_random_uuid(), 'ready', 0, now() - interval '40 seconds', '{}'),
       ('send-sms', gen_random_uuid(), 'waiting', 0, now() + interval '1 hour', '{}')`,
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

/** The count of each series of a histogram, by its labels. */
async function series(api: string, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${api}/metrics`)).text();
  const lines = text.matchAll(new RegExp(`^${name}_count\\{(.*)\\} (\\S+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, labels, value]) => [labels, Number(value)]));
}

test('/metrics shows how long hand-overs, calls, receipts, deliveries, callbacks and tasks take, in the labels of the specification', async (t) => {
  const { world, told } = await createSuppliedWorld(t);
  await registerCallback(world, world.tenant, told.url);
  await sendThrough(world, told);
  await world.drain();
  const of = (name: string) => series(world.api, name);
  const sms = 'notification_type="sms",provider_name="mmg"';
  const email = 'notification_type="email",provider_name="ses"';
  assert.deepEqual(await of('notification_send_duration_seconds'), {
    [`key_type="normal",${sms}`]: 1,
    [`key_type="normal",${email}`]: 1,
  });
  assert.deepEqual(await of('provider_request_duration_seconds'), { [sms]: 1, [email]: 1 });
  const abroad = 'notification_sms_international="false"';
  const delivered = `key_type="normal",notification_status="delivered",${sms},${abroad}`;
  assert.deepEqual(await of('notification_callback_duration_seconds'), {
    [delivered]: 1,
    [`key_type="normal",notification_status="permanent-failure",${email},${abroad}`]: 1,
  });
  assert.deepEqual(await of('notification_deliver_duration_seconds'), { [delivered]: 1 });
  assert.deepEqual(await of('service_callback_forward_duration_seconds'), {
    'callback_type="delivery_status",callback_attempt="1"': 2,
  });
  await world.until(
    () => of('despatch_task_duration_seconds'),
    (tasks) =>
      tasks['queue="send-sms",status="success"'] === 1 && tasks['queue="send-email",status="success"'] === 1,
  );
  const requests = await of('despatch_http_request_duration_seconds');
  assert.equal(requests['method="POST",handler="v2_notifications.post_notification",status="201"'], 2);
  const text = await (await fetch(`${world.api}/metrics`)).text();
  const buckets = [...text.matchAll(/^provider_request_duration_seconds_bucket\{.*"mmg",le="([^"]+)"\}/gm)];
  assert.deepEqual(
    buckets.map(([, le]) => le),
    '0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf'.split(' '),
  );
});

test('a call that fails is told apart at /metrics, and its task counts as one that is tried again', async (t) => {
  const world = await createWorld({ roles: ['api', 'worker', 'sandbox'] });
  t.after(() => world.stop());
  await world.behave({ outage: true });
  const { client, tenant } = world;
  await client.sendSms(tenant.templates.sms, '07700900123', {
    personalisation: { name: 'Rowan', time: '14:05' },
  });
  await world.until(
    () => series(world.api, 'despatch_task_duration_seconds'),
    (tasks) => tasks['queue="send-sms",status="retry"'] === 1,
  );
  const failed = 'notification_type="sms",provider_name="sandbox",error_type="failed"';
  assert.deepEqual(await series(world.api, 'provider_request_duration_seconds'), { [failed]: 1 });
  const text = await (await fetch(`${world.api}/metrics`)).text();
  // A retry is not counted (spec 06, section 4.3).
  assert.doesNotMatch(text, /^despatch_tasks_deliver_sms_total/m);
});

test('/metrics shows providers with their circuits, periodic tasks, partitions, and texts that are not delivered in time', async (t) => {
  const { world } = await createSuppliedWorld(t);
  const { pool } = world.connection;
  const value = async (line: string) => {
    const text = await (await fetch(`${world.api}/metrics`)).text();
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found === undefined ? null : Number(found.slice(line.length + 1));
  };
  const mmg = '{provider_name="mmg",notification_type="sms"}';
  assert.deepEqual(
    await Promise.all(
      ['provider_info', 'despatch_provider_active', 'despatch_provider_circuit_open'].map((name) =>
        value(name + mmg),
      ),
    ),
    [1, 1, 0],
  );
  const late = (seconds: number) =>
    value(
      `provider_sms_legacy_not_delivered_within_ratio{provider_name="mmg",time_window_evaluation="900",time_window_delivery="${seconds}"}`,
    );
  assert.equal(await late(300), 0);
  assert.equal(await value('despatch_partitions_missing'), 0);
  const task = '{task="delete-verify-codes"}';
  // Nothing has run, and nothing is late: no scheduler has been here.
  assert.equal(await value(`despatch_periodic_task_overdue_seconds${task}`), 0);
  assert.equal(await value(`despatch_periodic_task_last_success${task}`), null);
  await pool.query(
    `update providers set circuit = 'open', circuit_until = now() + interval '1 hour' where identifier = 'mmg'`,
  );
  await pool.query(
    `insert into periodic_tasks (name, last_run, last_seconds) values ('delete-verify-codes', now() - interval '2 hours', 0.5)`,
  );
  // What was read is kept for some seconds.
  await world.until(
    () => value(`despatch_provider_circuit_open${mmg}`),
    (open) => open === 1,
  );
  const overdue = await world.until(
    () => value(`despatch_periodic_task_overdue_seconds${task}`),
    (seconds) => seconds !== 0,
    30,
  );
  assert.ok(overdue! >= 3420 && overdue! < 3600, `${overdue}`);
  assert.equal(await value(`despatch_periodic_task_last_run_seconds${task}`), 0.5);
});

test('a process without the API shows its metrics at METRICS_PORT, and nothing else', async (t) => {
  const world = await createWorld({ roles: ['api', 'sandbox'] });
  t.after(() => world.stop());
  const port = await freePort();
  const worker = await startPlatform({
    config: readConfig({
      ...environment(world.databaseUrl, world.dataDir, {
        METRICS_PORT: String(port),
        SANDBOX_URL: world.sandboxUrl,
      }),
      API_HOST_NAME: world.api,
    }),
    ...{ roles: ['worker'], queues: null, log: createLog('silent') },
  });
  t.after(() => worker.stop());
  await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
    personalisation: { name: 'Rowan', time: '14:05' },
  });
  const own = `http://127.0.0.1:${port}`;
  const sent = await world.until(
    () => series(own, 'notification_send_duration_seconds'),
    (found) => Object.keys(found).length > 0,
  );
  assert.deepEqual(sent, { 'key_type="normal",notification_type="sms",provider_name="sandbox"': 1 });
  assert.equal((await fetch(`${own}/_status`)).status, 200);
  for (const path of ['/v2/notifications', '/service', '/docs', '/_delivery_status'])
    assert.equal((await fetch(own + path)).status, 404, path);
});
