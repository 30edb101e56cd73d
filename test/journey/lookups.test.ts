import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { personalisation, type Receiver, receiver, registerCallback } from '../support/callback-receiver.ts';
import { createWorld, type World } from '../support/world.ts';

/** Batches get large enough for any way to read many rows at once to look cheap. */
const messages = 2400;
const atOnce = 400;
/** It is looked up when it is claimed, recorded, reported and told to its service, each time read or written. */
const mostLookups = 10;
const tables = [
  'notifications',
  'notification_history',
  'attempts',
  'receipts',
  'tasks',
  'accepted',
  'service_callbacks',
  'service_callback_attempts',
];

suite('a message on a day that the database has no statistics of yet', () => {
  let world: World;
  let service: Receiver;
  before(async () => {
    service = await receiver();
    world = await createWorld({ environment: { CALLBACK_ALLOW_PRIVATE: 'true' } });
    await registerCallback(world, world.tenant, service.url);
    await world.connection.pool.query('update services set rate_limit = 100000, sms_limit = 1000000');
  });
  after(async () => {
    service.stop();
    await world?.stop();
  });

  test('is looked up by its id, however many came before it', async () => {
    const body = { template_id: world.tenant.templates.sms, phone_number: '07700900123', personalisation };
    let left = messages;
    const send = async () => {
      while (left-- > 0) {
        const { status } = await world.call('POST', '/v2/notifications/sms', { body });
        assert.equal(status, 201);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, send));
    await world.until(
      async () => service.seen.length,
      (count) => count >= messages,
      60,
    );
    const rows = await rowsRead();
    const tooMany = Object.entries(rows).filter(([, count]) => count > mostLookups * messages);
    assert.deepEqual(tooMany, [], 'rows read: of these tables far more than were looked for');
    for (const table of ['notification_history', 'attempts', 'service_callbacks'])
      assert.ok(rows[table]! >= messages, `${table}: ${rows[table]}`);
  });

  /** Rows that all other connections have read, of each table. They report it when they end. */
  async function rowsRead(): Promise<Record<string, number>> {
    const { pool } = world.connection;
    const pids = `select pid from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
    const { rows: backends } = await pool.query<{ pid: number }>(pids);
    const ended = backends.map(({ pid }) => pid);
    await pool.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [ended]);
    await world.until(
      async () => (await pool.query(`${pids} and pid = any($1)`, [ended])).rows,
      (still) => still.length === 0,
    );
    const { rows } = await pool.query<{ name: string; count: number }>(
      `select t.name, sum(coalesce(s.idx_tup_fetch, 0) + s.seq_tup_read)::int as count from unnest($1::text[]) as t (name)
       join pg_stat_user_tables s on s.relid = t.name::regclass
         or s.relid in (select inhrelid from pg_inherits where inhparent = t.name::regclass)
       group by 1`,
      [tables],
    );
    return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
  }
});
