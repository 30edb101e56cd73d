import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createWorld, type World } from '../support/world.ts';

describe('people in the admin API', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  const password = 'a sentence that only Rowan knows';
  let count = 0;
  const person = (more: object = {}) => {
    count += 1;
    const mobile_number = `07700 900${String(100 + count)}`;
    return {
      name: 'Rowan Reed',
      email_address: `rowan${count}@example.com`,
      mobile_number,
      password,
      ...more,
    };
  };
  async function register(more: object = {}) {
    const given = person(more);
    const { status, body } = await world.admin('POST', '/user', given);
    assert.equal(status, 201, JSON.stringify(body));
    return { ...given, id: body.data.id as string };
  }
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    world.admin('POST', path, body, headers);
  const read = async (id: string) => (await world.admin('GET', `/user/${id}`)).body.data;
  const digits = (number: string) => `44${number.replaceAll(' ', '').slice(1)}`;

  /** What arrived last in the sandbox's inbox for a recipient. */
  async function received(to: string): Promise<string> {
    await world.drain();
    const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}&limit=1`);
    const [last] = messages;
    assert.ok(last, `nothing arrived for ${to}`);
    return `${last.body ?? ''} ${last.text ?? ''} ${last.html ?? ''}`;
  }
  const codeIn = (text: string) => /\b\d{5}\b/.exec(text)![0];
  const tokenIn = (text: string, path: string) => new RegExp(`${path}([\\w-]+)`).exec(text)![1]!;
  async function codeFor(user: { id: string; mobile_number: string }) {
    assert.equal((await post(`/user/${user.id}/sms-code`)).status, 204);
    return codeIn(await received(digits(user.mobile_number)));
  }
  /** Signs in with a code; returns the session. */
  async function signIn(user: { id: string; mobile_number: string }, headers: Record<string, string> = {}) {
    const code = await codeFor(user);
    const { status } = await post(`/user/${user.id}/verify/code`, { code, code_type: 'sms' }, headers);
    assert.equal(status, 204);
    return (await read(user.id)).current_session_id as string;
  }

  test('a person registers, proves address and phone by what really arrived, signs in, and is shown without secrets', async () => {
    const user = await register();
    const added = await read(user.id);
    assert.equal(added.state, 'pending');
    assert.equal(added.auth_type, 'sms_auth');
    assert.equal(added.failed_login_count, 0);
    assert.match(added.password_changed_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    assert.equal(added.current_session_id, null);
    assert.ok(!JSON.stringify(added).includes('argon'));

    assert.equal((await post(`/user/${user.id}/email-verification`)).status, 204);
    const token = tokenIn(await received(user.email_address), '/verify-email/');
    const looked = await post('/user/check-token', { token, purpose: 'verify-email', use: false });
    assert.equal(looked.status, 200);
    assert.equal((await read(user.id)).email_access_validated_at, null);
    const checked = await post('/user/check-token', { token, purpose: 'verify-email' });
    assert.deepEqual(
      { ...checked.body.data, created_at: '' },
      { user_id: user.id, email: user.email_address, created_at: '', session_id: null },
    );
    assert.notEqual((await read(user.id)).email_access_validated_at, null);
    const again = await post('/user/check-token', { token, purpose: 'verify-email' });
    assert.deepEqual(again.body.message, { token: ['This link has been used already. Ask for a new one.'] });

    const code = await codeFor(user);
    assert.match(code, /^(?!.*(\d)\1)\d{5}$/);
    const right = { code, code_type: 'sms' };
    const headers = { 'X-Notify-Client-Address': '192.0.2.7', 'X-Notify-Client-Browser': 'Firefox on Linux' };
    assert.equal((await post(`/user/${user.id}/verify/code`, right, headers)).status, 204);
    const used = await post(`/user/${user.id}/verify/code`, right);
    assert.deepEqual([used.status, used.body.message], [400, 'Code has expired']);
    assert.equal((await post(`/user/${user.id}/activate`)).body.data.state, 'active');
    const twice = await post(`/user/${user.id}/activate`);
    assert.deepEqual([twice.status, twice.body.message], [400, 'User already active']);

    const signedIn = await read(user.id);
    assert.notEqual(signedIn.logged_in_at, null);
    const { body } = await world.admin('GET', `/user/${user.id}/sessions`);
    const [session] = body.data;
    assert.equal(session.id, signedIn.current_session_id);
    assert.equal(session.browser, 'Firefox on Linux');
    assert.equal(session.address, '192.0.2.7');
  });

  test('a person with email codes needs no number and gets the five digits by email', async () => {
    const user = await register({ auth_type: 'email_auth', mobile_number: null });
    assert.equal((await post(`/user/${user.id}/sms-code`)).status, 400);
    assert.equal((await post(`/user/${user.id}/email-code`, { to: null })).status, 204);
    const code = codeIn(await received(user.email_address));
    assert.equal((await post(`/user/${user.id}/verify/code`, { code, code_type: 'sms' })).status, 404);
    assert.equal((await post(`/user/${user.id}/verify/code`, { code, code_type: 'email' })).status, 204);
    const { failed_login_count, current_session_id, email_access_validated_at } = await read(user.id);
    assert.equal(failed_login_count, 0);
    assert.ok(current_session_id && email_access_validated_at);
    const refused = await post(`/user/${user.id}`, { auth_type: 'sms_auth' });
    assert.equal(refused.body.message, 'Mobile number must be set if auth_type is set to sms_auth');
  });

  test('a right password is 204, a wrong one is counted, and growing waits end in a lock that ends by itself', async () => {
    const user = await register();
    const verify = (text: string) => post(`/user/${user.id}/verify/password`, { password: text });
    assert.equal((await verify(password)).status, 204);
    assert.deepEqual((await post(`/user/${user.id}/verify/password`)).body.message, {
      password: ['Required field missing data'],
    });
    for (let failed = 1; failed <= 10; failed++) {
      const wrong = await verify('guess');
      assert.deepEqual([wrong.status, wrong.body.message], [400, { password: ['Incorrect password'] }]);
      assert.equal((await read(user.id)).failed_login_count, failed);
      if (failed < 3 || failed === 10) continue;
      const early = await world.call('POST', `/user/${user.id}/verify/password`, {
        ...(await adminOptions()),
        body: { password },
      });
      assert.equal(early.status, 429);
      const seconds = Number(early.headers.get('retry-after'));
      assert.ok(seconds >= 1 && seconds <= 2 ** (failed - 3), `${seconds} seconds after ${failed}`);
      await world.advance(2 ** (failed - 3));
    }
    assert.equal((await verify(password)).status, 400);
    const code = await codeFor(user);
    const locked = await post(`/user/${user.id}/verify/code`, { code, code_type: 'sms' });
    assert.deepEqual([locked.status, locked.body.message], [404, 'Code not found']);
    assert.equal((await read(user.id)).failed_login_count, 10);
    await world.advance(3601);
    assert.equal((await read(user.id)).failed_login_count, 0);
    assert.equal((await verify(password)).status, 204);
  });

  async function adminOptions() {
    const { signToken } = await import('../../src/cli/client.ts');
    const { issuer, secret } = world.credentials.admin;
    const token = signToken(issuer, secret, world.clock.now());
    return { key: null, headers: { Authorization: `Bearer ${token}` } };
  }

  test('guesses at one time are counted one by one, so that no more than the free ones are looked at', async () => {
    const user = await register();
    const guesses = Array.from({ length: 20 }, (_, index) =>
      post(`/user/${user.id}/verify/password`, { password: `guess ${index}` }),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 400).length, 3);
    assert.equal(statuses.filter((status) => status === 429).length, 17);
  });

  test('a network that guesses at many people has to wait, and other networks do not', async () => {
    const headers = { 'X-Notify-Client-Address': '2001:db8:1:2::99' };
    const guess = (id: string, address: string) =>
      post(`/user/${id}/verify/password`, { password: 'guess' }, { 'X-Notify-Client-Address': address });
    const people = await Promise.all(Array.from({ length: 12 }, () => register()));
    for (const { id } of people.slice(0, 11))
      for (let index = 0; index < 2; index++) await guess(id, headers['X-Notify-Client-Address']);
    const { id } = people[11]!;
    assert.equal((await guess(id, '2001:db8:1:2:ffff::1')).status, 429);
    assert.equal((await guess(id, '2001:db8:1:3::1')).status, 400);
  });

  test('a code is refused after 30 minutes, and a sixth open one is not sent', async () => {
    const user = await register();
    for (let index = 0; index < 6; index++)
      assert.equal((await post(`/user/${user.id}/sms-code`)).status, 204);
    const { rows } = await world.connection.pool.query(
      'select count(*)::int from verify_codes where user_id = $1',
      [user.id],
    );
    assert.equal(rows[0].count, 5);
    const code = codeIn(await received(digits(user.mobile_number)));
    await world.advance(1801);
    const late = await post(`/user/${user.id}/verify/code`, { code, code_type: 'sms' });
    assert.deepEqual([late.status, late.body.message], [400, 'Code has expired']);
    assert.equal((await read(user.id)).failed_login_count, 1);
  });

  test('a code used twice at one time begins one session', async () => {
    const user = await register();
    const code = await codeFor(user);
    const answers = await Promise.all(
      [1, 2].map(() => post(`/user/${user.id}/verify/code`, { code, code_type: 'sms' })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 400]);
    assert.equal((await world.admin('GET', `/user/${user.id}/sessions`)).body.data.length, 1);
  });

  test('sessions are kept beside each other, end alone, and an ended one acts no longer', async () => {
    const user = await register({ state: 'active' });
    const desk = await signIn(user);
    const phone = await signIn(user);
    const as = (session: string) => ({ 'X-Notify-User-Id': user.id, 'X-Notify-Session-Id': session });
    const list = (session: string) => world.admin('GET', `/user/${user.id}/sessions`, undefined, as(session));
    const listed = (await list(desk)).body.data;
    assert.deepEqual(listed.map(({ id }: { id: string }) => id).sort(), [desk, phone].sort());
    assert.equal(listed.find(({ id }: { id: string }) => id === desk).is_current, true);

    await world.advance(120);
    const seen = listed.find(({ id }: { id: string }) => id === desk).seen_at;
    const later = (await list(desk)).body.data.find(({ id }: { id: string }) => id === desk).seen_at;
    assert.ok(later > seen);

    const end = `/user/${user.id}/sessions/${phone}`;
    assert.equal((await world.admin('DELETE', end, undefined, as(desk))).status, 204);
    assert.equal((await world.admin('DELETE', end, undefined, as(desk))).status, 404);
    const refused = await list(phone);
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.body.message, { token: ['The session of the acting user has ended'] });
    assert.equal((await read(user.id)).current_session_id, null);

    const other = await register({ state: 'active' });
    const stranger = { 'X-Notify-User-Id': other.id };
    assert.equal((await world.admin('GET', `/user/${user.id}`, undefined, stranger)).status, 403);
    assert.equal(
      (await list(desk)).status + (await world.admin('GET', '/events', undefined, as(desk))).status,
      200 + 403,
    );
    const stolen = { 'X-Notify-User-Id': other.id, 'X-Notify-Session-Id': desk };
    assert.equal((await world.admin('GET', `/user/${other.id}`, undefined, stolen)).status, 403);

    const third = await signIn(user);
    const changed = await post(`/user/${user.id}/update-password`, { _password: 'new one' }, as(desk));
    assert.equal(changed.status, 200);
    assert.equal((await list(desk)).status, 200);
    assert.equal((await list(third)).status, 403);
  });

  test('a forgotten password is replaced through the link that arrived, which a new password kills', async () => {
    const user = await register();
    const ask = async () => {
      assert.equal(
        (await post('/user/reset-password', { email: user.email_address.toUpperCase() })).status,
        204,
      );
      return tokenIn(await received(user.email_address), '/new-password/');
    };
    const first = await ask();
    await world.advance(1);
    assert.equal((await post('/user/check-token', { token: first, purpose: 'verify-email' })).status, 400);
    assert.equal((await post('/user/check-token', { token: first, purpose: 'reset-password' })).status, 200);
    const second = await ask();
    await world.advance(1);
    assert.equal((await post(`/user/${user.id}/update-password`, { _password: 'another' })).status, 200);
    const dead = await post('/user/check-token', { token: second, purpose: 'reset-password' });
    assert.deepEqual(dead.body.message, { token: ['This link is no longer valid. Ask for a new one.'] });
    assert.equal((await post(`/user/${user.id}/verify/password`, { password: 'another' })).status, 204);
    assert.equal((await post(`/user/${user.id}/verify/password`, { password })).status, 400);
    const third = await ask();
    await world.advance(3601);
    const late = await post('/user/check-token', { token: third, purpose: 'reset-password' });
    assert.deepEqual(late.body.message, { token: ['This link has expired. Ask for a new one.'] });
    const unknown = await post('/user/reset-password', { email: 'nobody@example.com' });
    assert.equal(unknown.status, 404);
  });

  test('of many uses of one link at one time, one succeeds; a changed token is no token', async () => {
    const user = await register();
    await post('/user/reset-password', { email: user.email_address });
    const token = tokenIn(await received(user.email_address), '/new-password/');
    const changed = `${token.slice(0, 60)}${token[60] === 'A' ? 'B' : 'A'}${token.slice(61)}`;
    for (const bad of [changed, token.slice(0, -4), '', 'x', '🦊']) {
      const { status, body } = await post('/user/check-token', { token: bad, purpose: 'reset-password' });
      assert.equal(status, 400);
      assert.match(body.message.token[0], /^Something’s wrong with this link/);
    }
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post('/user/check-token', { token, purpose: 'reset-password' })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...new Array(7).fill(400)]);
  });

  test('a link to sign in begins a session once', async () => {
    const user = await register();
    const { body } = await post(`/user/${user.id}/sign-in-link`);
    const token = tokenIn(body.data.url, '/first/');
    const { data } = (await post('/user/check-token', { token, purpose: 'sign-in' })).body;
    assert.equal((await read(user.id)).current_session_id, data.session_id);
    assert.equal((await post('/user/check-token', { token, purpose: 'sign-in' })).status, 400);
  });

  test('a new address is confirmed at that address, and somebody who is registered already is told so', async () => {
    const user = await register();
    const email = 'Rowan.New@example.com';
    assert.equal((await post(`/user/${user.id}/change-email-verification`, { email })).status, 204);
    const token = tokenIn(await received(email), '/user-profile/email/confirm/');
    const { data } = (await post('/user/check-token', { token, purpose: 'change-email' })).body;
    assert.deepEqual([data.user_id, data.email], [user.id, email]);
    const { body } = await post(`/user/${user.id}`, { email_address: email });
    assert.equal(body.data.email_address, email);
    assert.equal((await post('/user/email', { email: email.toLowerCase() })).body.data.id, user.id);
    const events = (await world.admin('GET', '/events?type=update_user')).body.events;
    const event = events.find((one: any) => one.subject_id === user.id);
    assert.deepEqual(event.data, {
      before: { email_address: user.email_address },
      after: { email_address: email },
    });

    assert.equal((await post(`/user/${randomUUID()}/email-already-registered`, { email })).status, 204);
    const text = await received(email);
    for (const path of ['/sign-in', '/forgot-password']) assert.ok(text.includes(path));
  });

  const wrong: readonly (readonly [string, object, object])[] = [
    ['no name', { name: '' }, { name: ['Invalid name'] }],
    ['a bad address', { email_address: 'rowan' }, { email_address: ['Not a valid email address'] }],
    ['no password', { password: undefined }, { password: ['Missing data for required field.'] }],
    ['an empty password', { password: '' }, { password: ['Invalid data for field'] }],
    ['no number', { mobile_number: undefined }, { mobile_number: ['Missing data for required field.'] }],
    [
      'a bad number',
      { mobile_number: '0770' },
      { mobile_number: ['Invalid phone number: Mobile number is too short'] },
    ],
    ['an unknown state', { state: 'asleep' }, { state: ['Not a valid choice.'] }],
    ['a null character', { name: 'a\0b' }, { name: ['Invalid name'] }],
  ];
  for (const [title, change, message] of wrong)
    test(`${title} is refused under its field when a person is added`, async () => {
      const { status, body } = await world.admin('POST', '/user', person(change));
      assert.deepEqual([status, body.message], [400, message]);
    });

  test('of two people who take one address at one time, in any case, one gets 201 and one the clear error', async () => {
    const given = person();
    const upper = { ...given, email_address: given.email_address.toUpperCase() };
    const answers = await Promise.all([given, upper].map((one) => world.admin('POST', '/user', one)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 400]);
    const refused = answers.find(({ status }) => status === 400)!;
    assert.deepEqual(refused.body.message, { email_address: ['Email address already in use'] });
    const other = await register();
    const change = await post(`/user/${other.id}`, { email_address: given.email_address });
    assert.deepEqual(
      [change.status, change.body.message],
      [400, { email_address: ['Email address already in use'] }],
    );
  });

  test('fields that a person does not have, and making an operator, are refused; a replacement sets state and password', async () => {
    const user = await register({ platform_admin: true });
    assert.equal((await read(user.id)).platform_admin, false);
    const unknown = await post(`/user/${user.id}`, { password });
    assert.deepEqual(unknown.body.message, { _schema: ['Unknown field name password'] });
    const operator = await post(`/user/${user.id}`, { platform_admin: true });
    assert.deepEqual(operator.body.message, { platform_admin: ['Cannot set platform_admin to True'] });
    const { name, email_address, mobile_number } = user;
    const body = { name, email_address, mobile_number, state: 'active', password: 'replaced', id: 'ignored' };
    const replaced = await world.admin('PUT', `/user/${user.id}`, body);
    assert.deepEqual([replaced.status, replaced.body.data.state], [200, 'active']);
    assert.equal((await post(`/user/${user.id}/verify/password`, { password: 'replaced' })).status, 204);
    const v2 = await post(`/user/${user.id}/verify/code`, { code: '12345', extra: 1 });
    assert.deepEqual(
      v2.body.errors.map(({ message }: { message: string }) => message),
      ['code_type is a required property', 'Additional properties are not allowed (extra was unexpected)'],
    );
  });

  test('people are listed and found by a part of the name or address', async () => {
    const user = await register({ name: 'Isolde 50%_off' });
    const found = await world.admin('GET', `/user?search=${encodeURIComponent('olde 50%_')}`);
    assert.deepEqual(
      found.body.data.map(({ id }: { id: string }) => id),
      [user.id],
    );
    const next = await world.admin('GET', `/user?older_than=${user.id}`);
    assert.ok(!next.body.data.some(({ id }: { id: string }) => id === user.id));
    const part = user.email_address.slice(0, -8).toUpperCase();
    const byPart = await post('/user/find-users-by-email', { email: part });
    assert.deepEqual(byPart.body.data, [
      { id: user.id, name: user.name, email_address: user.email_address, mobile_number: user.mobile_number },
    ]);
    const none = await world.admin('GET', '/user/email');
    assert.equal(none.body.message, 'Invalid request. Email query string param required');
  });

  test('an archived person is out of every team and signs in no more, unless a service would be left alone', async () => {
    const { db } = world.connection;
    const [user, other] = [await register({ state: 'active' }), await register({ state: 'active' })];
    const { id: serviceId } = await world.addTenant();
    const join = (user_id: string) =>
      db.insertInto('service_users').values({ service_id: serviceId, user_id }).execute();
    await join(user.id);
    const alone = await post(`/user/${user.id}/archive`);
    assert.deepEqual([alone.status, alone.body.message], [400, 'User cannot be removed from a service']);
    await join(other.id);
    const permit = (permissions: string[]) =>
      db.updateTable('service_users').set({ permissions }).where('user_id', '=', user.id).execute();
    await permit(['manage_users']);
    assert.equal((await post(`/user/${user.id}/archive`)).status, 400, 'nobody else can manage the team');
    await permit([]);
    const both = await Promise.all([user, other].map(({ id }) => post(`/user/${id}/archive`)));
    assert.deepEqual(both.map(({ status }) => status).sort(), [204, 400]);
    const archived = both[0]!.status === 204 ? user : other;
    const shown = await read(archived.id);
    assert.deepEqual([shown.name, shown.state, shown.mobile_number], ['Archived user', 'inactive', null]);
    assert.match(shown.email_address, /^_archived_[\d-]+_[\w-]+@example\.com$/);
    assert.equal((await post(`/user/${archived.id}/verify/password`, { password })).status, 400);
  });
});
