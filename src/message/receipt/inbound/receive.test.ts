import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keptLog } from '../../../../test/support/messages.ts';
import { openTestQueues } from '../../../../test/support/queues.ts';
import { secretKey } from '../../../../test/support/tenant.ts';
import { createWorld, type World } from '../../../../test/support/world.ts';
import { createCipher } from '../../../ground/cipher.ts';
import { createMetrics } from '../../../ground/metrics.ts';
import type { ReadText } from '../../../provider/contract.ts';
import type { CallbackQueue } from '../../callback/enqueue.ts';
import { addNumbers, giveNumber } from './number-store.ts';
import { receiveText } from './receive.ts';
import { findInboundSms } from './store.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');
const text: ReadText = {
  to: '447700900456',
  from: '447700900001',
  content: 'High tide?',
  date: null,
  reference: 'ref-1',
};

describe('a received text', () => {
  let world: World;
  let opened: Awaited<ReturnType<typeof openTestQueues>>;
  const cipher = createCipher([secretKey], 'tests');

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    opened = await openTestQueues(world);
    const { db } = world.connection;
    await addNumbers(db, 'mmg', ['07700900456'], new Date(now));
    await giveNumber(db, world.tenant.id, null, new Date(now));
  });
  after(async () => {
    await opened.stop();
    await world.stop();
  });

  async function receive(
    change: Partial<ReadText>,
    inboundSms: CallbackQueue['inboundSms'] = async () => {},
  ) {
    const { log, lines } = keptLog();
    const { db } = world.connection;
    const deps = {
      db,
      queues: opened.queues,
      clock: { now: () => now },
      metrics: createMetrics(null, log),
      cipher,
    };
    const endpoint = { identifier: 'mmg', name: 'MMG' };
    const outcome = await receiveText(
      { ...deps, log, callbacks: { inboundSms } },
      endpoint,
      { ...text, ...change },
      { traceId: 'trace-1', carriedId: 'trace-1' },
    );
    return { outcome, lines };
  }
  const stored = () => findInboundSms(world.connection.db, cipher, world.tenant.id, null, 100);

  test('a received text and its callback are stored together or not at all, and only once', async () => {
    const failing: CallbackQueue['inboundSms'] = async () => {
      throw new Error('no room');
    };
    await assert.rejects(receive({}, failing), /no room/);
    assert.deepEqual(await stored(), []);

    const queued: unknown[] = [];
    const keeping: CallbackQueue['inboundSms'] = async (_transaction, texts) => {
      queued.push(...texts);
    };
    for (let posts = 0; posts < 2; posts++) assert.equal((await receive({}, keeping)).outcome, 'accepted');
    const [one, ...others] = await stored();
    assert.deepEqual(others, []);
    assert.deepEqual(queued, [{ id: one!.id, serviceId: world.tenant.id }]);
    assert.deepEqual([one!.providerDate, one!.createdAt], [new Date(now), new Date(now)]);
    await receive({ to: '447700900999', reference: 'ref-2' }, keeping);
    assert.equal(queued.length, 1);
  });

  test('a received text is logged without its numbers, content or provider reference', async () => {
    const cases: [Partial<ReadText>, string[]][] = [
      [{ reference: 'ref-3' }, ['info']],
      [{ reference: 'ref-3' }, ['info']],
      [{ reference: 'ref-4', from: 'Harbour' }, ['warn', 'info']],
      [{ reference: 'ref-5', to: '447700900999' }, ['warn']],
    ];
    for (const [change, levels] of cases) {
      const { lines } = await receive(change);
      assert.deepEqual(
        lines.map(({ level }) => level),
        levels,
      );
      assert.doesNotMatch(JSON.stringify(lines), /7700900|Harbour|tide|ref-/i);
    }
    const { id } = world.tenant;
    await world.connection.pool.query(
      `update services set permissions = array_remove(permissions, 'inbound_sms') where id = $1`,
      [id],
    );
    const { outcome, lines } = await receive({ reference: 'ref-6' });
    assert.equal(outcome, 'unclaimed');
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [['error', `A text from MMG came to service ${id}, which may not receive texts`]],
    );
  });
});
