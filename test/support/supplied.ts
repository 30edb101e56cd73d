import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Provider } from '../../src/provider/contract.ts';
import { startProviderServer } from '../conformance/http-provider.ts';
import { type Receiver, receiver } from './callback-receiver.ts';
import { createWorld, type World } from './world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

async function provider(t: TestContext, yes: string) {
  const server = await startProviderServer({
    replies: {
      accept: () => ({ status: 200, body: yes }),
      fail: () => ({ status: 500, body: 'down' }),
      reject: () => ({ status: 400, body: '{}' }),
      malformed: () => ({ status: 200, body: '<html>' }),
    },
    read: ({ body }) => ({ to: [], from: '', reference: null, body, fields: [] }),
    connect: () => ({}) as Provider,
  });
  t.after(() => server.stop());
  return server;
}

/**
 * A platform (`api` and `worker`) whose texts go to MMG and whose emails go to SES, both on this machine, and a server
 * for callbacks.
 */
export async function createSuppliedWorld(
  t: TestContext,
  more: Record<string, string> = {},
): Promise<{ world: World; told: Receiver }> {
  const mmg = await provider(t, '{"Reference": 55120934}');
  const ses = await provider(t, '{"MessageId":"ses-1"}');
  const told = await receiver();
  t.after(() => told.stop());
  const world = await createWorld({
    roles: ['api', 'worker'],
    environment: {
      MMG_URL: `${mmg.url}/json/api.php`,
      MMG_API_KEY: 'mmg-key',
      SES_ENABLED: '1',
      SES_URL: ses.url,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      CALLBACK_ALLOW_PRIVATE: '1',
      ...more,
    },
  });
  t.after(() => world.stop());
  return { world, told };
}

const becomes = (world: World, id: string, status: string) =>
  world.until(
    async () =>
      (await world.connection.pool.query('select status from notification_history where id = $1', [id])).rows,
    ([row]) => row?.status === status,
  );

/**
 * Sends a text that is delivered and then an email that bounces, each to its provider, receipt and callback. Nothing
 * else is asked of the API meanwhile.
 */
export async function sendThrough(world: World, told: Receiver): Promise<void> {
  const post = async (path: string, body: object) => {
    const { status } = await world.call('POST', path, { key: null, body });
    assert.equal(status, 200);
  };
  const { client, tenant } = world;
  const { templates } = tenant;
  const text = (await client.sendSms(templates.sms, '07700900123', { personalisation })).data.id;
  await becomes(world, text, 'sending');
  const deliverytime = '2026-01-05 12:00:00';
  await post('/notifications/sms/mmg', { CID: text, status: '3', MSISDN: '447700900123', deliverytime });
  await world.until(
    async () => told.seen.length,
    (count) => count === 1,
  );
  const email = (await client.sendEmail(templates.email, 'kim@recipient.example', { personalisation })).data
    .id;
  await becomes(world, email, 'sending');
  await post('/notifications/email/ses', {
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: 'arn:aws:sns:eu-west-1:000000000000:receipts',
    Message: JSON.stringify({
      notificationType: 'Bounce',
      bounce: { bounceType: 'Permanent' },
      mail: { messageId: 'ses-1' },
    }),
  });
  await world.until(
    async () => told.seen.length,
    (count) => count === 2,
  );
}
