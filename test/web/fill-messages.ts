import assert from 'node:assert/strict';
import type { WebWorld } from '../support/web.ts';

/** What would do harm if it were taken for markup. */
export const hostile = `<img src=x onerror=alert(1)>"'&`;

/** Sends a message with a key of the tenant; returns its id. */
export async function sendMessage(
  world: WebWorld,
  to: string,
  more: object = {},
  key = world.tenant.keys.normal,
): Promise<string> {
  const isEmail = to.includes('@');
  const { status, body } = await world.call('POST', `/v2/notifications/${isEmail ? 'email' : 'sms'}`, {
    key,
    body: {
      [isEmail ? 'email_address' : 'phone_number']: to,
      template_id: isEmail ? world.tenant.templates.email : world.tenant.templates.sms,
      personalisation: { name: hostile, time: '14:05' },
      ...more,
    },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}

/** The last digits of numbers whose messages end so. */
export const failing = {
  '447700900791': { outcome: 'permanent-failure' },
  '447700900792': { outcome: 'temporary-failure' },
} as const;

/** Messages of every kind, for the pages of the rooms `dashboard` and `messages`; the ids that their paths need. */
export async function fillMessages(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  await world.behave({ receipt_delay_ms: { min: 0, max: 0 }, recipients: failing });
  const message = await sendMessage(world, 'rowan@quay.example.com');
  for (const to of ['07700 900701', '07700 900791', '07700 900792', 'ash@quay.example.com'])
    await sendMessage(world, to);
  await world.drain();
  return { message };
}
