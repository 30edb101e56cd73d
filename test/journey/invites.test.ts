import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addInvite, deleteInvites } from '../../src/tenant/invite/store.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { keptLog } from '../support/messages.ts';
import { createWorld, type World } from '../support/world.ts';

const unreadable = 'Something’s wrong with this link. Make sure you’ve copied the whole thing.';
const expired =
  'Your invitation to Despatch has expired. Please ask the person that invited you to send you another one';
const day = 86_400;

describe('invites to a service', () => {
  let world: World;
  const { log, lines } = keptLog();
  before(async () => {
    world = await createWorld({ log });
  });
  after(() => world.stop());

  let count = 0;
  const newAddress = () => {
    count += 1;
    return `Ash${count}@Example.com`;
  };
  async function person(name = 'Rowan Reed', emailAddress = newAddress()) {
    const id = randomUUID();
    await addUser(world.connection.db, { id, name, emailAddress, state: 'active' });
    return { id, name, emailAddress };
  }
  /** A service with one member who may manage its team. */
  async function team(name: string = randomUUID(), inviterName?: string) {
    const owner = await person(inviterName);
    const { status, body } = await world.admin('POST', '/service', {
      ...{ name, user_id: owner.id, created_by: owner.id, email_from: randomUUID() },
      ...{ message_limit: 50, restricted: true },
    });
    assert.equal(status, 201, JSON.stringify(body));
    const { id } = body.data as { id: string };
    return { id, owner, path: `/service/${id}/invite` };
  }
  type Team = Awaited<ReturnType<typeof team>>;
  const as = ({ id }: { id: string }) => ({ 'X-Notify-User-Id': id });
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    world.admin('POST', path, body, headers);
  const get = (path: string, headers: Record<string, string> = {}) =>
    world.admin('GET', path, undefined, headers);
  const bodyFor = ({ owner }: Team, email_address: string, more: object = {}) => ({
    ...{ email_address, from_user: owner.id, permissions: 'send_texts,view_activity' },
    ...more,
  });
  async function invite(of: Team, email_address: string, more: object = {}) {
    const { status, body } = await post(of.path, bodyFor(of, email_address, more));
    assert.equal(status, 201, JSON.stringify(body));
    return body.data as Record<string, any> & { id: string };
  }

  /** The emails in the sandbox's inbox for an address, the oldest first. */
  async function inbox(to: string): Promise<{ subject: string; html: string; text: string }[]> {
    await world.drain();
    const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}`);
    return messages
      .filter((message: any) => message.to === to)
      .sort((a: any, b: any) => (a.received_at < b.received_at ? -1 : 1));
  }
  async function tokenFor(address: string): Promise<string> {
    const last = (await inbox(address)).at(-1);
    assert.ok(last, `nothing arrived for ${address}`);
    return /\/invitation\/([\w-]+)/.exec(last.text)![1]!;
  }
  const eventsOf = async (of: Team) =>
    (await get(`/events?service_id=${of.id}`)).body.events as {
      event_type: string;
      user_id: string;
      subject_id: string;
      data: any;
    }[];
  const permissionsOf = async (of: Team, id: string) => {
    const { body } = await get(`/service/${of.id}/users`);
    return body.data.find((user: { id: string }) => user.id === id)?.permissions[of.id];
  };
  const texts = ({ body }: { body: any }) => Object.values(body.message).flat();

  test('an invited person gets an email, follows its link, and becomes a member with the permissions of the invite', async () => {
    const of = await team('Harbour office');
    const address = newAddress();
    const made = await invite(of, ` ${address} `, { auth_type: 'email_auth' });
    assert.deepEqual(made, {
      ...{ id: made.id, service: of.id, email_address: address },
      ...{ from_user: of.owner.id, from_user_name: 'Rowan Reed', permissions: 'send_texts,view_activity' },
      ...{ folder_permissions: [], auth_type: 'email_auth', status: 'pending' },
      ...{ created_at: made['created_at'], expires_at: made['expires_at'] },
    });
    assert.equal(Date.parse(made['expires_at']) - Date.parse(made['created_at']), 2 * day * 1000);
    assert.deepEqual((await get(`${of.path}/${made.id}`)).body.data, made);
    assert.deepEqual((await get(of.path)).body.data, [made]);

    const [email] = await inbox(address);
    assert.equal(email!.subject, 'Rowan Reed has invited you to Harbour office');
    assert.match(email!.text, /http:\/\/localhost:6012\/invitation\/[\w-]+/);
    assert.match(email!.text, /within 2 days/);
    const token = await tokenFor(address);
    const guest = await person('Ash', address.toUpperCase());
    for (const path of [`/invite/${token}`, `/invite/service/check/${token}`])
      assert.deepEqual((await get(path, as(guest))).body.data, made);

    const accepted = await post(`/invite/${token}/accept`, {}, as(guest));
    assert.equal(accepted.status, 201, JSON.stringify(accepted.body));
    assert.deepEqual(accepted.body, { data: { ...made, status: 'accepted' }, already_member: false });
    assert.deepEqual(await permissionsOf(of, guest.id), ['send_texts', 'view_activity']);
    const events = (await eventsOf(of)).map((one) => [one.event_type, one.user_id, one.subject_id].join(' '));
    // What happens in one transaction is in no order.
    assert.deepEqual(events.slice(0, 3).sort(), [
      `accept_invite ${guest.id} ${made.id}`,
      `add_user_to_service ${guest.id} ${guest.id}`,
      `create_invite ${of.owner.id} ${made.id}`,
    ]);
    const again = await post(`/invite/${token}/accept`, {}, as(guest));
    assert.deepEqual(
      [again.status, texts(again)],
      [400, ['Your invitation to Despatch has been accepted already.']],
    );
    const spelled = await get(`/%69nvite/${token}`);
    assert.equal(spelled.status, 200);
    assert.ok(lines.some(({ message }) => message.startsWith('POST /invite/…/accept 201')));
    assert.ok(lines.some(({ message }) => message.startsWith(`POST ${of.path} 201`)));
    const secrets = [token, address, 'Harbour office'];
    for (const line of lines.map((one) => JSON.stringify(one)))
      assert.ok(!secrets.some((secret) => line.includes(secret)), line);
  });

  test('folders of an invite are the member’s, and those that the service lacks are ignored', async () => {
    const of = await team();
    const folder = (await post(`/service/${of.id}/template-folder`, { name: 'Tides', parent_id: null })).body
      .data;
    const address = newAddress();
    const folders = [folder.id, randomUUID(), folder.id.toUpperCase()];
    const made = await invite(of, address, { folder_permissions: folders });
    assert.equal(made['folder_permissions'].length, 2);
    const guest = await person('Ash', address);
    const user_id = guest.id;
    assert.equal((await post(`/invite/${await tokenFor(address)}/accept`, { user_id })).status, 201);
    const { template_folders } = (await get(`/service/${of.id}/template-folder`)).body;
    assert.deepEqual(template_folders[0].users_with_permission, [of.owner.id, guest.id].sort());
  });

  test('two inviters at one time make one invite and send one email', async () => {
    const of = await team();
    const address = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        post(of.path, bodyFor(of, index % 2 === 0 ? address : address.toLowerCase())),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 400, 400, 400, 400, 400]);
    for (const answer of answers.filter(({ status }) => status === 400))
      assert.match(answer.body.message.email_address[0], /has been invited already: resend that invite/);
    const sent = [...(await inbox(address)), ...(await inbox(address.toLowerCase()))];
    assert.equal(sent.length, 1);
    assert.equal((await get(of.path)).body.data.length, 1);
  });

  test('the database itself allows one open invite of a service to an address', async () => {
    const of = await team();
    const now = new Date(world.clock.now());
    const add = (emailAddress: string) =>
      world.connection.db.transaction().execute((trx) =>
        addInvite(
          trx,
          {
            ...{ id: randomUUID(), serviceId: of.id, emailAddress, fromUser: of.owner.id },
            ...{ permissions: [], folderPermissions: [], authType: 'sms_auth', createdAt: now },
          },
          new Date(now.getTime() - 2 * day * 1000),
        ),
      );
    const made = await Promise.all(['kim@example.com', 'Kim@Example.com', 'KIM@example.com'].map(add));
    assert.deepEqual(made.sort(), [false, false, true]);
  });

  test('of two acceptances at one time one makes the member, and the other is told', async () => {
    const of = await team();
    const address = newAddress();
    await invite(of, address);
    const guest = await person('Ash', address);
    const token = await tokenFor(address);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post(`/invite/${token}/accept`, { user_id: guest.id })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 400, 400, 400, 400]);
    const added = (await eventsOf(of)).filter(({ event_type }) => event_type === 'add_user_to_service');
    assert.equal(added.length, 1);
    assert.deepEqual(await permissionsOf(of, guest.id), ['send_texts', 'view_activity']);
  });

  test('an invite that is cancelled while it is accepted is one of the two, and the person a member only if accepted', async () => {
    const of = await team();
    for (let index = 0; index < 4; index++) {
      const address = newAddress();
      const { id } = await invite(of, address);
      const guest = await person('Ash', address);
      const token = await tokenFor(address);
      const answers = await Promise.all([
        post(`/invite/${token}/accept`, {}, as(guest)),
        post(`${of.path}/${id}`, { status: 'cancelled' }),
      ]);
      const { status } = (await get(`${of.path}/${id}`)).body.data;
      const isMember = (await permissionsOf(of, guest.id)) !== undefined;
      const expected = status === 'accepted' ? [201, 400, true] : [400, 200, false];
      assert.deepEqual([...answers.map((answer) => answer.status), isMember], expected);
    }
  });

  test('more people than there are connections to the database are invited at one time', async () => {
    const of = await team();
    const addresses = Array.from({ length: 30 }, newAddress);
    await Promise.all(addresses.map((address) => invite(of, address)));
    for (const address of addresses) assert.equal((await inbox(address)).length, 1);
  });

  test('an invite is for the person with its address only', async () => {
    const of = await team();
    const address = newAddress();
    const { id } = await invite(of, address);
    const [guest, other] = [await person('Ash', address), await person('Kim')];
    const token = await tokenFor(address);
    const accept = (body: object, headers = {}) => post(`/invite/${token}/accept`, body, headers);
    assert.match(texts(await accept({}, as(other)))[0] as string, /is for another email address/);
    assert.equal((await accept({ user_id: guest.id }, as(other))).status, 403);
    assert.equal((await accept({ user_id: randomUUID() })).status, 404);
    assert.deepEqual((await accept({})).body.message, { user_id: ['Missing data for required field.'] });
    assert.equal((await get(`/invite/service/${id}`, as(other))).status, 403);
    assert.equal((await get(`/invite/service/${id}`, as(guest))).body.data.id, id);
    assert.equal((await get(`/invite/service/${id}`)).status, 200);
    assert.equal((await get(`/invite/service/${randomUUID()}`)).status, 404);
    assert.equal(await permissionsOf(of, guest.id), undefined);
  });

  test('whoever is a member already is not invited, and accepting what came before changes nothing for them', async () => {
    const of = await team();
    const address = newAddress();
    await invite(of, address);
    const guest = await person('Ash', address);
    const add = await post(`/service/${of.id}/users/${guest.id}`, {
      permissions: [{ permission: 'manage_templates' }],
    });
    assert.equal(add.status, 201);
    const answer = await post(`/invite/${await tokenFor(address)}/accept`, {}, as(guest));
    assert.deepEqual(
      [answer.status, answer.body.already_member, answer.body.data.status],
      [201, true, 'accepted'],
    );
    assert.deepEqual(await permissionsOf(of, guest.id), ['manage_templates']);
    const refused = await post(of.path, bodyFor(of, address.toUpperCase()));
    assert.deepEqual(refused.body.message, {
      email_address: [`${address.toUpperCase()} is a member of this service already`],
    });
  });

  test('a cancelled invite cannot be accepted or sent again, and makes room for another', async () => {
    const of = await team();
    const address = newAddress();
    const { id } = await invite(of, address);
    const token = await tokenFor(address);
    const cancelled = await post(`${of.path}/${id}`, { status: 'cancelled' }, as(of.owner));
    assert.deepEqual([cancelled.status, cancelled.body.data.status], [200, 'cancelled']);
    assert.equal((await post(`${of.path}/${id}`, { status: 'cancelled' })).status, 200);
    const guest = await person('Ash', address);
    const accept = await post(`/invite/${token}/accept`, {}, as(guest));
    assert.match(texts(accept)[0] as string, /^Your invitation to Despatch has been cancelled/);
    assert.equal((await get(`/invite/${token}`)).body.data.status, 'cancelled');
    for (const status of ['accepted', 'pending'])
      assert.match((await post(`${of.path}/${id}`, { status })).body.message.status[0], /has been cancelled/);
    assert.match((await post(`${of.path}/${id}/resend`)).body.message, /has been cancelled/);
    assert.deepEqual((await post(`${of.path}/${id}`, { status: 'expired' })).body.message, {
      status: ['Not a valid choice.'],
    });
    const next = await invite(of, address);
    assert.notEqual(next.id, id);
    const types = (await eventsOf(of)).map(({ event_type }) => event_type);
    assert.equal(types.filter((type) => type === 'cancel_invite').length, 1);

    const noted = await post(`${of.path}/${next.id}`, { status: 'accepted' });
    assert.equal(noted.body.data.status, 'accepted');
    assert.equal((await post(`${of.path}/${next.id}`, { status: 'cancelled' })).status, 400);
    assert.equal(await permissionsOf(of, guest.id), undefined);
  });

  test('an invite expires, is shown so, comes to life by a resend, and is deleted after 30 days', async () => {
    const of = await team();
    const address = newAddress();
    const made = await invite(of, address);
    const first = await tokenFor(address);
    await world.advance(day);
    const colleague = await person('Kim Colleague');
    const all = [{ permission: 'manage_users' }];
    await post(`/service/${of.id}/users/${colleague.id}`, { permissions: all });
    const resent = await post(`${of.path}/${made.id}/resend`, {}, as(colleague));
    assert.equal(resent.status, 200, JSON.stringify(resent.body));
    const { from_user_name: name, created_at, status, id } = resent.body.data;
    assert.deepEqual([id, name, status], [made.id, 'Kim Colleague', 'pending']);
    assert.ok(created_at > made['created_at']);
    const second = await tokenFor(address);
    assert.notEqual(first, second);
    assert.equal(
      (await inbox(address)).at(-1)!.subject,
      `Kim Colleague has invited you to ${(await get(`/service/${of.id}`)).body.data.name}`,
    );
    assert.equal((await get(`/invite/${first}`)).status, 200);

    await world.advance(day);
    const dead = await get(`/invite/${first}`);
    assert.deepEqual([dead.status, dead.body.message], [400, { invitation: [expired] }]);
    assert.equal((await get(`/invite/${second}`)).status, 200);
    await world.advance(day);
    assert.equal((await get(of.path)).body.data[0].status, 'expired');
    const guest = await person('Ash', address);
    const late = await post(`/invite/${second}/accept`, {}, as(guest));
    assert.deepEqual([late.status, late.body.message], [400, { invitation: [expired] }]);
    assert.match(
      (await post(`${of.path}/${id}`, { status: 'accepted' })).body.message.status[0],
      /expired: resend/,
    );

    // Another takes its place; only one of the two can be open.
    const other = await invite(of, address);
    assert.equal((await post(`${of.path}/${id}/resend`)).status, 400);
    await post(`${of.path}/${other.id}`, { status: 'cancelled' });
    assert.equal((await post(`${of.path}/${id}/resend`)).body.data.status, 'pending');
    assert.equal((await post(`/invite/${await tokenFor(address)}/accept`, {}, as(guest))).status, 201);

    const { db } = world.connection;
    const before = (days: number) => new Date(world.clock.now() - days * day * 1000);
    assert.equal(await deleteInvites(db, before(30), 1000), 0);
    await world.advance(30 * day + 1);
    const { rows } = await world.connection.pool.query('select count(*)::int from invites');
    assert.equal(await deleteInvites(db, before(30), 1), 1);
    assert.equal(await deleteInvites(db, before(30), 1000), rows[0].count - 1);
    assert.deepEqual((await get(of.path)).body.data, []);
    assert.equal((await get(`${of.path}/${id}`)).status, 404);
  });

  test('a link whose invite is gone is a 404, and a changed one says to copy all of it', async () => {
    const of = await team();
    const address = newAddress();
    const { id } = await invite(of, address);
    const token = await tokenFor(address);
    const changed = `${token.slice(0, 60)}${token[60] === 'A' ? 'B' : 'A'}${token.slice(61)}`;
    await post('/user/reset-password', { email: of.owner.emailAddress });
    const reset = /new-password\/([\w-]+)/.exec((await inbox(of.owner.emailAddress)).at(-1)!.text)![1]!;
    for (const bad of [changed, token.slice(0, -4), 'x', '%00', '%F0%9F%A6%8A', reset]) {
      const { status, body } = await get(`/invite/${bad}`);
      assert.deepEqual([status, body.message], [400, { invitation: [unreadable] }], bad);
      assert.equal((await post(`/invite/${bad}/accept`, { user_id: of.owner.id })).status, 400);
    }
    const used = await post('/user/check-token', { token, purpose: 'verify-email' });
    assert.equal(used.status, 400);
    await world.connection.pool.query('delete from invites where id = $1', [id]);
    assert.equal((await get(`/invite/${token}`)).status, 404);
    assert.equal((await post(`/invite/${token}/accept`, { user_id: of.owner.id })).status, 404);
  });

  test('names of a person and a service are no links in the email, and its own link is', async () => {
    const of = await team('Free money https://evil.example/win', '[click](https://evil.example)');
    const address = newAddress();
    await invite(of, address);
    const [email] = await inbox(address);
    const links = [...email!.html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href!);
    assert.ok(links.some((href) => href.includes('/invitation/')));
    assert.ok(!links.some((href) => href.includes('evil')), links.join(' '));
    for (const part of [email!.html, email!.text, email!.subject])
      assert.ok(!/evil\.example|\]\(|\\/.test(part), part);
    assert.equal(
      email!.subject,
      'click(https: // evil. example) has invited you to Free money https: // evil. example/win',
    );
  });

  test('the link has the host that the client gives, unless it acts for a person who is no operator', async () => {
    const of = await team();
    const linkOf = async (headers: Record<string, string>, invite_link_host: string | null) => {
      const address = newAddress();
      const { status } = await post(of.path, bodyFor(of, address, { invite_link_host }), headers);
      assert.equal(status, 201);
      return /https?:\/\/[^/]+\/invitation\//.exec((await inbox(address))[0]!.text)![0];
    };
    const given = 'https://pages.example';
    assert.equal(await linkOf({}, `${given}/`), `${given}/invitation/`);
    assert.equal(await linkOf({}, null), 'http://localhost:6012/invitation/');
    assert.equal(await linkOf(as(of.owner), given), 'http://localhost:6012/invitation/');
    for (const invite_link_host of ['javascript:alert(1)', 'https://evil.example/x?', 'evil', 5]) {
      const { status, body } = await post(of.path, bodyFor(of, newAddress(), { invite_link_host }));
      assert.equal(status, 400);
      assert.deepEqual(Object.keys(body.message), ['invite_link_host']);
    }
  });

  test('what an invite lacks or cannot have is said, and nothing is sent', async () => {
    const of = await team();
    const missing = await post(of.path, {});
    const required = ['Missing data for required field.'];
    assert.deepEqual(missing.body.message, {
      ...{ email_address: required, from_user: required, permissions: required },
    });
    const wrong = async (more: object) => (await post(of.path, bodyFor(of, newAddress(), more))).body.message;
    assert.deepEqual(await wrong({ email_address: 'nobody' }), {
      email_address: ['Not a valid email address'],
    });
    const choice = ['Not a valid choice.'];
    for (const permissions of ['platform_admin', 'send_texts,fly', '__proto__', 'send_texts view_activity'])
      assert.deepEqual(await wrong({ permissions }), { permissions: choice }, permissions);
    assert.deepEqual(await wrong({ auth_type: 'webauthn_auth' }), { auth_type: choice });
    assert.deepEqual(await wrong({ folder_permissions: ['x'] }), {
      folder_permissions: ['Not a valid UUID.'],
    });
    assert.equal(await wrong({ from_user: randomUUID() }), 'No result found');
    assert.equal(await wrong({ from_user: 'Rowan\0' }), 'No result found');
    for (const path of [`/service/${randomUUID()}/invite`, '/service/harbour/invite', '/service/%00/invite'])
      assert.equal((await post(path, bodyFor(of, newAddress()))).status, 404, path);
    assert.deepEqual((await get('/service/harbour/invite')).body.message, 'No result found');
    const elsewhere = await team();
    const { id } = await invite(elsewhere, newAddress());
    for (const path of [`${of.path}/${id}`, `${of.path}/x`]) {
      assert.equal((await get(path)).status, 404);
      assert.equal((await post(path, { status: 'cancelled' })).status, 404);
      assert.equal((await post(`${path}/resend`)).status, 404);
    }
    assert.deepEqual((await get(of.path)).body.data, []);
  });

  test('an email that cannot be made leaves no invite', async () => {
    const of = await team();
    const { pool } = world.connection;
    await pool.query(`alter table accepted add constraint refuses check (recipient <> 'broken@example.com')`);
    const address = 'broken@example.com';
    assert.equal((await post(of.path, bodyFor(of, address))).status, 500);
    await pool.query('alter table accepted drop constraint refuses');
    assert.deepEqual((await get(of.path)).body.data, []);
    assert.ok(!(await eventsOf(of)).some(({ event_type }) => event_type === 'create_invite'));
    await invite(of, address);
  });

  test('invites are listed newest first, page by page, by those who manage the team', async () => {
    const of = await team();
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) ids.unshift((await invite(of, newAddress())).id);
    const page = await get(of.path, as(of.owner));
    assert.deepEqual(
      page.body.data.map(({ id }: { id: string }) => id),
      ids,
    );
    assert.ok(page.body.links.next.endsWith(`${of.path}?older_than=${ids[2]}`));
    const next = await get(`${of.path}?older_than=${ids[0]}`);
    assert.deepEqual(
      next.body.data.map(({ id }: { id: string }) => id),
      ids.slice(1),
    );
    const last = await get(`${of.path}?older_than=${ids[2]}`);
    assert.deepEqual([last.body.data, last.body.links.next], [[], undefined]);
    assert.equal((await get(`${of.path}?page=2`)).status, 400);
    assert.equal((await get(of.path, as(await person()))).status, 403);
  });
});
