import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Receiver, receiver, tell } from '../support/callback-receiver.ts';
import { createWorld, type World } from '../support/world.ts';

describe('a service is told what did not come of a receipt', () => {
  let world: World;
  let service: Receiver;
  before(async () => {
    service = await receiver();
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: 'true',
        MMG_INBOUND_SMS_USERNAME: 'mmg',
        MMG_INBOUND_SMS_AUTH: 'pass',
      },
    });
  });
  after(async () => {
    await world.stop();
    service.stop();
  });
  const told = (path: string) => service.seen.filter((seen) => seen.path === path).map(({ body }) => body);

  test('of a received text once, however often it is posted', async () => {
    const { tenant } = world;
    await world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: ['07700900456'] });
    await world.admin('POST', `/inbound-number/service/${tenant.id}`);
    await tell(world, tenant, `${service.url}/inbound`, 'inbound_sms');
    for (let posts = 0; posts < 2; posts++) {
      const { status } = await world.call('POST', '/notifications/sms/receive/mmg', {
        key: null,
        headers: { Authorization: `Basic ${Buffer.from('mmg:pass').toString('base64')}` },
        body: {
          MSISDN: '447700900001',
          Number: '447700900456',
          Message: 'High+tide%3F+%F0%9F%8C%8A',
          ID: 'mmg-1',
          DateRecieved: '2017-05-02+14%3A03%3A07',
        },
      });
      assert.equal(status, 200);
    }
    const read = await world.call('GET', '/v2/received-text-messages');
    const [text, ...more] = read.body.received_text_messages;
    assert.deepEqual(more, []);
    await world.until(
      async () => told('/inbound'),
      (bodies) => bodies.length > 0,
    );
    await world.drain();
    assert.deepEqual(told('/inbound'), [
      {
        id: text.id,
        source_number: '447700900001',
        destination_number: '07700900456',
        message: 'High tide? 🌊',
        date_received: '2017-05-02T14:03:07.000000Z',
      },
    ]);
  });

  test('of a message that nobody confirmed within 72 hours', async () => {
    const { tenant } = world;
    await tell(world, tenant, `${service.url}/status`);
    await world.behave({ receipt_drop_rate: 1 });
    const { data } = await world.client.sendSms(tenant.templates.sms, '07700900123', {
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await world.until(
      () => world.client.getNotificationById(data.id),
      (seen) => seen.data.status === 'sending',
    );
    // Past the time, and past the next 03:00 in London: the scheduler closes it.
    await world.advance(97 * 3600);
    const [body] = await world.until(
      async () => told('/status'),
      (bodies) => bodies.length > 0,
    );
    assert.deepEqual([body.id, body.status], [data.id, 'temporary-failure']);
    const { body: seen } = await world.call('GET', `/v2/notifications/${data.id}`);
    assert.deepEqual([seen.status, seen.completed_at], ['temporary-failure', body.completed_at]);
  });
});
