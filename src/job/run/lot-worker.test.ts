import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { countedStatuses, readJob, type SeenJob, startJob, tideRows } from '../../../test/support/jobs.ts';
import { createWorld, environment, type World } from '../../../test/support/world.ts';
import { readConfig } from '../../config/config.ts';
import type { Render } from '../../content/template/template.ts';
import { createLog } from '../../ground/log.ts';
import { createFairOrder } from '../../message/submission/fair-order.ts';
import { openCore } from '../../process/core.ts';
import { type Consumer, consume } from '../../queue/consume.ts';
import { queueNames } from '../../queue/define.ts';
import { createLotWork } from './lot-worker.ts';
import { bulkQueues } from './queue.ts';

const retries = { limit: 2, seconds: 300 };
const settings = {
  PERSIST_MAX_RETRIES: String(retries.limit),
  PERSIST_RETRY_DELAY_SECONDS: String(retries.seconds),
};
const rowCount = 700;
const badRow = 250;

const isFinal = ({ final_at }: SeenJob) => final_at !== null;

describe('a row of which no message can be made', () => {
  let world: World;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  let consumer: Consumer;
  /** A name whose row cannot be rendered. */
  let unreadable = '';
  before(async () => {
    world = await createWorld({
      environment: settings,
      queues: queueNames.filter((name) => name !== bulkQueues.sms.name),
    });
    const core = await openCore({
      config: readConfig(environment(world.databaseUrl, world.dataDir, settings)),
      ...{ clock: world.clock, log: createLog('silent') },
      onStop: (step) => undo.unshift(step),
    });
    const render = ((rendering, content, values, options) => {
      if (typeof values !== 'string' && values.get('name') === unreadable)
        return Promise.reject(new Error('This cannot be rendered'));
      return core.render(rendering, content, values, options);
    }) as Render;
    const fairOrder = createFairOrder(core.clock);
    const work = createLotWork({ ...core, render, fairOrder, retries, fromNumber: 'DESPATCH' });
    consumer = consume(core, { queue: bulkQueues.sms, concurrency: 2, work });
  });
  after(async () => {
    await consumer.stop(0);
    for (const step of undo) await step();
    await world.stop();
  });
  afterEach(async () => {
    unreadable = '';
    await sql('drop function if exists refuse_row cascade');
  });

  const sql = (text: string, values: unknown[] = []) => world.connection.pool.query(text, values);
  const job = (id: string) => readJob(world, world.tenant, id);

  /** From now on the database refuses what meets a condition over a new row of a table. */
  async function refuse(table: string, condition: string): Promise<void> {
    await sql(`create function refuse_row() returns trigger language plpgsql as $$ begin
      raise exception 'This value is refused'; end $$`);
    await sql(
      `create trigger refuse_row before insert on ${table} for each row when (${condition}) execute function refuse_row()`,
    );
  }

  /** Waits until all rows but the bad one are delivered, which still has tries left. */
  async function othersDelivered(id: string): Promise<void> {
    const seen = await world.until(
      () => job(id),
      ({ statistics }) => statistics[0]?.status === 'delivered' && statistics[0].count === rowCount - 1,
      60,
    );
    assert.deepEqual([seen['job_status'], seen['rows_done']], ['in progress', rowCount - 1]);
  }

  /** Lets the time pass until all tries are used up, or the job is final. */
  async function toTheEnd(id: string): Promise<SeenJob> {
    for (let retry = 0; retry <= retries.limit; retry += 1) {
      const { length } = await world.until(
        async () =>
          (
            await sql(
              `select state = 'waiting' and due_at > now() as later from tasks where queue = 'bulk-sms'`,
            )
          ).rows,
        (tasks) => tasks.every(({ later }) => later),
        30,
      );
      // No time may pass while its message is being sent: that would look like a worker that has stalled.
      if (length === 0) break;
      await world.advance(retries.seconds);
    }
    return await world.until(() => job(id), isFinal, 60);
  }

  /** The bad row as it is stored, and the rows of the job as they are counted. */
  async function outcomeOf(id: string) {
    const { rows } = await sql(
      `select job_row_number as row, status, given_up as why, recipient, client_reference as reference, updated_at is not null as ended
      from notification_history join notifications using (id) where job_id = $1 and status <> 'delivered'`,
      [id],
    );
    const { rows: distinct } = await sql(
      'select count(distinct job_row_number)::int as rows from notification_history where job_id = $1',
      [id],
    );
    return { outcomes: rows, rows: distinct[0].rows, statuses: await countedStatuses(world, id) };
  }

  test('holds up no other row, and is delivered once what refused it is mended', async () => {
    await refuse('notification_history', `new.client_reference = 'ref ${badRow}'`);
    const id = await startJob(world, world.tenant, tideRows(rowCount));
    await othersDelivered(id);
    await sql('drop function refuse_row cascade');
    const done = await toTheEnd(id);
    assert.equal(done['job_status'], 'finished all notifications created');
    assert.deepEqual(await outcomeOf(id), {
      outcomes: [],
      rows: rowCount,
      statuses: { delivered: rowCount },
    });
  });

  test('is stored as given up after its last try, with what it says, and says why', async () => {
    await refuse('notification_history', `new.client_reference = 'ref ${badRow}' and new.given_up is null`);
    const id = await startJob(world, world.tenant, tideRows(rowCount));
    await othersDelivered(id);
    const done = await toTheEnd(id);
    assert.equal(done['job_status'], 'finished all notifications created');
    assert.deepEqual(done['statistics'], [
      { status: 'delivered', count: rowCount - 1 },
      { status: 'technical-failure', count: 1 },
    ]);
    const { outcomes, rows, statuses } = await outcomeOf(id);
    assert.deepEqual([rows, statuses], [rowCount, { delivered: rowCount - 1, 'technical-failure': 1 }]);
    const recipient = `07700 900${100 + badRow}`;
    assert.deepEqual(outcomes, [
      {
        ...{ row: badRow, status: 'technical-failure', why: 'error', recipient },
        ...{ reference: `ref ${badRow}`, ended: true },
      },
    ]);
    const { body } = await world.admin(
      'GET',
      `/service/${world.tenant.id}/notifications?job_id=${id}&status=failed`,
    );
    assert.deepEqual(
      body.notifications.map(({ reason }: { reason: string }) => reason),
      ['Not sent: a fault on the platform’s side, until its retries were used up.'],
    );
  });

  test('is stored by its number alone if what it says is what the database refuses', async () => {
    await refuse('notifications', `new.recipient = '07700 900${100 + badRow}'`);
    const id = await startJob(world, world.tenant, tideRows(rowCount));
    await othersDelivered(id);
    await toTheEnd(id);
    const { outcomes, rows, statuses } = await outcomeOf(id);
    assert.deepEqual([rows, statuses], [rowCount, { delivered: rowCount - 1, 'technical-failure': 1 }]);
    assert.deepEqual(outcomes, [
      {
        ...{ row: badRow, status: 'technical-failure', why: 'error', recipient: '' },
        ...{ reference: null, ended: true },
      },
    ]);
  });

  test('holds up no other row if it cannot be rendered', async () => {
    unreadable = `Person ${badRow}`;
    const id = await startJob(world, world.tenant, tideRows(rowCount));
    await othersDelivered(id);
    await toTheEnd(id);
    const { outcomes, rows, statuses } = await outcomeOf(id);
    assert.deepEqual([rows, statuses], [rowCount, { delivered: rowCount - 1, 'technical-failure': 1 }]);
    assert.deepEqual(
      outcomes.map(({ row, why, recipient }) => [row, why, recipient]),
      [[badRow, 'error', `07700 900${100 + badRow}`]],
    );
  });

  test('a lot that nothing of can be stored is parked, with no row given up, and is made once it is released', async () => {
    await refuse('notification_history', 'true');
    const id = await startJob(world, world.tenant, tideRows(5));
    const parked = async () =>
      (await sql(`select id from tasks where queue = 'bulk-sms' and state = 'parked'`)).rows;
    for (let retry = 0; retry < retries.limit; retry += 1) {
      await world.until(
        async () => (await sql(`select attempt as tries from tasks where queue = 'bulk-sms'`)).rows,
        ([task]) => task?.tries === retry + 1,
      );
      await world.advance(retries.seconds);
    }
    const [task] = await world.until(parked, ({ length }) => length === 1);
    assert.deepEqual(await countedStatuses(world, id), {});
    await sql('drop function refuse_row cascade');
    const { status } = await world.admin('POST', `/platform/parked/${task.id}/release`, { reason: 'mended' });
    assert.equal(status, 200);
    await world.until(() => job(id), isFinal, 60);
    assert.deepEqual(await countedStatuses(world, id), { delivered: 5 });
  });
});
