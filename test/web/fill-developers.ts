import { randomUUID } from 'node:crypto';
import type { WebWorld } from '../support/web.ts';

/** Gives the tenant a callback address that answers nothing, and a callback in the log; returns their ids. */
export async function fillDevelopers(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const { tenant, connection } = world;
  const { rows: keys } = await connection.pool.query(
    `select id from api_keys where service_id = $1 and key_type = 'test'`,
    [tenant.id],
  );
  await world.admin('POST', `/service/${tenant.id}/callback-api`, {
    url: 'https://callbacks.example.invalid/a-long-path-of-a-service/statuses?of=us',
    bearer_token: `token-${randomUUID()}`,
    updated_by_id: await world.addUser(['manage_api_keys']),
    callback_type: 'delivery_status',
  });
  for (const to of ['07700 900 123', '07700 900 124'])
    await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.test,
      body: {
        template_id: tenant.templates.sms,
        phone_number: to,
        personalisation: { name: 'Ada', time: '14:05' },
      },
    });
  const log = await world.until(
    () => world.admin('GET', `/service/${tenant.id}/callbacks`),
    ({ body }) => body.callbacks.some((one: { attempts: number }) => one.attempts > 0),
  );
  return { key: keys[0].id, callback: log.body.callbacks[0].id, type: 'delivery_status' };
}
