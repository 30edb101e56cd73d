import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { platformTemplateIds } from '../../src/tenant/user/platform-message.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { makePlace } from '../support/holding.ts';
import { runCommand, startCommand } from '../support/process.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

const serviceCount = 8;

let world: World;
/** In the order in which the task comes to them, and who manages each. */
let tenants: readonly Tenant[];
const managers = new Map<string, string>();
before(async () => {
  // Without a scheduler, which would run the task by itself.
  world = await createWorld({ roles: ['api', 'worker', 'sandbox'] });
  const made: Tenant[] = [];
  for (let count = 0; count < serviceCount; count += 1) made.push(await addSpender());
  await world.drain();
  tenants = made.sort((one, other) => (one.id < other.id ? -1 : 1));
});
after(() => world?.stop());

/** A service whose first text costs more than the amount at which its manager wants to know. */
async function addSpender(): Promise<Tenant> {
  const tenant = await world.addTenant();
  const id = randomUUID();
  const emailAddress = `${id}@example.com`;
  managers.set(tenant.id, emailAddress);
  await addUser(world.connection.db, { id, name: 'Rowan', emailAddress, state: 'active' });
  await world.connection.db
    .insertInto('service_users')
    .values({ service_id: tenant.id, user_id: id, permissions: ['manage_settings'] })
    .execute();
  const of = `/service/${tenant.id}`;
  const free = await world.admin('POST', `${of}/billing/free-sms-fragment-limit`, {
    free_sms_fragment_limit: 0,
  });
  assert.equal(free.status, 201);
  const alert = { period: 'month', amount_in_pounds: 0.01 };
  assert.equal((await world.admin('POST', `${of}/cost-alerts`, alert)).status, 200);
  const sent = await world.call('POST', '/v2/notifications/sms', {
    key: tenant.keys.normal,
    body: {
      ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
      personalisation: { name: 'Rowan', time: '14:05' },
    },
  });
  assert.equal(sent.status, 201);
  return tenant;
}

const command = ['task', 'run', 'tell-of-costs'];
const settings = () => environment(world.databaseUrl, world.dataDir);

/** How many services count as told, and how many messages there are, at one moment. */
async function look(): Promise<{ told: number; messages: number }> {
  const { rows } = await world.connection.pool.query(
    `select (select count(*) from cost_alerts_told)::int as told, (select count(*) from (
       select id from accepted where template_id = $1
       union select id from notification_history where template_id = $1) emails)::int as messages`,
    [platformTemplateIds.costAlert],
  );
  return rows[0];
}

test('wherever the task that tells of costs is killed, everybody gets exactly one email at an amount', async () => {
  const ofService = (index: number) => `when (new.service_id = '${tenants[index]!.id}')`;
  const deferred = { isDeferred: true };
  const atCommit = (index: number) =>
    `after insert on cost_alerts_told deferrable initially deferred for each row ${ofService(index)}`;
  const kills = [
    { at: `before insert on cost_alerts_told for each row ${ofService(2)}`, how: 'through', told: 2 },
    // Recorded, and its message is not stored yet: both are undone.
    { at: 'before insert on accepted for each row', how: 'through', told: 2 },
    { at: 'before insert on accepted for each row', how: 'dead', told: 2 },
    { at: atCommit(4), ...deferred, how: 'dead', told: 4 },
    // Committed, and nobody is left to say that there is something to send.
    { at: atCommit(5), ...deferred, how: 'through', told: 6 },
  ] as const;
  for (const { at, how, told, ...options } of kills) {
    const place = await makePlace(world, at, options);
    await place.hold();
    const process = startCommand(command, settings());
    await place.reached();
    await process.kill('SIGKILL');
    await place.release(how);
    assert.deepEqual(await look(), { told, messages: told }, `${at}, ${how}`);
  }
  for (let time = 0; time < 2; time += 1) {
    const { code, err } = await runCommand(command, settings());
    assert.equal(code, 0, err);
    assert.deepEqual(await look(), { told: serviceCount, messages: serviceCount });
  }
  await world.drain(30);
  for (const [index, { id }] of tenants.entries()) {
    const to = managers.get(id)!;
    const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}`);
    assert.equal(messages.length, 1, `the manager of service ${index} got ${messages.length} emails`);
    assert.match(messages[0].subject, /has reached £0\.01$/);
  }
  const { duplicate_references: twice } = await world.sandbox('/counts');
  assert.equal(twice, 0);
});
