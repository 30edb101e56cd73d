import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('large messages', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  const email = (time: string) =>
    world.call('POST', '/v2/notifications/email', {
      body: {
        template_id: world.tenant.templates.email,
        email_address: 'kim@example.com',
        personalisation: { name: 'Rowan', time },
      },
    });
  const preview = (time: string) =>
    world.call('POST', `/v2/template/${world.tenant.templates.email}/preview`, {
      body: { personalisation: { name: 'Rowan', time } },
    });
  const refused = (message: string) => [
    400,
    { status_code: 400, errors: [{ error: 'BadRequestError', message }] },
  ];

  test('an email of more than 50 KB is delivered, and read as it was accepted', async () => {
    const time = 'noon and midnight, said the harbour master.\n\n'.repeat(10_000);
    const accepted = await email(time);
    assert.equal(accepted.status, 201);
    const id = accepted.body.id as string;
    const read = async () => (await world.call('GET', `/v2/notifications/${id}`)).body;
    const delivered = await world.until(read, ({ status }) => status === 'delivered');
    assert.equal(delivered.body, (accepted.body.content as { body: string }).body);
  });

  test('an email that would be too large once it is formatted is refused when it is sent and when it is previewed', async () => {
    const time = `\n\n${'******a\n'.repeat(230_000)}`;
    const expected = refused(
      'Your message is too long: formatted as an email, it is larger than 10000000 bytes.',
    );
    for (const { status, body } of [await email(time), await preview(time)])
      assert.deepEqual([status, body], expected);
  });

  test('a preview has the same limits as sending', async () => {
    const time = 'x'.repeat(8_000_000);
    const [sent, previewed] = [await email(time), await preview(time)];
    assert.equal(sent.status, 400);
    assert.match(
      JSON.stringify(sent.body),
      /Emails cannot be longer than 2000000 bytes. Your message is 80\d{5} bytes/,
    );
    assert.deepEqual([previewed.status, previewed.body], [sent.status, sent.body]);
  });

  test('a message that cannot be composed for its size ends as technical-failure, is not tried again and says why', async () => {
    const { tenant, connection } = world;
    const id = createIdSource(world.clock)();
    const values = JSON.stringify({ name: 'Rowan', time: `\n\n${'******a\n'.repeat(230_000)}` });
    await connection.pool.query(
      `with personal as (
         insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
         values ($1, $2, 'kim@example.com', 'kim@example.com', $3))
       insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
         status, created_at, international, rate_multiplier)
       values ($1, $2, $4, 1, 'normal', 'email', 'created', now(), false, 1)`,
      [id, tenant.id, createCipher([secretKey], salt).seal(values, id), tenant.templates.email],
    );
    assert.equal((await world.admin('POST', `/deliver/notification/${id}`)).status, 204);
    const read = async () => (await world.call('GET', `/v2/notifications/${id}/timeline`)).body;
    const { timeline } = await world.until(read, ({ status }) => status === 'technical-failure');
    const steps = (timeline as Record<string, unknown>[]).map(({ at: _, ...step }) => step);
    assert.deepEqual(steps.slice(0, 3), [
      { event: 'accepted' },
      { event: 'persisted' },
      { event: 'given up', reason: 'too-large' },
    ]);
    assert.equal(steps.filter(({ event }) => event === 'attempt').length, 0);
  });
});
