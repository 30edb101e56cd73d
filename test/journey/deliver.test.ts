import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { priorities, taskPriority } from '../../src/message/delivery/queue.ts';
import { storeMessages } from '../support/messages.ts';
import { setServiceActive } from '../support/operator.ts';
import { createWorld, type World } from '../support/world.ts';

describe('delivery requested by an operator', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world.stop());

  const deliver = async (id: string) => {
    const { status, body } = await world.admin('POST', `/deliver/notification/${id}`);
    return [status, body];
  };
  const taken = [204, null];
  async function tasks(): Promise<unknown[]> {
    const { rows } = await world.connection.pool.query(
      'delete from tasks returning id, queue, priority, payload',
    );
    return rows.map(({ id, queue, priority, payload }) => [id, queue, priority, payload]);
  }

  test('a requested delivery queues a message of either type once, in the queue of its type', async () => {
    const { tenant } = world;
    const [sms, email, pretended] = await storeMessages(world, tenant, [
      { status: 'created', createdAt: Date.now() },
      { status: 'created', createdAt: Date.now(), type: 'email' },
      { status: 'created', createdAt: Date.now(), keyType: 'test' },
    ]);
    for (const [id, queue, type] of [
      [sms!, 'send-sms', 'sms'],
      [email!.toUpperCase(), 'send-email', 'email'],
      [pretended!, 'research-mode', 'sms'],
    ] as const) {
      assert.deepEqual(await deliver(id), taken);
      assert.deepEqual(await deliver(id), taken);
      const notification_id = id.toLowerCase();
      const priority = taskPriority(priorities.api, 0);
      assert.deepEqual(await tasks(), [[notification_id, queue, priority, { type }]]);
    }
  });

  test('a requested delivery of a message that was sent, or is not persisted yet, is accepted and does nothing', async () => {
    const ids = await storeMessages(
      world,
      world.tenant,
      (['sending', 'delivered', 'technical-failure', 'cancelled'] as const).map((status) => ({
        status,
        createdAt: Date.now(),
      })),
    );
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    for (const id of [...ids, data.id]) assert.deepEqual(await deliver(id), taken);
    assert.deepEqual(await tasks(), []);
  });

  test('a delivery can be requested only for a known message, and only by the admin client', async () => {
    assert.deepEqual(await deliver(randomUUID()), [404, { result: 'error', message: 'No result found' }]);
    const [status, body] = await deliver('not-an-id');
    assert.equal(status, 404);
    assert.match((body as { message: string }).message, /^The requested URL was not found/);
    assert.equal((await world.call('POST', `/deliver/notification/${randomUUID()}`)).status, 401);
  });

  test('a requested delivery for an inactive service ends as a technical failure', async (t) => {
    const lively = await createWorld();
    t.after(() => lively.stop());
    const [id] = await storeMessages(lively, lively.tenant, [{ status: 'created', createdAt: Date.now() }]);
    await lively.connection.pool.query(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
       values ($1, $2, '07700900123', '447700900123', '')`,
      [id, lively.tenant.id],
    );
    await setServiceActive(lively.connection.db, lively.tenant.id, false);
    const { status } = await lively.admin('POST', `/deliver/notification/${id}`);
    assert.equal(status, 204);
    await lively.drain();
    const { rows } = await lively.connection.pool.query(
      'select status from notification_history where id = $1',
      [id],
    );
    assert.deepEqual(rows, [{ status: 'technical-failure' }]);
  });
});
