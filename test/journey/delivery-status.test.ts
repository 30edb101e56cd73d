import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createWorld, type World } from '../support/world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world.stop());

const look = (query = '') => world.call('GET', `/_delivery_status${query}`, { key: null });

test('whoever monitors the platform is told of messages that no provider reports on for more than five minutes', async () => {
  const before = await look();
  assert.equal(before.status, 200);
  assert.deepEqual(
    { status: before.body.status, message: before.body.message },
    { status: 'ok', message: '0 notifications in sending state over 5 minutes' },
  );
  await world.behave({ receipt_drop_rate: 1 });
  const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
    personalisation: { name: 'Rowan', time: '14:05' },
  });
  const read = async () => (await world.call('GET', `/v2/notifications/${data.id}`)).body.status;
  await world.until(read, (status) => status === 'sending');

  await world.advance(299);
  assert.equal((await look()).status, 200);
  await world.advance(10);
  const late = await look();
  assert.equal(late.status, 500);
  assert.deepEqual(
    { status: late.body.status, message: late.body.message },
    { status: 'error', message: '1 notifications in sending state over 5 minutes' },
  );
  assert.ok('db_version' in late.body && 'git_commit' in late.body);
  // A load balancer asks whether the process is up.
  assert.deepEqual((await look('?elb=1')).body, { status: 'ok' });
});
