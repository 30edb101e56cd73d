import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { defaultRates } from '../../src/content/recipient/international-rates.ts';
import { changeTemplate, createTemplateCaches } from '../../src/content/template/store.ts';
import { createCaches } from '../../src/database/cache.ts';
import { createListener } from '../../src/database/connection.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { createIdSource } from '../../src/ground/id.ts';
import { createLog } from '../../src/ground/log.ts';
import { Problem } from '../../src/ground/problem.ts';
import { createSendPlatformMessage } from '../../src/message/submission/platform-message.ts';
import { createServiceCache } from '../../src/tenant/service/store.ts';
import { platformTemplateIds, type SendPlatformMessage } from '../../src/tenant/user/platform-message.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('messages of the platform itself', () => {
  let world: World;
  let send: SendPlatformMessage;
  let close: () => Promise<void>;
  before(async () => {
    world = await createWorld();
    const { db, url } = world.connection;
    const listener = createListener(url, createLog('silent'));
    const caches = await createCaches(listener);
    close = async () => {
      caches.stop();
      await listener.stop();
    };
    send = createSendPlatformMessage({
      ...{
        db,
        clock: world.clock,
        cipher: createCipher([secretKey], salt),
        newId: createIdSource(world.clock),
      },
      ...{ rates: defaultRates, queues: { announce: () => undefined }, fromNumber: '40604', unprovided: [] },
      templates: createTemplateCaches(db, caches),
      services: createServiceCache(db, caches),
    });
  });
  after(async () => {
    await close();
    await world.stop();
  });

  const inbox = async (id: string) => (await world.sandbox(`/messages?reference=${id}`)).messages;

  test('a text of the platform arrives, whatever it may send in a day and although it has no key', async () => {
    const { db, pool } = world.connection;
    await pool.query(
      'update services set rate_limit = 0, sms_limit = 0, restricted = true, research_mode = true where name = $1',
      ['Despatch'],
    );
    const id = await send({
      templateId: platformTemplateIds.smsCode,
      recipient: '07700 900123',
      personalisation: { verify_code: '40916' },
    });
    await world.drain();
    const [message] = await inbox(id);
    assert.equal(message.to, '447700900123');
    assert.match(message.body, /40916 is your sign-in code/);
    const row = await db
      .selectFrom('notification_history')
      .select(['key_type', 'api_key_id', 'template_version', 'status'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    assert.deepEqual(row, { key_type: 'normal', api_key_id: null, template_version: 1, status: 'delivered' });
  });

  test('an email of the platform arrives at the address as it was written', async () => {
    const id = await send({
      templateId: platformTemplateIds.emailVerification,
      recipient: ' Rowan@Example.com ',
      personalisation: { name: 'Rowan', url: 'https://admin.example.com/verify-email/a_b-c' },
    });
    await world.drain();
    const [message] = await inbox(id);
    assert.equal(message.to, 'Rowan@Example.com');
    assert.match(message.html, /https:\/\/admin\.example\.com\/verify-email\/a_b-c/);
  });

  const count = async () => {
    const { rows } = await world.connection.pool.query(
      'select ((select count(*) from accepted) + (select count(*) from notifications))::int as count',
    );
    return rows[0].count;
  };
  const refusals = [
    ['a template that does not exist', { templateId: randomUUID() }, 404, 'No result found'],
    [
      'a number that nobody can have',
      { recipient: '0123' },
      400,
      /^Number is not valid|Mobile number is too short/,
    ],
    [
      'an address for a text',
      { recipient: 'rowan@example.com' },
      400,
      'Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -',
    ],
  ] as const;
  for (const [title, change, status, message] of refusals)
    test(`${title} sends nothing and says why`, async () => {
      const before = await count();
      const sent = send({
        ...{ templateId: platformTemplateIds.smsCode, recipient: '07700900123' },
        ...{ personalisation: { verify_code: '12345' }, ...change },
      });
      await assert.rejects(sent, (error) => {
        assert.ok(error instanceof Problem);
        assert.equal(error.status, status);
        if (typeof message === 'string') assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      });
      assert.equal(await count(), before);
    });

  test('a template of a service is none of the platform', async () => {
    const sent = send({
      ...{ templateId: world.tenant.templates.sms, recipient: '07700900123' },
      personalisation: { name: 'Rowan', time: '14:05' },
    });
    await assert.rejects(sent, { status: 404 });
  });

  test('a template that asks for what its messages do not have sends nothing, and the log says what to change', async () => {
    const id = platformTemplateIds.passwordReset;
    const words = { name: 'Password reset', subject: 'Reset', content: '((url)) ((colour))' };
    const text = { ...words, priority: true, hasUnsubscribeLink: false, archived: false };
    const { db } = world.connection;
    await changeTemplate(
      db,
      { id, version: 1, text, createdBy: platformUserId },
      new Date(world.clock.now()),
    );
    const sent = () =>
      send({
        ...{ templateId: id, recipient: 'rowan@example.com' },
        personalisation: { user_name: 'Rowan', url: 'https://example.com' },
      });
    // The change reaches the caches a moment later.
    await world.until(
      () =>
        sent().then(
          () => false,
          () => true,
        ),
      (isRefused) => isRefused,
    );
    const before = await count();
    await assert.rejects(sent(), (error) => {
      assert.ok(error instanceof Problem);
      assert.equal(error.status, 500);
      assert.equal(error.message, 'Failed to create the notification');
      assert.match(String(error.cause), /asks for \(\(colour\)\)/);
      return true;
    });
    // Messages of before may move from one table to the other meanwhile, but none is added.
    assert.equal(await count(), before);
  });
});
