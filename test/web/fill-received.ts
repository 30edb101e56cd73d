import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { WebWorld } from '../support/web.ts';

/** How the tests' MMG proves itself; a world that receives texts needs `receiving` in its environment. */
export const receiving = { MMG_INBOUND_SMS_USERNAME: 'tide', MMG_INBOUND_SMS_AUTH: 'harbour-mmg' };

/** Gives the service a number, and returns how somebody texts it; that returns the id of the text. */
export async function withNumber(
  world: WebWorld,
  serviceId: string,
  number = '07700900456',
): Promise<(from: string, message: string) => Promise<string>> {
  const { body } = await world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: [number] });
  const give = { inbound_number_id: body.data[0].id };
  assert.equal((await world.admin('POST', `/inbound-number/service/${serviceId}`, give)).status, 200);
  return async (from, message) => {
    const texts = () => world.admin('GET', `/service/${serviceId}/inbound-sms`);
    const before = (await texts()).body.data.length as number;
    const answer = await fetch(`${world.api}/notifications/sms/receive/mmg`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('tide:harbour-mmg').toString('base64')}` },
      body: JSON.stringify({
        MSISDN: from,
        Number: `44${number.slice(1)}`,
        Message: encodeURIComponent(message),
        ID: randomUUID(),
        DateRecieved: encodeURIComponent(new Date(world.clock.now()).toISOString()),
        Trigger: '',
        Channel: 'SMS',
      }),
    });
    assert.equal(answer.status, 200, await answer.text());
    const after = await world.until(texts, ({ body: { data } }) => data.length > before);
    return after.body.data[0].id as string;
  };
}

/** A text from somebody to the tenant, and one to them; returns its id by the parameter of its page. */
export async function fillReceived(
  world: WebWorld,
  number?: string,
): Promise<Readonly<Record<string, string>>> {
  const text = await withNumber(world, world.tenant.id, number);
  const sent = await world.call('POST', '/v2/notifications/sms', {
    key: world.tenant.keys.normal,
    body: {
      ...{ template_id: world.tenant.templates.sms, phone_number: '07700 900 111' },
      personalisation: { name: 'Ada', time: '14:05' },
    },
  });
  assert.equal(sent.status, 201, JSON.stringify(sent.body));
  await text('447700900111', 'Thank you. Is the library open on Sunday as well?');
  return { text: await text('447700900111', 'And until when?') };
}
