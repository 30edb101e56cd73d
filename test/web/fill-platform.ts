import assert from 'node:assert/strict';
import type { WebWorld } from '../support/web.ts';

/** What the pages of operators need in their paths: a provider, a service and a person, and something parked. */
export async function fillPlatform(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const { body } = await world.admin('GET', '/provider-details');
  const [provider] = body.provider_details as readonly { id: string }[];
  assert.ok(provider, 'there is no provider');
  await parkMessages(world, 2);
  return {
    provider: provider.id,
    serviceId: world.tenant.id,
    user: await world.addUser(['view_activity']),
  };
}

/** Messages that were accepted and could not be stored, as an operator finds them parked. Returns their ids. */
export async function parkMessages(world: WebWorld, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  const tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
  for (let made = 0; made < count; made += 1) {
    const { status, body } = await world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      body: {
        template_id: tenant.templates.sms,
        phone_number: '07700900555',
        personalisation: { name: 'Rowan', time: '14:05' },
        // Far enough ahead that no worker takes it meanwhile.
        scheduled_for: new Date(world.clock.now() + 3_600_000).toISOString(),
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
    ids.push(body.id);
  }
  const { rowCount } = await world.connection.pool.query(
    'update accepted set due_at = null, turn_at = null where id = any($1)',
    [ids],
  );
  assert.equal(rowCount, count);
  return ids;
}
