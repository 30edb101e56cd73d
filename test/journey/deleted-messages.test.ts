import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countKept } from '../support/kept-messages.ts';
import { keptLog } from '../support/messages.ts';
import { createWorld, type World } from '../support/world.ts';

const task = 'delete-notifications-older-than-retention';
const day = 86_400;

describe('a message whose retention is over', () => {
  let world: World;
  let id: string;
  const { log, lines } = keptLog();

  before(async () => {
    world = await createWorld({ log });
    const { body } = await world.call('POST', '/v2/notifications/sms', {
      body: {
        ...{ template_id: world.tenant.templates.sms, phone_number: '07700900123' },
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    id = body.id;
    await world.drain();
    await world.advance(9 * day);
    assert.equal((await world.admin('POST', `/platform/tasks/${task}/run`)).status, 202);
    await world.until(
      () => countKept(world, [id]),
      (kept) => Object.values(kept).every((count) => count === 0),
      60,
    );
  });
  after(() => world.stop());

  test('is not found, has no timeline, and is on no list', async () => {
    assert.equal((await world.call('GET', `/v2/notifications/${id}`)).status, 404);
    assert.equal((await world.call('GET', `/v2/notifications/${id}/timeline`)).status, 404);
    assert.equal((await world.call('GET', `/notifications/${id}`)).status, 404);
    assert.deepEqual((await world.call('GET', '/v2/notifications')).body.notifications, []);
    assert.deepEqual((await world.call('GET', `/v2/notifications?older_than=${id}`)).body.notifications, []);
    const { body } = await world.admin('GET', `/service/${world.tenant.id}/notifications?to=07700900123`);
    assert.deepEqual(body.notifications, []);
  });

  test('is sent no more, and is not stuck', async () => {
    assert.equal((await world.admin('POST', `/deliver/notification/${id}`)).status, 204);
    assert.deepEqual((await world.admin('GET', '/platform/stuck')).body.messages, []);
    const { rows } = await world.connection.pool.query(
      'select status from notification_history where id = $1',
      [id],
    );
    assert.equal(rows[0].status, 'delivered', 'the facts are kept');
  });

  test('a receipt that still comes for it is answered like any other, and ignored with a line in the log', async () => {
    const answer = await world.call('POST', '/notifications/sms/sandbox', {
      key: null,
      headers: { 'content-type': 'application/json' },
      body: { reference: id, status: 'delivered' },
    });
    assert.deepEqual([answer.status, answer.body], [200, { result: 'success', message: null }]);
    await world.until(
      async () => lines.map(({ message }) => message),
      (messages) =>
        messages.some((message) => /^A receipt of sandbox .* changed nothing: ignored/.test(message)),
    );
    assert.deepEqual((await countKept(world, [id])).receipts, 0);
  });
});
