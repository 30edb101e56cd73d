import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { storeMessages } from '../../../test/support/messages.ts';
import { openTestQueues } from '../../../test/support/queues.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import type { NotificationStatus } from '../../database/tables.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import type { CallbackQueue } from '../callback/enqueue.ts';
import { type AttemptEnd, finishingAttempts } from '../delivery/store.ts';
import { findSubjects } from '../receipt/store.ts';
import { moveStatuses, nextStatus, type StatusEvent, type StatusMove } from './status.ts';

const statuses = [
  ...['created', 'sending', 'pending', 'sent', 'delivered', 'temporary-failure', 'permanent-failure'],
  ...['technical-failure', 'validation-failed', 'cancelled'],
] as readonly NotificationStatus[];

const flags = [false, true] as const;
const events: readonly StatusEvent[] = [
  ...flags.flatMap((international) =>
    ([null, 'delivered', 'temporary-failure', 'permanent-failure'] as const).map(
      (end): StatusEvent => ({ kind: 'handed over', international, end }),
    ),
  ),
  { kind: 'given up', why: 'too-large' },
  ...(['timed out', 'cancelled'] as const).map((kind): StatusEvent => ({ kind })),
  ...(['permanent', 'temporary'] as const).map((recipient): StatusEvent => ({ kind: 'refused', recipient })),
  { kind: 'suppressed', reason: 'unsubscribed' },
  ...statuses.flatMap((status) =>
    (['id', 'reference'] as const).flatMap((found) =>
      flags.flatMap((international) =>
        flags.map((reliable): StatusEvent => ({ kind: 'receipt', status, found, international, reliable })),
      ),
    ),
  ),
];

const createdAt = Date.parse('2026-11-21T12:00:00.000Z');
const at = new Date(createdAt + 60_000);
const sentAt = new Date(createdAt + 1000);

describe('the one writer of statuses', () => {
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

  const store = (wanted: readonly NotificationStatus[]) =>
    storeMessages(
      world,
      world.tenant,
      wanted.map((status) => ({ status, createdAt })),
    );
  function move(
    moves: readonly StatusMove[],
    deliveryStatuses: CallbackQueue['deliveryStatuses'] = async () => {},
  ) {
    const metrics = createMetrics(null, createLog('silent'));
    return opened.queues.transaction((transaction) =>
      moveStatuses(
        { metrics, callbacks: { deliveryStatuses } },
        transaction,
        'dao_update_notification',
        moves,
      ),
    );
  }
  async function read(ids: readonly string[]) {
    const { rows } = await world.connection.pool.query(
      'select id, status, updated_at, sent_at, sent_by, reference, billable_units from notification_history where id = any($1)',
      [ids],
    );
    return ids.map((id) => rows.find((row) => row.id === id));
  }

  test('every event changes every status in SQL as nextStatus says', async () => {
    const pairs = events.flatMap((event) => statuses.map((status) => ({ event, status })));
    const ids = await store(pairs.map(({ status }) => status));
    const changes = await move(
      pairs.map(({ event }, index) => ({ id: ids[index]!, event, at, handOver: null })),
    );
    const changed = new Map(changes.map(({ id, status }) => [id, status]));
    const rows = await read(ids);
    pairs.forEach(({ event, status }, index) => {
      const transition = nextStatus(status, event);
      const expected = 'to' in transition ? transition.to : null;
      const name = `${status}, ${JSON.stringify(event)}`;
      assert.equal(changed.get(ids[index]!) ?? null, expected, name);
      assert.equal(rows[index].status, expected ?? status, name);
      assert.deepEqual(rows[index].updated_at, expected === null ? null : at, name);
    });
  });

  test('the facts of a hand-over are written in any status, those of a receipt only where they are missing', async () => {
    const ids = await store(['created', 'delivered', 'created', 'sending', 'delivered']);
    const [taken, overtaken, early, usual, late] = ids as [string, string, string, string, string];
    const handOver = { sentAt, sentBy: 'mmg', reference: 'theirs', billableUnits: 2 };
    const handedOver: StatusEvent = { kind: 'handed over', international: false, end: null };
    const receipt: StatusEvent = {
      ...{ kind: 'receipt', status: 'delivered', found: 'id', international: false, reliable: true },
    };
    await move([
      { id: taken, event: handedOver, at, handOver },
      { id: overtaken, event: handedOver, at, handOver },
      { id: early, event: receipt, at, handOver: { ...handOver, reference: null } },
      { id: usual, event: { kind: 'given up', why: null }, at, handOver: null },
      { id: late, event: receipt, at, handOver },
    ]);
    const facts = (await read(ids)).map((row) => [
      ...[row.status, row.sent_at, row.sent_by, row.reference, row.billable_units],
    ]);
    assert.deepEqual(facts, [
      ['sending', sentAt, 'mmg', 'theirs', 2],
      ['delivered', sentAt, 'mmg', 'theirs', 2],
      ['delivered', sentAt, 'mmg', null, 2],
      ['technical-failure', null, null, null, 0],
      ['delivered', null, null, null, 0],
    ]);
    const again = { sentAt: at, sentBy: 'firetext', reference: null, billableUnits: 9 };
    await store(['sending']);
    await world.connection.db
      .updateTable('notification_history')
      .set({ status: 'sending' })
      .where('id', '=', taken)
      .execute();
    await move([{ id: taken, event: receipt, at, handOver: again }]);
    const [row] = await read([taken]);
    assert.deepEqual(
      [row.sent_at, row.sent_by, row.reference, row.billable_units],
      [sentAt, 'mmg', 'theirs', 2],
    );
  });

  test('a hand-over of which a receipt has told all that is to be known is not written again', async () => {
    const [known, other, slow] = (await store(['created', 'created', 'created'])) as [string, string, string];
    const handOver = { sentAt, sentBy: 'mmg', reference: null, billableUnits: 2 };
    const receipt: StatusEvent = {
      ...{ kind: 'receipt', status: 'delivered', found: 'id', international: false, reliable: true },
    };
    await move([known, other, slow].map((id) => ({ id, event: receipt, at, handOver })));
    const versions = async () => {
      const { rows } = await world.connection.pool.query(
        'select ctid, sent_at, billable_units from notification_history where id = any($1) order by array_position($1, id)',
        [[known, other, slow]],
      );
      return rows;
    };
    const before = await versions();
    const after = (milliseconds: number) => new Date(sentAt.getTime() + milliseconds);
    const handedOver: StatusEvent = { kind: 'handed over', international: false, end: null };
    const changes = await move([
      { id: known, event: handedOver, at, handOver: { ...handOver, sentAt: after(900) } },
      { id: other, event: handedOver, at, handOver: { ...handOver, billableUnits: 3 } },
      { id: slow, event: handedOver, at, handOver: { ...handOver, sentAt: after(1100) } },
    ]);
    assert.deepEqual(changes, []);
    const [first, second, third] = await versions();
    assert.deepEqual(first, before[0]);
    assert.deepEqual([second.sent_at, second.billable_units], [sentAt, 3]);
    assert.deepEqual(third.sent_at, after(1100));
  });

  test('several moves of one message are applied in order', async () => {
    const [id] = (await store(['sending'])) as [string];
    const receipt = (status: NotificationStatus): StatusMove => ({
      ...{ id, at, handOver: null },
      event: { kind: 'receipt', status, found: 'reference', international: false, reliable: true },
    });
    const changes = await move([receipt('pending'), receipt('delivered'), receipt('permanent-failure')]);
    assert.deepEqual(changes, [{ id, serviceId: world.tenant.id, status: 'delivered' }]);
  });

  test('a move that another transaction overtakes is applied to what its message has become, and counted once', async () => {
    const [overtaken, alone] = await store(['created', 'created']);
    const handedOver = (id: string): StatusMove => ({
      ...{ id, event: { kind: 'handed over', international: false, end: null }, at },
      handOver: { sentAt, sentBy: 'mmg', reference: null, billableUnits: 1 },
    });
    const receipt: StatusMove = {
      ...{ id: overtaken!, at, handOver: null },
      event: { kind: 'receipt', status: 'delivered', found: 'id', international: false, reliable: true },
    };
    const { pool } = world.connection;
    await pool.query('delete from status_changes');
    let second: Promise<unknown> | null = null;
    // Uncommitted when the other begins, and committed once that waits for it.
    const first = await move([receipt], async () => {
      second = move([handedOver(overtaken!), handedOver(alone!)]);
      await world.until(
        async () =>
          (await pool.query(`select from pg_locks where not granted and locktype = 'transactionid'`)).rows
            .length,
        (waiting) => waiting > 0,
      );
    });
    assert.deepEqual(
      first.map(({ status }) => status),
      ['delivered'],
    );
    assert.deepEqual(await second, [{ id: alone, serviceId: world.tenant.id, status: 'sending' }]);
    const [one, other] = await read([overtaken!, alone!]);
    assert.deepEqual(
      [one.status, one.sent_by, other.status, other.sent_by],
      ['delivered', 'mmg', 'sending', 'mmg'],
    );
    const { rows } = await pool.query(
      `select status, sum(count)::int as count from status_changes group by 1 having sum(count) <> 0 order by 1`,
    );
    assert.deepEqual(rows, [
      { status: 'created', count: -2 },
      { status: 'delivered', count: 1 },
      { status: 'sending', count: 1 },
    ]);
  });

  test('only the partitions of its messages are opened, however many there are', async () => {
    const { db } = world.connection;
    const month = 31 * 86_400_000;
    await ensurePartitions(db, createdAt - 3 * month, createdAt);
    const ids = await store(['created', 'created']);
    const metrics = createMetrics(null, createLog('silent'));
    const deps = { metrics, callbacks: { deliveryStatuses: async () => {} } };
    const opened = await db.transaction().execute(async (trx) => {
      const transaction = {
        ...{ trx, send: async () => {}, settle: async () => {}, announce: () => {} },
        ending: () => [],
      };
      const ends = ids.map((notificationId) => ({
        ...{ notificationId, number: 1, finishedAt: at, outcome: 'accepted', code: null, detail: null },
      })) as AttemptEnd[];
      const moves = ids.map(
        (id): StatusMove => ({
          ...{ id, event: { kind: 'handed over', international: false, end: null }, at },
          handOver: { sentAt, sentBy: 'mmg', reference: null, billableUnits: 1 },
        }),
      );
      const moved = await moveStatuses(deps, transaction, 'dao_update_notification', moves, {
        also: [finishingAttempts(ends)],
      });
      assert.equal(moved.length, 2);
      await findSubjects(
        { metrics },
        trx,
        ids.map((value) => ({ by: 'id', value })),
        null,
      );
      const { rows } = await sql<{ table: string; partitions: number }>`
        select p.relname as table, count(distinct c.oid)::int as partitions
        from pg_locks l join pg_class c on c.oid = l.relation join pg_inherits i on i.inhrelid = c.oid
        join pg_class p on p.oid = i.inhparent
        where l.pid = pg_backend_pid() and c.relkind = 'r' group by 1 order by 1`.execute(trx);
      return rows;
    });
    assert.deepEqual(opened, [
      { table: 'attempts', partitions: 1 },
      { table: 'notification_history', partitions: 1 },
      { table: 'notifications', partitions: 1 },
    ]);
  });

  test('callbacks for completed messages are queued in the same transaction, or nothing changes', async () => {
    const ids = await store(['created', 'created', 'sending', 'delivered']);
    const [handed, given, timed, done] = ids as [string, string, string, string];
    const moves: StatusMove[] = [
      { id: handed, event: { kind: 'handed over', international: false, end: null }, at, handOver: null },
      { id: given, event: { kind: 'given up', why: null }, at, handOver: null },
      { id: timed, event: { kind: 'timed out' }, at, handOver: null },
      { id: done, event: { kind: 'timed out' }, at, handOver: null },
    ];
    const failing: CallbackQueue['deliveryStatuses'] = async () => {
      throw new Error('no room');
    };
    await assert.rejects(move(moves, failing), /no room/);
    assert.deepEqual(
      (await read(ids)).map(({ status }) => status),
      ['created', 'created', 'sending', 'delivered'],
    );
    const queued: string[] = [];
    await move(moves, async ({ trx }, changed) => {
      queued.push(...changed.map(({ id }) => id));
      const row = await trx
        .selectFrom('notification_history')
        .select('status')
        .where('id', '=', given)
        .executeTakeFirstOrThrow();
      assert.equal(row.status, 'technical-failure');
    });
    assert.deepEqual(queued, [given, timed]);
  });
});

test('no other source file writes the status of an existing message', () => {
  const root = join(import.meta.dirname, '../../..');
  const files = globSync(['src/**/*.ts', 'sandbox/**/*.ts', 'embedded-postgres/**/*.ts'], { cwd: root });
  const writers = files.filter((file) => {
    if (file.endsWith('.test.ts')) return false;
    const text = readFileSync(join(root, file), 'utf8');
    return /update\s+notification_history[^;`]*[\s,]status\s*=|updateTable\(\s*['"]notification_history/i.test(
      text,
    );
  });
  assert.deepEqual(writers, ['src/message/status/status.ts']);
});
