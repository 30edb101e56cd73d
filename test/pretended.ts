import assert from 'node:assert/strict';
import type { World } from './world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

/** Sends messages with the test key, and asserts that each ends as its recipient says. Answers their ids. */
export async function sendPretended(world: World): Promise<string[]> {
  const { templates, keys } = world.tenant;
  const client = world.clientOf(keys.test);
  const sent = [
    [await client.sendSms(templates.sms, '07700900123', { personalisation }), 'delivered'],
    [await client.sendSms(templates.sms, '07833333333', { personalisation }), 'temporary-failure'],
    [
      await client.sendEmail(templates.email, 'perm-fail@simulator.notify', { personalisation }),
      'permanent-failure',
    ],
  ] as const;
  await world.drain();
  for (const [{ data }, status] of sent)
    assert.equal((await client.getNotificationById(data.id)).data.status, status);
  return sent.map(([{ data }]) => data.id);
}
