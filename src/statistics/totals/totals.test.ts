import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startJob, tideRows } from '../../../test/support/jobs.ts';
import { keptLog, storeMessages } from '../../../test/support/messages.ts';
import { openTestQueues } from '../../../test/support/queues.ts';
import { createWorld, type World } from '../../../test/support/world.ts';
import { dayAfter, dayOf } from '../../ground/clock.ts';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { findJobCounts } from '../../job/run/store-counts.ts';
import { moveStatuses, type StatusMove } from '../../message/status/status.ts';
import { buildFigures, checkFigures, foldFigures } from './keep.ts';
import { foldAll, foldChanges, removeEmpty } from './store.ts';
import { sumDelays, sumOfPlatform, sumOfServices } from './store-read.ts';
import { findDrift, rebuildDay } from './store-recount.ts';

const run = { signal: new AbortController().signal };
const metrics = createMetrics(null, createLog('silent'));

describe('totals', () => {
  let world: World;
  let opened: Awaited<ReturnType<typeof openTestQueues>>;
  before(async () => {
    world = await createWorld({ roles: ['api', 'worker', 'sandbox'] });
    opened = await openTestQueues(world);
  });
  after(async () => {
    await opened.stop();
    await world.stop();
  });

  const sql = (text: string, values: unknown[] = []) => world.connection.pool.query(text, values);
  const db = () => world.connection.db;
  const today = () => dayOf(world.clock.now());
  const drift = async (day: string) => (await findDrift(db(), day)).examples;
  const pending = async () =>
    (
      await sql(
        'select (select count(*) from status_changes) + (select count(*) from delay_changes) as count',
      )
    ).rows[0].count as number;
  const send = (key = world.tenant.keys.normal, phone_number = '07700900123') =>
    world.call('POST', '/v2/notifications/sms', {
      key,
      body: {
        template_id: world.tenant.templates.sms,
        phone_number,
        personalisation: { name: 'Ada', time: '1' },
      },
    });
  const counted = async (by: readonly ('status' | 'key_type')[] = ['status']) => {
    const period = { from: today(), to: today() };
    const rows = await sumOfServices(db(), [world.tenant.id], by, { period, testKeys: true });
    return rows.map((row) => [...by.map((one) => row[one]), row.count]);
  };
  const moveAll = (moves: readonly StatusMove[]) =>
    opened.queues.transaction((transaction) =>
      moveStatuses(
        { metrics, callbacks: { deliveryStatuses: async () => {} } },
        transaction,
        'dao_update_notification',
        moves,
      ),
    );

  test('every way in which messages are made and changed is counted, folded or not', async () => {
    for (const phone of [
      '07700900001',
      '07700900002',
      '07800000000',
      '07900000000',
      '07822222222',
      '07833333333',
    ])
      assert.equal((await send(world.tenant.keys.normal, phone)).status, 201);
    for (const key of [world.tenant.keys.test, world.tenant.keys.team]) await send(key, '07700900003');
    await world.call('POST', '/v2/notifications/email', {
      body: {
        template_id: world.tenant.templates.email,
        email_address: 'perm-fail@simulator.notify',
        personalisation: { name: 'Ada', time: '1' },
      },
    });
    const rows = [...tideRows(3), ['not a number', 'Kim', '14:05', 'r']];
    const job = await startJob(world, world.tenant, rows);
    await world.drain();
    assert.deepEqual(await drift(today()), []);
    assert.ok((await pending()) > 0);
    const before = await counted(['status', 'key_type']);
    const jobBefore = await findJobCounts(db(), [job]);
    await foldFigures({ db: db() }, run);
    assert.equal(await pending(), 0);
    assert.deepEqual(await drift(today()), []);
    assert.deepEqual(await counted(['status', 'key_type']), before);
    assert.deepEqual(await findJobCounts(db(), [job]), jobBefore);
    const { rows: recount } = await sql(
      `select status, key_type, count(*) as count from notification_history where service_id = $1 group by 1, 2 order by 1, 2`,
      [world.tenant.id],
    );
    assert.deepEqual(
      before,
      recount.map(({ status, key_type, count }) => [status, key_type, count]),
    );
    const period = { from: today(), to: today() };
    const units = async (testKeys: boolean) =>
      (await sumOfPlatform(db(), ['notification_type', 'provider'], { period, testKeys })).filter(
        ({ provider }) => provider !== null,
      );
    const { rows: history } = await sql(
      `select notification_type, sent_by as provider, count(*) as count, sum(billable_units) as units
       from notification_history where sent_by is not null and key_type <> 'test' group by 1, 2 order by 1, 2`,
    );
    assert.deepEqual(
      (await units(false)).map(({ cost_units: _, ...row }) => row),
      history,
    );
    const delays = await sumDelays(db(), period);
    const sum = (measure: string) =>
      delays
        .filter((row) => row.measure === measure)
        .reduce((total, { counts }) => total + counts.reduce((sum, count) => sum + count, 0), 0);
    assert.equal(
      sum('handed-over'),
      history.reduce((total, { count }) => total + count, 0),
    );
  });

  test('what happens is counted by minute too, without test keys, and forgotten after 25 hours', async () => {
    for (const phone of ['07700900004', '07800000000']) await send(world.tenant.keys.normal, phone);
    await send(world.tenant.keys.test, '07700900003');
    await world.drain();
    await foldFigures({ db: db() }, run);
    const { rows: byMinute } = await sql(
      `select notification_type as type, sum(accepted) as accepted, sum(sent) as sent, sum(delivered) as delivered,
         sum(failed) as failed from minute_totals group by 1 order by 1`,
    );
    const { rows: ofHistory } = await sql(
      `select notification_type as type, count(*) as accepted, count(sent_by) as sent,
         count(*) filter (where status in ('delivered', 'sent')) as delivered,
         count(*) filter (where status like '%failure' or status = 'validation-failed') as failed
       from notification_history where key_type <> 'test' group by 1 order by 1`,
    );
    assert.deepEqual(byMinute, ofHistory, 'what happened counts by minute, without test keys');
    const { body } = await world.admin('GET', '/platform/minutes');
    const total = (measure: string) =>
      (body.data as Record<string, number>[]).reduce((sum, one) => sum + one[measure]!, 0);
    for (const measure of ['accepted', 'sent', 'delivered', 'failed'])
      assert.equal(
        total(measure),
        ofHistory.reduce((sum, one) => sum + one[measure], 0),
      );
    await sql(`update minute_totals set minute = minute - interval '26 hours'`);
    await foldFigures({ db: db() }, run);
    assert.equal(
      (await sql('select from minute_totals')).rowCount,
      0,
      'after 25 hours a minute is forgotten',
    );
  });

  test('a message that is scheduled and then cancelled is counted as cancelled', async () => {
    const tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
    const { body } = await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      body: {
        ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
        personalisation: { name: 'Ada', time: '1' },
        scheduled_for: new Date(Date.now() + 3_600_000).toISOString(),
      },
    });
    await world.call('POST', `/v2/notifications/${body.id}/cancel`, { key: tenant.keys.normal });
    const period = { from: today(), to: today() };
    const rows = await sumOfServices(db(), [tenant.id], ['status'], { period });
    assert.deepEqual(rows, [{ status: 'cancelled', count: 1, units: 0, cost_units: 0 }]);
    assert.deepEqual(await drift(today()), []);
  });

  test('several that fold at once, and one that dies before its commit, neither lose nor double a change', async () => {
    const { rows: template } = await sql('select * from status_totals limit 1');
    const { count: _, ...kind } = template[0]!;
    const columns = Object.keys(kind);
    const appended = async (change: number) =>
      sql(
        `insert into status_changes (${columns.join()}, count) select ${columns.join()}, $2 from status_totals
         where ctid = (select ctid from status_totals where service_id = $1 limit 1)`,
        [kind['service_id'], change],
      );
    const total = async () =>
      (
        await sumOfServices(db(), [kind['service_id'] as string], ['service_id'], {
          ...{ period: { from: '1970-01-01', to: '9999-12-31' }, testKeys: true },
        })
      )[0]!.count;
    const start = await total();
    let isFolding = true;
    const folding = Promise.all(
      [1, 2, 3].map(async () => {
        while (isFolding) await foldChanges(db(), 2);
      }),
    );
    for (let round = 1; round <= 40; round += 1) {
      await appended(1);
      if (round % 10 === 0)
        await assert.rejects(
          db()
            .transaction()
            .execute(async (trx) => {
              await foldAll(trx, null);
              throw new Error('the process ends');
            }),
        );
      assert.equal(await total(), start + round);
    }
    isFolding = false;
    await folding;
    await appended(-40);
    await foldFigures({ db: db() }, run);
    assert.equal(await pending(), 0);
    assert.equal(await total(), start);
  });

  test('a day is rebuilt exactly while messages flow and changes are folded', async () => {
    const day = today();
    await sql('update status_totals set count = count + 7, units = 3');
    await sql('update month_totals set count = count - 2');
    await sql('delete from platform_totals');
    await sql('delete from delay_totals');
    await sql('update job_totals set count = count - 1');
    assert.ok((await drift(day)).length > 0);
    let isFlowing = true;
    const folding = (async () => {
      while (isFlowing) await foldChanges(db(), 100);
    })();
    const sending = (async () => {
      while (isFlowing) await send();
    })();
    for (let round = 0; round < 5; round += 1) {
      await rebuildDay(db(), day);
      assert.deepEqual(await drift(day), []);
    }
    isFlowing = false;
    await Promise.all([folding, sending]);
    await world.drain();
    assert.deepEqual(await drift(day), []);
    await foldFigures({ db: db() }, run);
    assert.deepEqual(await drift(day), []);
  });

  test('whole months add up to what their days do, folded or not', async () => {
    await send();
    await world.drain();
    const month = today().slice(0, 7);
    const period = { from: `${month}-01`, to: dayAfter(`${dayAfter(`${month}-01`, 31).slice(0, 7)}-01`, -1) };
    const count = async (by: 'day' | 'month') =>
      (
        await sumOfServices(db(), [world.tenant.id], [by, 'status', 'provider'], { period, testKeys: true })
      ).map(({ status, provider, count, units, cost_units }) => ({
        status,
        provider,
        count,
        units,
        cost_units,
      }));
    const before = await count('month');
    assert.deepEqual(before, await count('day'));
    await foldFigures({ db: db() }, run);
    assert.deepEqual(await count('month'), before);
    assert.deepEqual(await count('day'), before);
  });

  test('days of before there were totals are counted from the history, each once', async () => {
    const tenant = await world.addTenant();
    const at = Date.parse('2025-03-31T22:30:00Z');
    await storeMessages(world, tenant, [
      { status: 'delivered', createdAt: at },
      { status: 'sending', createdAt: at + 3_600_000 },
      { status: 'delivered', createdAt: at, keyType: 'test' },
    ]);
    const log = createLog('silent');
    await sql(`insert into figures_due (day, due_at)
      select day::date, now() + delay * interval '1 second'
      from (values ('2025-03-31', -1), ('2025-04-01', -1), ('2025-04-01', 86400)) due (day, delay)`);
    assert.equal(await buildFigures({ db: db(), clock: world.clock, log, metrics }, run), 2);
    assert.equal(await buildFigures({ db: db(), clock: world.clock, log, metrics }, run), 0);
    const period = { from: '2025-03-01', to: '2025-04-30' };
    const rows = await sumOfServices(db(), [tenant.id], ['day', 'status'], { period });
    assert.deepEqual(
      rows.map(({ day, status, count }) => [day, status, count]),
      [
        ['2025-03-31', 'delivered', 1],
        ['2025-04-01', 'sending', 1],
      ],
    );
    for (const part of [
      period,
      { from: '2025-03-31', to: '2025-05-01' },
      { from: '2025-01-31', to: '2025-04-01' },
    ]) {
      const byMonth = await sumOfServices(db(), [tenant.id], ['month', 'status'], {
        period: part,
        testKeys: true,
      });
      assert.deepEqual(
        byMonth.map(({ month, status, count }) => [month, status, count]),
        [
          ['2025-03', 'delivered', 2],
          ['2025-04', 'sending', 1],
        ],
        JSON.stringify(part),
      );
    }
  });

  test('at every edge of a day PostgreSQL counts a message for the day that dayOf says', async () => {
    const times = [
      ...[
        '2026-03-28T23:59:59.999Z',
        '2026-03-29T00:00:00Z',
        '2026-03-29T22:59:59.999Z',
        '2026-03-29T23:00:00Z',
      ],
      ...['2026-03-31T22:59:59.999Z', '2026-03-31T23:00:00Z', '2026-10-24T23:00:00Z', '2026-10-25T00:30:00Z'],
      ...[
        '2026-10-25T01:30:00Z',
        '2026-10-25T23:59:59.999Z',
        '2026-10-26T00:00:00Z',
        '2024-02-29T23:59:59.999Z',
      ],
    ].map((text) => Date.parse(text));
    const tenant = await world.addTenant();
    const ids = await storeMessages(
      world,
      tenant,
      times.map((createdAt) => ({ status: 'created', createdAt })),
    );
    const at = new Date();
    await moveAll(ids.map((id) => ({ id, event: { kind: 'timed out' }, at, handOver: null })));
    const { rows } = await sql(
      `select day::text, sum(count) as count from status_changes where service_id = $1 and count > 0 group by 1 order by 1`,
      [tenant.id],
    );
    const expected = new Map<string, number>();
    for (const time of times) expected.set(dayOf(time), (expected.get(dayOf(time)) ?? 0) + 1);
    assert.deepEqual(
      rows.map(({ day, count }) => [day, count]),
      [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    await sql('delete from status_changes');
  });

  test('a delay is in the bucket that ends at or above it, and changes with the time of the hand-over', async () => {
    const createdAt = Date.parse('2025-06-01T12:00:00Z');
    const seconds = [0, 0.001, 9.999, 10, 10.001, 20, 1_000_000];
    const tenant = await world.addTenant();
    const ids = await storeMessages(
      world,
      tenant,
      seconds.map(() => ({ status: 'created', createdAt })),
    );
    const handedOver = (id: string, after: number): StatusMove => {
      const at = new Date(createdAt + after * 1000);
      const handOver = { sentAt: at, sentBy: 'mmg', reference: null, billableUnits: 2 };
      return { id, event: { kind: 'handed over', international: false, end: null }, at, handOver };
    };
    await moveAll(ids.map((id, index) => handedOver(id, seconds[index]!)));
    const period = { from: '2025-06-01', to: '2025-06-01' };
    const buckets = async (measure: string) => {
      const found = new Map<number, number>();
      for (const { buckets, counts } of (await sumDelays(db(), period)).filter(
        (row) => row.measure === measure,
      ))
        for (const [index, bucket] of buckets.entries())
          found.set(bucket, (found.get(bucket) ?? 0) + counts[index]!);
      return [...found].filter(([, count]) => count !== 0).sort(([a], [b]) => a - b);
    };
    assert.deepEqual(await buckets('handed-over'), [
      [-40, 2],
      [0, 2],
      [1, 1],
      [4, 1],
      [60, 1],
    ]);
    // The record of a hand-over after all has its own time.
    await moveAll([handedOver(ids[3]!, 20)]);
    assert.deepEqual(await buckets('handed-over'), [
      [-40, 2],
      [0, 1],
      [1, 1],
      [4, 2],
      [60, 1],
    ]);
    await moveAll([
      {
        id: ids[3]!,
        event: { kind: 'receipt', status: 'delivered', found: 'id', international: false, reliable: true },
        at: new Date(createdAt + 60_000),
        handOver: null,
      },
    ]);
    assert.deepEqual(await buckets('delivered'), [[8, 1]]);
    assert.deepEqual(
      (await drift('2025-06-01')).filter(({ table }) => table === 'delay_totals'),
      [],
    );
  });

  test('the nightly check reports what differs, and changes nothing but kinds without messages', async () => {
    const yesterday = dayAfter(today(), -1);
    const { log, lines } = keptLog();
    const deps = { db: db(), clock: world.clock, log, metrics };
    assert.equal(await checkFigures(deps, run), 0);
    assert.deepEqual(lines, []);
    await sql(
      'update platform_totals set day = $1 where ctid = (select ctid from platform_totals where count > 0 limit 1)',
      [yesterday],
    );
    assert.equal(await checkFigures(deps, run), 1);
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [
        [
          'error',
          `Figures of ${yesterday} differ from the history: run \`despatch statistics rebuild --from ${yesterday} --to ${yesterday}\``,
        ],
      ],
    );
    assert.match(await metrics.registry.metrics(), /despatch_statistics_drift_total 1\b/);
    await rebuildDay(db(), yesterday);
    assert.equal(await checkFigures(deps, run), 0);
    await rebuildDay(db(), today());
    await sql(`update status_totals set count = 0, units = 0 where day = $1`, [today()]);
    await removeEmpty(db(), { from: today(), to: today() });
    assert.equal((await sql('select from status_totals where day = $1', [today()])).rows.length, 0);
  });
});
