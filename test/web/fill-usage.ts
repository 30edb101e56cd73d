import { dayOf } from '../../src/ground/clock.ts';
import { rebuildDay } from '../../src/statistics/totals/store-recount.ts';
import type { WebWorld } from '../support/web.ts';

/** Texts and an email that the tenant pays for, as it has nothing free. */
export async function fillUsage(world: WebWorld, texts = 5): Promise<void> {
  const { tenant } = world;
  await world.admin('POST', `/service/${tenant.id}/billing/free-sms-fragment-limit`, {
    free_sms_fragment_limit: 2,
  });
  const personalisation = { name: 'Ada', time: '14:05' };
  for (let sent = 0; sent < texts; sent += 1)
    await world.call('POST', '/v2/notifications/sms', {
      body: { template_id: tenant.templates.sms, phone_number: '07700 900 123', personalisation },
    });
  await world.call('POST', '/v2/notifications/email', {
    body: { template_id: tenant.templates.email, email_address: 'ada@example.com', personalisation },
  });
  await world.drain();
  await rebuildDay(world.connection.db, dayOf(world.clock.now()));
}
