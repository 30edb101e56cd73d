import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { changeTemplate } from '../../src/content/template/store.ts';
import { platformTemplateIds } from '../../src/tenant/user/platform-message.ts';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import { addTeamMember } from '../support/operator.ts';
import { createWorld, type World } from '../support/world.ts';

describe('what the platform tells people by itself', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world?.stop());

  const as = (id: string) => ({ 'X-Notify-User-Id': id });
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    world.admin('POST', path, body, headers);

  async function person(name: string, more: Record<string, unknown> = {}) {
    const id = randomUUID();
    const address = `${id}@example.com`;
    await addUser(world.connection.db, { id, name, emailAddress: address, state: 'active' });
    await world.connection.db
      .updateTable('users')
      .set({ mobile_number: '07700 900321', ...more })
      .where('id', '=', id)
      .execute();
    return { id, name, address };
  }

  /** What has arrived in the sandbox's inbox for a recipient, once nothing is under way. */
  async function inbox(to: string): Promise<{ subject: string | null; text: string }[]> {
    await world.drain();
    const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}`);
    return messages
      .filter((message: { to: string }) => message.to === to)
      .map(({ subject, body, text, html }: Record<string, string>) => ({
        subject: subject ?? null,
        text: `${body ?? ''}${text ?? ''}${html ?? ''}`,
      }));
  }

  describe('of a service that goes live', () => {
    /** A service in trial mode with these members. */
    async function trial(...members: { id: string }[]) {
      const { id } = await world.addTenant();
      const { db } = world.connection;
      await db.updateTable('services').set({ restricted: true }).where('id', '=', id).execute();
      for (const member of members) await addTeamMember(db, id, member.id);
      return id;
    }
    const goLive = (id: string, more: object = {}) =>
      post(`/service/${id}`, { restricted: false, message_limit: 250_000, ...more });

    test('every active member gets one email, with the name of the service and its limit; nobody else does', async () => {
      const people = [await person('Rowan'), await person('Kim')];
      const pending = await person('Sam', { state: 'pending' });
      const stranger = await person('Alex');
      const id = await trial(...people, pending);
      const { status, body } = await goLive(id);
      assert.equal(status, 200);
      for (const { address, name } of people) {
        const [message, ...more] = await inbox(address);
        assert.equal(more.length, 0);
        assert.equal(message!.subject, `${body.data.name} is live`);
        assert.match(message!.text, new RegExp(`Hello ${name},`));
        assert.match(message!.text, /up to 250,000 a day/);
      }
      for (const { address } of [pending, stranger]) assert.deepEqual(await inbox(address), []);
    });

    test('no other change tells anybody: neither of what is live already, nor back to trial mode, nor a stale one', async () => {
      const member = await person('Rowan');
      const id = await trial(member);
      await post(`/service/${id}`, { message_limit: 100 });
      assert.equal((await goLive(id, { version: 99 })).status, 409);
      assert.deepEqual(await inbox(member.address), []);
      await goLive(id);
      await goLive(id);
      await post(`/service/${id}`, { restricted: true });
      assert.equal((await inbox(member.address)).length, 1);
    });

    test('two updates at once tell everybody once', async () => {
      const member = await person('Rowan');
      const id = await trial(member);
      const answers = await Promise.all([goLive(id), goLive(id), goLive(id)]);
      for (const { status } of answers) assert.equal(status, 200);
      assert.equal((await inbox(member.address)).length, 1);
    });

    test('a member whose address takes no email keeps nobody else from it', async () => {
      const bad = await person('Sam', { email_address: 'no address' });
      const good = await person('Kim');
      const id = await trial(bad, good);
      assert.equal((await goLive(id)).status, 200);
      assert.equal((await inbox(good.address)).length, 1);
    });
  });

  describe('of a changed address or number', () => {
    test('who is changed by somebody else is told at the old address and the old number', async () => {
      const user = await person('Rowan', { mobile_number: '07700 900411' });
      const manager = await person('Kim');
      const mail = `new-${user.address}`;
      const change = { email_address: mail, mobile_number: '07700 900412', updated_by: manager.id };
      assert.equal((await post(`/user/${user.id}`, change)).status, 200);
      const [message, ...more] = await inbox(user.address);
      assert.equal(more.length, 0);
      assert.match(message!.text, /Hello Rowan,/);
      assert.match(message!.text, /Kim has changed the email address of your account to/);
      assert.ok(message!.text.includes(mail));
      assert.deepEqual(await inbox(mail), []);
      const texts = await inbox('447700900411');
      assert.equal(texts.length, 1);
      assert.match(texts[0]!.text, /^Despatch: Kim has changed the mobile number of your account/);
      assert.deepEqual(await inbox('447700900412'), []);
    });

    test('an operator who replaces a person tells them; what stays as it is, and what they do themselves, does not', async () => {
      const user = await person('Rowan', { mobile_number: '07700 900421' });
      const operator = await person('Kim', { platform_admin: true });
      const kept = { name: 'Rowan Reed', email_address: user.address, mobile_number: '07700 900421' };
      const put = (body: object, headers: Record<string, string>) =>
        world.admin('PUT', `/user/${user.id}`, body, headers);
      assert.equal((await put(kept, as(operator.id))).status, 200);
      const own = { mobile_number: '07700 900422' };
      assert.equal((await post(`/user/${user.id}`, own, as(user.id))).status, 200);
      // Without anybody who did it, nobody can be named.
      assert.equal((await post(`/user/${user.id}`, { mobile_number: '07700 900423' })).status, 200);
      for (const number of ['447700900421', '447700900422']) assert.deepEqual(await inbox(number), []);
      const other = { ...kept, mobile_number: '07700 900424' };
      assert.equal((await put(other, as(operator.id))).status, 200);
      assert.equal((await inbox('447700900423')).length, 1);
    });

    test('a change stands although its notice cannot be sent', async () => {
      const user = await person('Rowan', { email_address: 'no address either' });
      const manager = await person('Kim');
      const to = `new-${user.address}`;
      const change = { email_address: to, updated_by: manager.id };
      const { status, body } = await post(`/user/${user.id}`, change);
      assert.equal(status, 200);
      assert.equal(body.data.email_address, to);
    });

    test('an author who does not exist changes nothing', async () => {
      const user = await person('Rowan');
      const { status } = await post(`/user/${user.id}`, { name: 'Robin', updated_by: randomUUID() });
      assert.equal(status, 404);
      assert.equal((await world.admin('GET', `/user/${user.id}`)).body.data.name, 'Rowan');
    });
  });

  describe('of a reply-to address', () => {
    const verify = (id: string, email: unknown, headers: Record<string, string> = {}) =>
      post(`/service/${id}/email-reply-to/verify`, { email }, headers);
    const statusOf = (id: string, notification: string, headers: Record<string, string> = {}) =>
      world.admin('GET', `/service/${id}/email-reply-to/verify/${notification}`, undefined, headers);

    test('an email goes to the address, and whoever manages the settings of that service sees what became of it', async () => {
      const { id } = await world.addTenant();
      const other = await world.addTenant();
      const manager = await person('Kim');
      await addTeamMember(world.connection.db, id, manager.id);
      await post(`/user/${manager.id}/service/${id}/permission`, {
        permissions: [{ permission: 'manage_settings' }],
      });
      const { status, body } = await verify(id, 'quay@example.com', as(manager.id));
      assert.equal(status, 201, JSON.stringify(body));
      assert.deepEqual(Object.keys(body.data), ['id']);
      const seen = await statusOf(id, body.data.id, as(manager.id));
      assert.equal(seen.status, 200);
      assert.equal((await inbox('quay@example.com')).length, 1);
      assert.deepEqual((await statusOf(id, body.data.id)).body, {
        data: { id: body.data.id, status: 'delivered' },
      });
      assert.equal((await statusOf(other.id, body.data.id)).status, 404);
      const { body: events } = await world.admin(
        'GET',
        `/events?service_id=${id}&type=verify_email_reply_to`,
      );
      const [event] = events.events;
      assert.deepEqual([event.user_id, event.subject_id], [manager.id, body.data.id]);
    });

    test('no other message of the platform can be read there', async () => {
      const { id } = await world.addTenant();
      const user = await person('Rowan', { mobile_number: '07700 900431' });
      await post(`/user/${user.id}/sms-code`);
      await world.drain();
      const { rows } = await world.connection.pool.query(
        'select id from notification_history where template_id = $1',
        [platformTemplateIds.smsCode],
      );
      assert.ok(rows.length > 0);
      for (const other of [
        rows[0].id,
        randomUUID(),
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '00000000-0000-0000-0000-000000000000',
      ])
        assert.equal((await statusOf(id, other)).status, 404, other);
    });

    test('an address that the service has, or that is none, gets nothing', async () => {
      const { id } = await world.addTenant();
      const taken = await verify(id, 'Desk@Example.com');
      assert.equal(taken.status, 409);
      assert.deepEqual(taken.body, {
        result: 'error',
        message: '‘Desk@Example.com’ is already a reply-to email address for this service.',
      });
      assert.deepEqual(await verify(id, 'desk'), {
        ...(await verify(id, 'desk')),
        status: 400,
        body: { result: 'error', message: { email: ['Not a valid email address'] } },
      });
      assert.deepEqual((await verify(id, undefined)).body.message, {
        email: ['Missing data for required field.'],
      });
      assert.equal((await verify(randomUUID(), 'quay@example.com')).status, 404);
      assert.deepEqual(await inbox('Desk@Example.com'), []);
    });
  });

  test('a template without a value for its placeholders stops its messages, but not the change', async () => {
    const { db } = world.connection;
    const id = platformTemplateIds.mobileChangedByOther;
    const text = { name: 'Changed', subject: null, content: '((colour))', priority: true };
    await changeTemplate(
      db,
      {
        ...{ id, version: 1, createdBy: platformUserId },
        text: { ...text, hasUnsubscribeLink: false, archived: false },
      },
      new Date(world.clock.now()),
    );
    const user = await person('Rowan', { mobile_number: '07700 900441' });
    const manager = await person('Kim');
    const change = { mobile_number: '07700 900442', updated_by: manager.id };
    assert.equal((await post(`/user/${user.id}`, change)).status, 200);
  });
});
