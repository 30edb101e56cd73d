import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Platform } from '../../src/process/compose.ts';
import type { QueueName } from '../../src/queue/define.ts';
import { storeMessages } from '../support/messages.ts';
import { startProcess } from '../support/process.ts';
import { createWorld, environment, type World } from '../support/world.ts';

type Row = Record<string, any>;

const recipient = '07700900781';

describe('operating the platform', () => {
  let world: World;
  const started: Platform[] = [];
  before(async () => {
    world = await createWorld({
      roles: ['api', 'sandbox'],
      environment: {
        PERSIST_MAX_RETRIES: '0',
        PROVIDER_CIRCUIT_LEAST_FAILURES: '1',
        PROVIDER_CIRCUIT_FAILURE_PERCENT: '1',
        GIT_COMMIT: 'abc123',
      },
    });
  });
  after(async () => {
    for (const one of started.splice(0)) await one.stop();
    await world?.stop();
  });

  async function get(path: string): Promise<Row> {
    const { status, body } = await world.admin('GET', path);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
  const queue = async (name: string): Promise<Row> =>
    (await get('/platform/queues')).queues.find((one: Row) => one.name === name);
  const parked = async (name = ''): Promise<Row[]> =>
    (await get(`/platform/parked${name && `?queue=${name}`}`)).parked;
  const query = (text: string, values: unknown[] = []) => world.connection.pool.query(text, values);

  async function work(queues?: readonly QueueName[]): Promise<Platform> {
    const platform = await world.startMore({ roles: ['worker'], ...(queues && { queues }) });
    started.push(platform);
    return platform;
  }
  async function stop(platform: Platform): Promise<void> {
    started.splice(started.indexOf(platform), 1);
    await platform.stop();
  }
  async function withWorkers<T>(
    queues: readonly QueueName[] | undefined,
    during: () => Promise<T>,
  ): Promise<T> {
    const workers = await work(queues);
    try {
      return await during();
    } finally {
      await stop(workers);
    }
  }
  async function send(): Promise<string> {
    const { status, body } = await world.call('POST', '/v2/notifications/sms', {
      body: {
        template_id: world.tenant.templates.sms,
        phone_number: recipient,
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    assert.equal(status, 201);
    return body.id;
  }
  const statusOf = async (id: string) => (await world.call('GET', `/v2/notifications/${id}`)).body.status;
  const ends = (id: string, status: string) =>
    world.until(
      () => statusOf(id),
      (seen) => seen === status,
    );
  async function refuseToStore(): Promise<() => Promise<unknown>> {
    await query(
      `alter table notifications add constraint no_room check (normalised_recipient <> '447700900781') not valid`,
    );
    return () => query('alter table notifications drop constraint no_room');
  }
  const lastEvent = async () => (await get('/events')).events[0] as Row;

  test('each queue shows what waits, for how long, and which processes serve it', async () => {
    const id = await send();
    const unserved = await queue('db-sms');
    assert.deepEqual([unserved.waiting, unserved.parked, unserved.served_by], [1, 0, []]);
    assert.ok(unserved.oldest_due_seconds >= 0);
    await withWorkers(['db-sms'], async () => {
      const delivery = await world.until(
        () => queue('send-sms'),
        ({ waiting }) => waiting === 1,
      );
      assert.deepEqual([delivery.active, delivery.delayed, delivery.served_by], [0, 0, []]);
      const { processes } = await get('/platform/processes');
      const worker = processes.find(({ roles }: Row) => roles.includes('worker'));
      assert.deepEqual([worker.roles, worker.queues, worker.pid], [['worker'], ['db-sms'], process.pid]);
      assert.deepEqual([worker.version, worker.git_commit], ['0.1.0', 'abc123']);
      assert.deepEqual((await queue('db-sms')).served_by, [worker.id]);
    });
    await withWorkers(undefined, () => ends(id, 'delivered'));
    const { processes } = await get('/platform/processes');
    assert.deepEqual(
      processes.map(({ roles }: Row) => roles),
      [['api', 'sandbox']],
      'stopped processes are gone',
    );
  });

  test('a process that is killed is no longer listed once it has not been seen for half a minute', async () => {
    const settings = environment(world.databaseUrl, world.dataDir, {
      SANDBOX_URL: world.sandboxUrl,
      API_HOST_NAME: world.api,
    });
    const killed = await startProcess(['--roles', 'worker', '--queues', 'receipts'], settings);
    const list = async () => (await get('/platform/processes')).processes as Row[];
    const one = (await list()).find(({ pid }) => pid === killed.child.pid);
    assert.deepEqual(one?.['queues'], ['receipts']);
    await killed.kill('SIGKILL');
    assert.ok((await list()).some(({ id }) => id === one!['id']));
    await query(`update processes set seen_at = seen_at - interval '31 seconds' where id = $1`, [one!['id']]);
    assert.ok(!(await list()).some(({ id }) => id === one!['id']));
  });

  test('a message that could not be stored is parked with the class of the error, and is delivered once released', async () => {
    const allow = await refuseToStore();
    const id = await send();
    await withWorkers(['db-sms'], async () => {
      const [one] = await world.until(
        () => parked('db-sms'),
        ({ length }) => length === 1,
      );
      assert.deepEqual(
        { ...one, parked_at: null },
        {
          ...{ id, queue: 'db-sms', notification: id, service: world.tenant.id, parked_at: null, tries: 1 },
          service_name: `Harbour ${world.tenant.id.slice(0, 8)}`,
          reason: 'database error 23514 (no_room)',
        },
      );
      assert.ok(one!['parked_at']);
    });
    assert.equal((await queue('db-sms')).parked, 1);
    await allow();
    const released = await world.admin('POST', `/platform/parked/${id}/release`, { reason: 'Room again' });
    assert.deepEqual([released.status, released.body.data[0].id], [200, id]);
    const event = await lastEvent();
    assert.deepEqual(
      [event['event_type'], event['subject_id'], event['service_id'], event['data'].reason],
      ['release_parked', id, world.tenant.id, 'Room again'],
    );
    assert.deepEqual(await parked(), []);
    await withWorkers(undefined, () => ends(id, 'delivered'));
  });

  test('a parked message that is dropped becomes a technical failure, and its timeline says so', async () => {
    const allow = await refuseToStore();
    const id = await send();
    await withWorkers(['db-sms'], () =>
      world.until(
        () => parked(),
        ({ length }) => length === 1,
      ),
    );
    const refused = await world.admin('POST', `/platform/parked/${id}/drop`);
    assert.deepEqual(
      [refused.status, refused.body.message],
      [
        409,
        'The message cannot be stored: database error 23514 (no_room). Remove the cause first; the log has the error.',
      ],
    );
    assert.equal((await parked()).length, 1);
    await allow();
    assert.equal((await world.admin('POST', `/platform/parked/${id}/drop`)).status, 204);
    assert.equal(await statusOf(id), 'technical-failure');
    const last = (await world.timeline(id)).at(-1)!;
    assert.deepEqual([last.event, last.reason], ['given up', 'dropped']);
    assert.equal((await lastEvent())['event_type'], 'drop_parked');
    assert.equal((await world.admin('POST', `/platform/parked/${id}/drop`)).status, 404);
  });

  test('tasks that this release cannot read are parked; released they are delivered, dropped they fail', async () => {
    const ids = [await send(), await send(), await send()];
    await withWorkers(['db-sms'], () =>
      world.until(
        () => queue('send-sms'),
        ({ waiting }) => waiting === 3,
      ),
    );
    const payload = (shape: string) => query(`update tasks set payload = ${shape} where id = any($1)`, [ids]);
    await payload(`jsonb_build_object('message', id)`);
    await withWorkers(['send-sms'], () =>
      world.until(
        () => parked('send-sms'),
        ({ length }) => length === 3,
      ),
    );
    const [newest] = await parked();
    assert.deepEqual(
      [newest!['id'], newest!['notification'], newest!['service'], newest!['reason']],
      [ids[2], ids[2], world.tenant.id, 'Its payload does not fit its queue: another release wrote it'],
    );
    const stuck = (await get('/platform/stuck?seconds=0&kind=created')).messages;
    assert.deepEqual(
      stuck.map(({ id, waits_for }: Row) => [id, waits_for]),
      ids.toReversed().map((id) => [id, 'operator']),
    );
    const next = await get(`/platform/parked?older_than=${ids[1]}`);
    assert.deepEqual(
      next['parked'].map(({ id }: Row) => id),
      [ids[0]],
    );
    assert.equal((await world.admin('POST', `/platform/parked/${ids[2]}/drop`)).status, 204);
    assert.equal(await statusOf(ids[2]!), 'technical-failure');

    await payload(`jsonb_build_object('notification_id', id, 'type', 'sms')`);
    const released = await world.admin('POST', '/platform/parked/release', { queue: 'send-sms' });
    assert.deepEqual([released.status, released.body], [200, { released: 2, more: false }]);
    assert.deepEqual((await lastEvent())['data'], { queue: 'send-sms', released: 2 });
    await withWorkers(undefined, () => Promise.all([ends(ids[0]!, 'delivered'), ends(ids[1]!, 'delivered')]));
  });

  test('releasing and dropping refuse what is not parked', async () => {
    for (const action of ['release', 'drop']) {
      const unknown = await world.admin('POST', `/platform/parked/${randomUUID()}/${action}`);
      assert.deepEqual(
        [unknown.status, unknown.body],
        [404, { result: 'error', message: 'No result found' }],
      );
    }
    const choice = await world.admin('POST', '/platform/parked/release', { queue: 'service-callbacks' });
    assert.deepEqual([choice.status, choice.body.message], [400, { queue: ['Not a valid choice.'] }]);
    const { body } = await world.admin('POST', '/platform/parked/release', { queue: 'receipts' });
    assert.deepEqual(body, { released: 0, more: false });
  });

  test('stuck messages are listed by what they wait for', async () => {
    const stuck = async (parameters = '') => await get(`/platform/stuck?seconds=0${parameters}`);
    const causes = (list: Row) =>
      Object.fromEntries(list['messages'].map(({ id, waits_for }: Row) => [id, waits_for]));
    const id = await send();
    assert.deepEqual(causes(await stuck()), { [id]: 'storing' });

    await withWorkers(['db-sms'], () =>
      world.until(
        async () => causes(await stuck())[id],
        (cause) => cause === 'queue',
      ),
    );
    // The provider is down, and its circuit opens.
    await world.behave({ outage: true });
    await withWorkers(undefined, async () => {
      const [one] = await world.until(
        async () => (await stuck())['messages'],
        ([first]) => first?.waits_for === 'provider',
      );
      assert.deepEqual([one.id, one.kind, one.status], [id, 'created', 'created']);
      assert.ok(one.next_attempt_at > one.since);
    });
    await query(`update providers set circuit = 'closed'`);
    assert.deepEqual(causes(await stuck()), { [id]: 'retry' });
    await world.behave({ outage: false });
    const hour = Date.now() - 3_600_000;
    const [lost, sending, done] = await storeMessages(world, world.tenant, [
      { status: 'created', createdAt: hour - 2000 },
      { status: 'sending', createdAt: hour - 1000 },
      { status: 'delivered', createdAt: hour },
    ]);
    await query(
      `insert into service_callbacks (id, service_id, callback_type, notification_id, payload, created_at, queued_at, due_at, state)
      values ($1, $2, 'delivery_status', $1, '', now() - interval '1 hour', now() - interval '1 hour', now(), 'pending')`,
      [done, world.tenant.id],
    );
    const all = await stuck();
    assert.deepEqual(causes(all), {
      [id]: 'retry',
      [lost!]: 'replay',
      [sending!]: 'receipt',
      [done!]: 'callback',
    });
    assert.deepEqual(all['totals'], {
      accepted: 0,
      created: 2,
      sending: 1,
      callback: 1,
      counted_back_to: null,
    });
    assert.deepEqual(causes(await get('/platform/stuck')), {
      [lost!]: 'replay',
      [sending!]: 'receipt',
      [done!]: 'callback',
    });
    const older = await stuck(`&older_than=${sending}`);
    assert.deepEqual([older['totals'], Object.keys(causes(older))], [null, [lost]]);
    assert.deepEqual(
      Object.keys(causes(await stuck('&kind=callback&kind=sending'))).sort(),
      [sending, done].sort(),
    );
    await query('delete from service_callbacks where notification_id = $1', [done]);
    await query('delete from notification_history where id = any($1)', [[lost, sending, done]]);
    await query(`update tasks set due_at = now() where state = 'waiting' and id = $1`, [id]);
    await withWorkers(undefined, () => ends(id, 'delivered'));
    assert.deepEqual(causes(await stuck()), {});
  });

  test('periodic tasks show when they ran and are next due, and run when an operator asks', async () => {
    const task = async (name: string): Promise<Row> =>
      (await get('/platform/tasks')).tasks.find((one: Row) => one.name === name);
    const before = await task('delete-inbound-sms');
    assert.deepEqual(before['schedule'], { at: '40 1 * * *', zone: 'UTC' });
    assert.deepEqual([before['last_succeeded_at'], before['last_count']], [null, null]);
    const scheduler = await world.startMore({ roles: ['scheduler'] });
    started.push(scheduler);
    const first = await world.until(
      () => task('delete-inbound-sms'),
      ({ last_succeeded_at: at }) => at !== null,
    );
    assert.deepEqual([first['last_began_at'], first['last_count']], [first['last_succeeded_at'], 0]);
    assert.match(first['next_due_at'], /T01:40:00/);

    const asked = await world.admin('POST', '/platform/tasks/delete-inbound-sms/run');
    assert.deepEqual([asked.status, typeof asked.body.data.asked_at], [202, 'string']);
    assert.deepEqual((await lastEvent())['data'], { task: 'delete-inbound-sms' });
    await world.until(
      () => task('delete-inbound-sms'),
      ({ asked_at: at, last_succeeded_at: last }) => at === null && last > first['last_succeeded_at'],
    );

    await query('alter table verify_codes rename to verify_codes_away');
    await world.admin('POST', '/platform/tasks/delete-verify-codes/run');
    const failed = await world.until(
      () => task('delete-verify-codes'),
      ({ last_failure: failure }) => failure !== null,
    );
    await query('alter table verify_codes_away rename to verify_codes');
    assert.equal(failed['last_failure'], 'database error 42P01');
    assert.ok(failed['last_failed_at'] === failed['last_began_at']);
    const unknown = await world.admin('POST', '/platform/tasks/%00nothing/run');
    assert.deepEqual([unknown.status, unknown.body.message], [404, 'No result found']);
    await stop(scheduler);
  });

  test('the system says its version, its database, and what ends the rows of each table', async () => {
    const { database, ...system } = await get('/platform/system');
    assert.deepEqual(
      [system['version'], system['git_commit'], system['sandbox'], system['unprovided']],
      ['0.1.0', 'abc123', ['sms', 'email'], []],
    );
    assert.match(database.migration, /^\d{4}-/);
    assert.match(database.version, /^\d+/);
    assert.ok(database.bytes > 1_000_000);
    const names = database.tables.map(({ name }: Row) => name);
    assert.ok(names.includes('tasks') && names.includes('notification_history'), names.join());
    const events = database.tables.find(({ name }: Row) => name === 'events');
    assert.deepEqual(Object.keys(events), ['name', 'bytes', 'bytes_a_week_ago', 'rows', 'ends']);
    assert.equal(events.ends, 'delete-old-records-from-events-table, after: 52 weeks');
    assert.ok(Math.abs(system['clock_skew_seconds']) < 5);
    const setting = (name: string) => system['settings'].find((one: Row) => one['name'] === name);
    const { meaning, ...key } = setting('SECRET_KEY');
    assert.deepEqual(key, { name: 'SECRET_KEY', value: null, is_secret: true, is_default: false });
    assert.match(meaning, /encryption/);
    assert.equal(setting('GIT_COMMIT').value, 'abc123');
  });
});
