import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { countKept, partitionsOn, storeKept } from '../../../test/support/kept-messages.ts';
import { keptLog } from '../../../test/support/messages.ts';
import { openTestQueues } from '../../../test/support/queues.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import type { NotificationType } from '../../database/tables.ts';
import { createIdSource, idFloor } from '../../ground/id.ts';
import { createMetrics } from '../../ground/metrics.ts';
import type { CallbackQueue } from '../../message/callback/enqueue.ts';
import { createDeletion } from './delete.ts';

const none = { notifications: 0, attempts: 0, receipts: 0, callbacks: 0, tries: 0 };
const whole = { notifications: 1, attempts: 1, receipts: 1, callbacks: 1, tries: 1 };

describe('deletion after retention', () => {
  let world: World;
  let opened: Awaited<ReturnType<typeof openTestQueues>>;

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    opened = await openTestQueues(world);
  });
  after(async () => {
    await opened.stop();
    await world.stop();
  });
  beforeEach(async () => {
    await world.connection.pool.query(
      `truncate notifications, notification_history, attempts, receipts, service_callbacks, service_callback_attempts,
        service_data_retention, accepted`,
    );
  });

  const store = (...messages: Parameters<typeof storeKept>[1]) => storeKept(world, messages);
  const keep = (tenant: World['tenant'], type: NotificationType, days: number) =>
    world.admin('POST', `/service/${tenant.id}/data-retention`, {
      ...{ notification_type: type, days_of_retention: days },
    });
  async function run(
    at: string,
    {
      batch = 50_000,
      deliveryStatuses = async () => {},
      signal = new AbortController().signal,
    }: Partial<{
      batch: number;
      deliveryStatuses: CallbackQueue['deliveryStatuses'];
      signal: AbortSignal;
    }> = {},
  ) {
    const { log, lines } = keptLog();
    const remove = createDeletion({
      db: world.connection.db,
      queues: opened.queues,
      clock: { now: () => Date.parse(at) },
      log,
      metrics: createMetrics(null, log),
      callbacks: { deliveryStatuses },
      batch,
    });
    return { count: await remove({ lastRun: null, signal }), lines: lines.map(({ message }) => message) };
  }

  for (const [what, at, first] of [
    ['in winter', '2027-03-20T03:30:00Z', '2027-03-13T00:00:00.000Z'],
    ['in summer', '2027-07-09T02:30:00Z', '2027-07-01T23:00:00.000Z'],
    ['asked for just after midnight in London in summer', '2027-07-09T23:30:00Z', '2027-07-02T23:00:00.000Z'],
    [
      'asked for just before midnight in London in summer',
      '2027-07-09T22:59:59.999Z',
      '2027-07-01T23:00:00.000Z',
    ],
    ['on the night on which clocks go forward', '2027-03-28T02:30:00Z', '2027-03-21T00:00:00.000Z'],
    ['in the week after clocks went forward', '2027-03-30T02:30:00Z', '2027-03-23T00:00:00.000Z'],
    ['when the day after the change is over', '2027-04-05T02:30:00Z', '2027-03-28T23:00:00.000Z'],
    ['on the night on which clocks go back', '2027-10-31T03:30:00Z', '2027-10-23T23:00:00.000Z'],
    ['in the week after clocks went back', '2027-11-02T03:30:00Z', '2027-10-25T23:00:00.000Z'],
    ['when the day with 25 hours is over', '2027-11-08T03:30:00Z', '2027-11-01T00:00:00.000Z'],
    ['after a 29 February', '2028-03-07T03:30:00Z', '2028-02-29T00:00:00.000Z'],
    ['on a 29 February', '2028-02-29T03:30:00Z', '2028-02-22T00:00:00.000Z'],
    ['between two financial years', '2027-04-08T02:30:00Z', '2027-03-31T23:00:00.000Z'],
    ['between two years', '2028-01-08T03:30:00Z', '2028-01-01T00:00:00.000Z'],
  ] as const)
    test(`today and seven whole days are kept, to the millisecond: ${what}`, async () => {
      const last = new Date(Date.parse(first) - 1).toISOString();
      const [old] = await store({ at: last, calledBackAt: last });
      const [young] = await store({ at: first });
      await run(at);
      assert.deepEqual(await countKept(world, [old!]), none);
      assert.deepEqual(await countKept(world, [young!]), whole);
      const { rows } = await world.connection.pool.query('select count(*)::int from notification_history');
      assert.equal(rows[0].count, 2, 'the history is kept for ever');
    });

  test('a day of which nothing is kept is a dropped table', async () => {
    await store({ at: '2027-06-01T12:00:00Z' }, { at: '2027-06-02T12:00:00Z' });
    assert.equal((await run('2027-06-09T02:30:00Z')).count, 2, 'a message and a callback');
    for (const table of [
      'notifications',
      'attempts',
      'receipts',
      'service_callbacks',
      'service_callback_attempts',
    ]) {
      assert.deepEqual(await partitionsOn(world, table, '2027-06-01'), [], table);
      assert.equal((await partitionsOn(world, table, '2027-06-02')).length, 1, table);
    }
  });

  test('days without messages, and partitions made ahead, are dropped in their turn', async () => {
    await ensurePartitions(
      world.connection.db,
      Date.parse('2027-08-01T12:00:00Z'),
      Date.parse('2027-08-20T12:00:00Z'),
    );
    assert.equal((await run('2027-08-18T02:30:00Z')).count, 0);
    assert.deepEqual(await partitionsOn(world, 'notifications', '2027-08-10'), []);
    assert.equal((await partitionsOn(world, 'notifications', '2027-08-11')).length, 1);
  });

  test('after weeks without a scheduler, one run deletes all that is past its retention', async () => {
    const old = await store(
      ...Array.from({ length: 12 }, (_, index) => ({ at: `2027-05-${10 + index}T09:00:00Z` })),
    );
    const [young] = await store({ at: '2027-06-20T09:00:00Z' });
    await run('2027-06-22T09:00:00Z');
    assert.deepEqual(await countKept(world, old), none);
    assert.deepEqual(await countKept(world, [young!]), whole);
  });

  for (const [path, batch] of [
    ['put into an emptied table', 50_000],
    ['left when others are deleted in batches', 1],
  ] as const)
    test(`services keep each type for their own number of days: what is kept is ${path}`, async () => {
      const [usual, short, long] = [world.tenant, await world.addTenant(), await world.addTenant()];
      await keep(short, 'sms', 3);
      await keep(long, 'email', 30);
      const on = (day: string) => {
        const at = `2027-06-${day}T12:00:00Z`;
        return [usual, short, long].flatMap((tenant) => [
          { at, tenant, type: 'sms' as const },
          { at, tenant, type: 'email' as const },
        ]);
      };
      // A tenth service with nothing of its own makes what is kept the smaller part.
      const more = Array.from({ length: 4 }, () => ({ at: '2027-06-01T12:00:00Z' }));
      const [first, , ...rest] = [
        await store(...on('01'), ...more),
        null,
        await store(...on('05')),
        await store(...on('06')),
      ];
      const kept = async (ids: readonly string[]) =>
        Promise.all(ids.slice(0, 6).map(async (id) => (await countKept(world, [id])).notifications));
      await run('2027-06-09T02:30:00Z', { batch });
      assert.deepEqual(
        await kept(first!),
        [0, 0, 0, 0, 0, 1],
        'of 1 June, only the emails that are kept for 30 days',
      );
      assert.deepEqual(await countKept(world, first!), whole);
      assert.deepEqual(
        await kept(rest[0]!),
        [1, 1, 0, 1, 1, 1],
        'of 5 June, all but the texts that are kept for 3 days',
      );
      assert.deepEqual(await kept(rest[1]!), [1, 1, 1, 1, 1, 1], 'of 6 June, all');
      await run('2027-07-01T02:30:00Z', { batch });
      assert.deepEqual(await countKept(world, first!), whole, '30 whole days');
      await run('2027-07-02T02:30:00Z', { batch });
      assert.deepEqual(await countKept(world, first!), none);
      assert.deepEqual(await partitionsOn(world, 'attempts', '2027-06-01'), []);
    });

  test('a shorter retention holds from the next night, a longer one brings nothing back', async () => {
    const { tenant } = world;
    const messages = await store({ at: '2027-06-01T12:00:00Z' }, { at: '2027-06-05T12:00:00Z' });
    await keep(tenant, 'sms', 90);
    await run('2027-06-20T02:30:00Z');
    assert.equal((await countKept(world, messages)).notifications, 2);
    await world.connection.pool.query('update service_data_retention set days_of_retention = 16');
    await run('2027-06-21T02:30:00Z');
    assert.equal((await countKept(world, messages)).notifications, 1);
    await world.connection.pool.query('update service_data_retention set days_of_retention = 90');
    await run('2027-06-22T02:30:00Z');
    assert.equal((await countKept(world, messages)).notifications, 1);
  });

  test('the retention of a scheduled message counts from the day for which it was scheduled', async () => {
    const [scheduled] = await store({ at: '2027-06-01T12:00:00Z', scheduledFor: '2027-06-07T12:00:00Z' });
    const others = await store({ at: '2027-06-01T12:00:00Z' }, { at: '2027-06-01T13:00:00Z' });
    await run('2027-06-14T02:30:00Z');
    assert.equal((await countKept(world, [scheduled!])).notifications, 1);
    assert.equal((await countKept(world, others)).notifications, 0);
    await run('2027-06-15T02:30:00Z');
    assert.deepEqual(await countKept(world, [scheduled!]), none);
  });

  test('so does that of a scheduled message of a service that keeps its own for longer', async () => {
    const tenant = await world.addTenant();
    await keep(tenant, 'sms', 20);
    const [scheduled, plain] = await store(
      { at: '2027-06-01T12:00:00Z', tenant, scheduledFor: '2027-06-07T12:00:00Z' },
      { at: '2027-06-01T13:00:00Z', tenant },
    );
    const kept = async () =>
      Promise.all([scheduled!, plain!].map(async (id) => (await countKept(world, [id])).notifications));
    for (const [night, expected] of [
      ['2027-06-21T02:30:00Z', [1, 1]],
      ['2027-06-22T02:30:00Z', [1, 0]],
      ['2027-06-27T02:30:00Z', [1, 0]],
      ['2027-06-28T02:30:00Z', [0, 0]],
    ] as const) {
      await run(night);
      assert.deepEqual(await kept(), expected, night);
    }
  });

  test('a callback is kept for as many days, from its own', async () => {
    const [message] = await store({ at: '2027-06-01T12:00:00Z', calledBackAt: '2027-06-03T12:00:00Z' });
    await run('2027-06-10T02:30:00Z');
    assert.deepEqual(await countKept(world, [message!]), { ...none, callbacks: 1, tries: 1 });
    await run('2027-06-11T02:30:00Z');
    assert.deepEqual(await countKept(world, [message!]), none);
  });

  test('a message that is unfinished when its retention ends times out first, and its service is told', async () => {
    const ids = await store(
      ...(['created', 'sending', 'pending', 'sent'] as const).map((status) => ({
        at: '2027-06-01T12:00:00Z',
        status,
      })),
    );
    const told: string[] = [];
    await run('2027-06-09T02:30:00Z', {
      async deliveryStatuses({ trx }, changes) {
        const found = changes.map(({ id }) => id);
        const { rows } = await trx
          .selectFrom('notifications')
          .select('id')
          .where('id', 'in', found)
          .execute()
          .then((rows) => ({ rows }));
        told.push(...rows.map(({ id }) => id));
      },
    });
    assert.deepEqual(await countKept(world, ids), none);
    const { rows } = await world.connection.pool.query(
      'select status from unnest($1::uuid[]) with ordinality as given (id, place) join notification_history using (id) order by place',
      [ids],
    );
    assert.deepEqual(
      rows.map(({ status }) => status),
      ['technical-failure', 'temporary-failure', 'temporary-failure', 'sent'],
    );
    assert.deepEqual(told.toSorted(), ids.slice(0, 3).toSorted(), 'while the recipient was still known');
  });

  async function accept(at: string): Promise<string> {
    const id = createIdSource({ now: () => Date.parse(at) })();
    await world.connection.pool.query(
      `insert into accepted (id, notification_type, service_id, template_id, template_version, key_type, created_at,
        international, recipient, normalised_recipient, personalisation, queue, priority, due_at)
       values ($1, 'sms', $2, $3, 1, 'normal', $4, false, '07700900123', '447700900123', '\\x00', 'send-sms', 0, null)`,
      [id, world.tenant.id, world.tenant.templates.sms, at],
    );
    return id;
  }

  test('a day is not dropped while a message of it has been accepted and is not stored yet', async () => {
    const [stored] = await store({ at: '2027-06-01T12:00:00Z' });
    const waiting = await accept('2027-06-01T13:00:00Z');
    await run('2027-06-12T02:30:00Z');
    assert.equal((await countKept(world, [stored!])).notifications, 0, 'the others of the day are deleted');
    assert.equal((await partitionsOn(world, 'notifications', '2027-06-01')).length, 1);
    assert.equal((await partitionsOn(world, 'attempts', '2027-06-01')).length, 1);
    await world.connection.pool.query('delete from accepted where id = $1', [waiting]);
    await run('2027-06-13T02:30:00Z');
    assert.deepEqual(await partitionsOn(world, 'notifications', '2027-06-01'), []);
    assert.deepEqual(await partitionsOn(world, 'attempts', '2027-06-01'), []);
  });

  test('a day that is made again by a very late write is dropped again', async () => {
    await store({ at: '2027-06-01T12:00:00Z' });
    await run('2027-06-12T02:30:00Z');
    assert.deepEqual(await partitionsOn(world, 'notifications', '2027-06-01'), []);
    const [late] = await store({ at: '2027-06-01T14:00:00Z' });
    await run('2027-06-13T02:30:00Z');
    assert.deepEqual(await countKept(world, [late!]), none);
    assert.deepEqual(await partitionsOn(world, 'notifications', '2027-06-01'), []);
  });

  test('a run that ended in the middle of a day is completed by the next', async () => {
    const ids = await store({ at: '2027-06-01T12:00:00Z' }, { at: '2027-06-02T12:00:00Z' });
    for (const name of await partitionsOn(world, 'notifications', '2027-06-01'))
      await world.connection.pool.query(`drop table ${name}`);
    const stopping = new AbortController();
    stopping.abort();
    assert.equal((await run('2027-06-12T02:30:00Z', { signal: stopping.signal })).count, 0);
    await run('2027-06-12T02:30:00Z');
    assert.deepEqual(await countKept(world, ids), none);
    assert.deepEqual(await partitionsOn(world, 'receipts', '2027-06-01'), []);
  });

  test('two runs at once delete everything once', async () => {
    const ids = await store(
      ...Array.from({ length: 6 }, (_, index) => ({ at: `2027-06-0${1 + index}T12:00:00Z` })),
    );
    const long = await world.addTenant();
    await keep(long, 'sms', 30);
    const [kept] = await store({ at: '2027-06-02T12:00:00Z', tenant: long });
    await Promise.allSettled([run('2027-06-20T02:30:00Z'), run('2027-06-20T02:30:00Z')]);
    await run('2027-06-20T02:30:00Z');
    assert.deepEqual(await countKept(world, ids), none);
    assert.deepEqual(await countKept(world, [kept!]), whole);
  });

  test('UTC days, as releases before made them, are deleted at the ends of days in London, too', async () => {
    const { pool } = world.connection;
    for (const [table, day] of [
      ['notifications', 15],
      ['attempts', 15],
      ['receipts', 15],
    ] as const) {
      const [from, until] = [0, 1].map((more) => idFloor(Date.parse(`2027-09-${day + more}T00:00:00Z`)));
      await pool.query(
        `create table ${table}_utc partition of ${table} for values from ('${from}') to ('${until}')`,
      );
    }
    const ids = await store({ at: '2027-09-15T22:59:59.999Z' }, { at: '2027-09-15T23:00:00.000Z' });
    await run('2027-09-23T02:30:00Z');
    assert.equal((await countKept(world, [ids[0]!])).notifications, 0);
    assert.deepEqual({ ...(await countKept(world, [ids[1]!])) }, whole);
    await run('2027-09-24T02:30:00Z');
    assert.deepEqual(await countKept(world, ids), none);
  });

  test('nobody who sends waits for a table that is in use for long: the deletion gives way and comes again', async () => {
    const ids = await store({ at: '2027-06-01T12:00:00Z' });
    await store({ at: '2027-06-19T12:00:00Z' });
    const { pool } = world.connection;
    const reader = await pool.connect();
    await reader.query('begin');
    await reader.query('select count(*) from notifications');
    const deletion = run('2027-06-20T02:30:00Z');
    // All of these are answered while the reader still has the table, though the deletion wants it, too.
    for (let count = 0; count < 30; count++) await store({ at: '2027-06-19T12:00:00Z' });
    assert.equal((await countKept(world, ids)).notifications, 1);
    await reader.query('commit');
    reader.release();
    await deletion;
    assert.deepEqual(await countKept(world, ids), none);
  });
});
