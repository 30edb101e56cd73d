import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { pasteableKey } from '../../src/tenant/key/key.ts';
import { addKey } from '../../src/tenant/key/store.ts';
import { platformServiceId } from '../../src/tenant/service/service.ts';
import { platformTemplateIds } from '../../src/tenant/user/platform-message.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { addTeamMember } from '../support/operator.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('the templates of the platform’s own messages', () => {
  let world: World;
  let operator: Record<string, string>;
  let member: Record<string, string>;
  before(async () => {
    world = await createWorld();
    const { db } = world.connection;
    const add = async (isOperator: boolean) => {
      const id = randomUUID();
      await addUser(db, { id, name: 'Kim', emailAddress: `${id}@example.com`, state: 'active' });
      await db.updateTable('users').set({ platform_admin: isOperator }).where('id', '=', id).execute();
      return { 'X-Notify-User-Id': id };
    };
    operator = await add(true);
    member = await add(false);
    const id = member['X-Notify-User-Id']!;
    await addTeamMember(db, platformServiceId, id);
    await world.admin('POST', `/user/${id}/service/${platformServiceId}/permission`, [
      { permission: 'manage_templates' },
    ]);
  });
  after(() => world?.stop());

  const base = `/service/${platformServiceId}/template`;
  const code = `${base}/${platformTemplateIds.smsCode}`;
  const change = (body: object, headers = operator) => world.admin('POST', code, body, headers);

  test('are listed, read, changed and previewed by operators, and the next message has the new text', async () => {
    for (const headers of [operator, {}]) {
      const { status, body } = await world.admin('GET', base, undefined, headers);
      assert.equal(status, 200);
      assert.deepEqual(
        body.data.map(({ id }: { id: string }) => id).sort(),
        Object.values(platformTemplateIds).sort(),
      );
    }
    const changed = await change({ content: 'Your code for today: ((verify_code))', version: 1 });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.equal(changed.body.data.version, 2);
    const get = async (path: string) => (await world.admin('GET', code + path, undefined, operator)).body;
    assert.equal((await get('')).data.content, 'Your code for today: ((verify_code))');
    assert.deepEqual(
      (await get('/versions')).data.map(({ version }: { version: number }) => version),
      [2, 1],
    );
    assert.match((await get('/version/1')).data.content, /is your sign-in code/);
    assert.equal((await get('/preview?verify_code=40916')).content, 'Your code for today: 40916');

    const id = member['X-Notify-User-Id']!;
    await world.admin('POST', `/user/${id}`, { mobile_number: '07700 900511' });
    await world.until(
      async () => {
        assert.equal((await world.admin('POST', `/user/${id}/sms-code`)).status, 204);
        await world.drain();
        return await world.sandbox('/messages?to=447700900511');
      },
      ({ messages }) =>
        messages.some(({ body }: { body: string }) => /Your code for today: \d{5}/.test(body)),
    );
    const { body: events } = await world.admin('GET', `/events?service_id=${platformServiceId}`);
    const [event] = events.events.filter(({ event_type }: any) => event_type === 'update_template');
    assert.equal(event.user_id, operator['X-Notify-User-Id']);
  });

  test('keep what their messages need: a change that would not do is refused and says why', async () => {
    const before = (await world.admin('GET', code)).body.data;
    const refusals: [body: object, message: unknown][] = [
      [{ content: 'Your code' }, { content: ['Must have the placeholders ((verify_code))'] }],
      [
        { content: '((verify_code)) ((colour))' },
        {
          content: ['Must not have the placeholders ((colour)): there is no value for them in this message'],
        },
      ],
      [{ archived: true }, 'A template of the platform’s own messages cannot be deleted'],
    ];
    for (const [body, message] of refusals) {
      const answer = await change(body);
      assert.equal(answer.status, 400);
      assert.deepEqual(answer.body, { result: 'error', message });
    }
    const link = await world.admin(
      'POST',
      `${base}/${platformTemplateIds.emailCode}`,
      { has_unsubscribe_link: true },
      operator,
    );
    assert.equal(link.status, 400);
    assert.deepEqual((await world.admin('GET', code)).body.data, before);
    assert.equal((await change({ content: 'Hi ((Name)), ((verify code))' })).status, 200);
  });

  test('stay hidden from everybody else: members of the platform’s service, its keys, and other services', async () => {
    const list = await world.admin('GET', base, undefined, member);
    assert.deepEqual(list, { ...list, status: 200, body: { data: [] } });
    for (const path of ['', '/versions', '/version/1', '/preview?verify_code=1']) {
      const { status, body } = await world.admin('GET', code + path, undefined, member);
      if (path === '/versions') assert.deepEqual(body.data, []);
      else assert.equal(status, 404, path);
    }
    assert.equal((await change({ content: '((verify_code))' }, member)).status, 404);
    const elsewhere = `/service/${world.tenant.id}/template/${platformTemplateIds.smsCode}`;
    assert.equal((await world.admin('GET', elsewhere, undefined, operator)).status, 404);

    const key = {
      ...{ id: randomUUID(), serviceId: platformServiceId, name: 'a key' },
      ...{ keyType: 'normal' as const, secret: randomUUID() },
    };
    await addKey(world.connection.db, createCipher([secretKey], salt), key);
    const call = (method: string, path: string, body?: object) =>
      world.call(method, path, { key: pasteableKey(key), ...(body && { body }) });
    assert.deepEqual((await call('GET', '/v2/templates')).body.templates, []);
    assert.equal((await call('GET', `/v2/template/${platformTemplateIds.smsCode}`)).status, 404);
    const sent = await call('POST', '/v2/notifications/sms', {
      ...{ template_id: platformTemplateIds.smsCode, phone_number: '07700900123' },
      personalisation: { verify_code: '1' },
    });
    assert.equal(sent.status, 400);
    assert.equal(sent.body.errors[0].message, 'Template not found');
  });
});
