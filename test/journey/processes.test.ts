import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorld } from '../support/world.ts';

test('a worker serves only the queues of its --queues option', async () => {
  const world = await createWorld({
    roles: ['api', 'sandbox', 'worker'],
    queues: ['db-sms', 'db-email', 'send-email'],
  });
  try {
    const text = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
      personalisation: { name: 'a', time: 'b' },
    });
    const email = await world.client.sendEmail(world.tenant.templates.email, 'a@example.com', {
      personalisation: { name: 'a', time: 'b' },
    });
    await world.until(
      () => world.client.getNotificationById(email.data.id),
      ({ data }) => data.status === 'delivered',
    );
    assert.equal((await world.client.getNotificationById(text.data.id)).data.status, 'created');
  } finally {
    await world.stop();
  }
});
