import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Receiver, registerCallback } from '../support/callback-receiver.ts';
import { startStatsd } from '../support/statsd.ts';
import { createSuppliedWorld, sendThrough } from '../support/supplied.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const prefix = 'hosted.staging.notifications.api.';
/** Counted and timed. */
const both = (...names: string[]) => names.flatMap((name) => [`${name}|c`, `${name}|ms`]);

/** A platform with MMG, SES and a StatsD host, whose service has a callback address. */
async function open(
  t: TestContext,
): Promise<{ world: World; told: Receiver; seen: () => readonly string[] }> {
  const statsd = await startStatsd();
  t.after(() => statsd.stop());
  const { world, told } = await createSuppliedWorld(t, {
    NOTIFY_ENVIRONMENT: 'staging',
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: String(statsd.port),
    STATSD_PREFIX: 'hosted',
  });
  await registerCallback(world, world.tenant, told.url);
  const last = 'user-agent.non-notify-user-agent|c';
  await world.until(
    async () => statsd.seen(),
    (all) => all.includes(prefix + last),
  );
  assert.equal(statsd.seen().filter((stat) => stat.includes('.POST.')).length, 2);
  statsd.forget();
  const seen = () =>
    statsd.seen().map((stat) => {
      assert.ok(stat.startsWith(prefix), stat);
      return stat.slice(prefix.length);
    });
  return { world, told, seen };
}

test('one text and one email, from request to receipt and callback, give exactly the stats of the specification', async (t) => {
  const { world, told, seen } = await open(t);
  await sendThrough(world, told);
  const ofEach = both(
    'tasks.send_delivery_status',
    'dao.dao_create_notification',
    'dao.dao_claim_notification',
    'dao.dao_update_notification',
    'dao.get_notifications_for_receipts',
    'dao.update_notification_status_by_reference',
    'POST.v2_notifications.post_notification.201',
  ).concat(
    'user-agent.notify-api-node-client.8-4-0|c',
    'user-agent.non-notify-user-agent|c',
    'service-callback.delivery_status.success|c',
  );
  const expected = [
    ...ofEach,
    ...ofEach,
    'sms|c',
    'email|c',
    ...both('tasks.send_sms', 'tasks.deliver_sms', 'tasks.send_email', 'tasks.deliver_email'),
    ...['tasks.deliver_sms.queued-for|ms', 'tasks.deliver_email.queued-for|ms'],
    ...['clients.mmg.success|c', 'clients.mmg.request-time|ms', 'sms.total-time|ms'],
    ...['clients.ses.success|c', 'clients.ses.request-time|ms', 'email.total-time|ms'],
    ...both('POST.sms_callback.process_mmg_response.200'),
    ...both('POST.notifications_ses_callback.process_ses_response.200'),
    ...['callback.mmg.delivered|c', 'callback.mmg.elapsed-time|ms'],
    ...['callback.ses.permanent-failure|c', 'callback.ses.elapsed-time|ms'],
  ].toSorted();
  await world.until(
    async () => seen().length,
    (count) => count >= expected.length,
  );
  assert.deepEqual(seen().toSorted(), expected);
});

test('periodic tasks are counted and timed by the names of the specification; an idle worker counts nothing', async (t) => {
  const statsd = await startStatsd();
  t.after(() => statsd.stop());
  const world = await createWorld({
    roles: ['worker', 'scheduler'],
    environment: { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(statsd.port) },
  });
  t.after(() => world.stop());
  // A new installation makes up for all of them.
  const names = [
    ...['run_scheduled_jobs', 'delete_verify_codes', 'delete_invitations', 'timeout_notifications'],
    ...['switch_current_sms_provider_on_slow_delivery', 'replay_created_notifications', 'make_partitions'],
  ].map((name) => `development.notifications.api.tasks.${name}`);
  const seen = await world.until(
    async () => statsd.seen(),
    (all) => both(...names).every((stat) => all.includes(stat)),
  );
  const others = seen.filter((stat) => /tasks\.(send|deliver)_|dao_create_notification/.test(stat));
  assert.deepEqual(others, []);
});

test('callers and messages fare the same whether StatsD is absent, refuses or cannot be resolved', async () => {
  const gone = await startStatsd();
  gone.stop();
  // A closed port of this machine answers with ICMP; the second one can be no name.
  for (const host of ['127.0.0.1', 'statsd..invalid', '::1']) {
    const world = await createWorld({
      environment: { STATSD_HOST: host, STATSD_PORT: String(gone.port) },
    });
    try {
      const { client, tenant } = world;
      const sent = await Promise.all(
        Array.from({ length: 50 }, () =>
          client.sendSms(tenant.templates.sms, '07700900123', { personalisation }),
        ),
      );
      assert.deepEqual(new Set(sent.map(({ status }) => status)), new Set([201]), host);
      await world.drain();
      const { rows } = await world.connection.pool.query(
        'select status, count(*)::int as count from notification_history group by 1',
      );
      assert.deepEqual(rows, [{ status: 'delivered', count: 50 }], host);
    } finally {
      await world.stop();
    }
  }
});

test('with STATSD_ENABLED=0 nothing is sent though a host is set', async (t) => {
  const statsd = await startStatsd();
  t.after(() => statsd.stop());
  const world = await createWorld({
    roles: ['api'],
    environment: { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(statsd.port), STATSD_ENABLED: '0' },
  });
  assert.equal((await world.call('GET', '/_status', { key: null })).status, 200);
  // What is left is sent when the platform stops.
  await world.stop();
  assert.deepEqual(statsd.datagrams(), []);
});
