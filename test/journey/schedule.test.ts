import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorld } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
const minutes = (count: number) => new Date(Date.now() + count * 60_000);

test('messages of a service with scheduling wait until they are due, and can be cancelled', async () => {
  const world = await createWorld();
  try {
    const tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
    const key = tenant.keys.normal;
    const send = (scheduled_for: string) =>
      world.call('POST', '/v2/notifications/sms', {
        key,
        body: {
          template_id: tenant.templates.sms,
          phone_number: '07700900300',
          personalisation,
          scheduled_for,
        },
      });
    const read = async (id: string) => (await world.call('GET', `/v2/notifications/${id}`, { key })).body;
    const cancel = (id: string) => world.call('POST', `/v2/notifications/${id}/cancel`, { key });

    const due = minutes(60);
    const taken = await send(due.toISOString());
    assert.equal(taken.status, 201);
    assert.equal(taken.body.scheduled_for, `${due.toISOString().slice(0, -1)}000Z`);
    const soon = await send(new Date(Date.now() + 1500).toISOString());
    const tooLate = await send(minutes(8 * 24 * 60).toISOString());
    assert.deepEqual(
      [tooLate.status, tooLate.body.errors[0].message],
      [400, 'scheduled_for datetime can only be 7 days in the future'],
    );

    await world.until(
      () => read(soon.body.id),
      ({ status }) => status === 'delivered',
    );
    const waiting = await read(taken.body.id);
    assert.deepEqual([waiting.status, waiting.scheduled_for], ['created', taken.body.scheduled_for]);

    const cancelled = await cancel(taken.body.id);
    assert.deepEqual(
      [cancelled.status, cancelled.body.status, cancelled.body.id],
      [200, 'cancelled', taken.body.id],
    );
    assert.equal((await cancel(taken.body.id)).status, 200);
    assert.equal((await cancel(soon.body.id)).status, 400);
    assert.equal((await cancel('3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38')).status, 404);
    await world.drain();
    assert.equal((await world.sandbox('/counts')).received, 1);
  } finally {
    await world.stop();
  }
});

test('for a service without scheduling `scheduled_for` is checked and then ignored', async () => {
  const world = await createWorld();
  try {
    const body = {
      template_id: world.tenant.templates.sms,
      phone_number: '07700900300',
      personalisation,
      scheduled_for: minutes(60).toISOString(),
    };
    const { status, body: answer } = await world.call('POST', '/v2/notifications/sms', { body });
    assert.deepEqual([status, answer.scheduled_for], [201, null]);
    await world.drain();
    assert.equal((await world.client.getNotificationById(answer.id)).data.status, 'delivered');
  } finally {
    await world.stop();
  }
});
