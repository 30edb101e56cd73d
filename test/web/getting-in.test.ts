import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';

const password = 'an unusual passphrase';
const hostile = `<img src=x onerror=alert(1)>"'&`;

suite('getting in (spec 07, section 4; spec 04, section 3.7)', () => {
  let world: WebWorld;
  before(async () => {
    world = await createWebWorld({
      WEB_REGISTRATION: 'harbour.example',
      WEB_CONTACT: 'help@harbour.example',
    });
  });
  after(() => world.stop());

  const newAddress = () => `kim.${randomUUID().slice(0, 8)}@harbour.example`;
  const addressOf = async (userId: string) =>
    (await world.admin('GET', `/user/${userId}`)).body.data.email_address as string;
  const stateOf = async (email: string) =>
    (await world.admin('POST', '/user/email', { email })).body.data.state as string;
  const invite = async (email: string, more: object = {}) => {
    const inviter = await world.addUser(['manage_users']);
    const { body, status } = await world.admin('POST', `/service/${world.tenant.id}/invite`, {
      ...{ email_address: email, from_user: inviter, permissions: 'send_texts,view_activity', ...more },
    });
    assert.equal(status, 201);
    return { id: body.data.id as string, path: await world.linkFor(email, '/invitation/') };
  };
  const person = { name: 'Kim Quay', mobile: '07700 900 333', password };
  const isIn = async (visitor: Visitor) => (await visitor.get('/services')).status === 200;

  test('somebody of an allowed domain registers, proves address and phone, and is in', async () => {
    const email = newAddress();
    const visitor = world.stranger();
    const sent = await visitor.submit('/register', { ...person, name: hostile, email });
    assert.equal(sent.location, '/register/sent');
    assert.equal(await stateOf(email), 'pending');
    const path = await world.linkFor(email, '/verify-email/');
    assert.equal((await world.stranger().get(path)).status, 200);
    const proved = await visitor.submit(path, {});
    assert.equal(proved.location, '/sign-in/code');
    assert.equal(await stateOf(email), 'pending');
    const done = await visitor.submit('/sign-in/code', { code: await world.codeFor('447700900333') });
    assert.equal(done.location, '/services');
    assert.equal(await stateOf(email), 'active');
    const seen = await visitor.get('/account');
    assert.ok(seen.text.includes('&lt;img src=x onerror=alert(1)&gt;&quot;'), 'the name is shown as text');
    assert.ok(!seen.text.includes('<img src=x'));
    assert.equal((await world.stranger().get(path)).status, 400);
  });

  test('whoever has no mobile gets in by the link of the mail, and later by a code in a mail', async () => {
    const email = newAddress();
    const visitor = world.stranger();
    await visitor.submit('/register', { ...person, mobile: '', email });
    const done = await visitor.submit(await world.linkFor(email, '/verify-email/'), {});
    assert.equal(done.location, '/services');
    assert.ok(await isIn(visitor));
    const later = world.stranger();
    assert.equal((await later.submit('/sign-in', { email, password })).location, '/sign-in/code');
    const code = await world.codeFor(email);
    assert.equal((await later.submit('/sign-in/code', { code })).location, '/services');
  });

  test('registering says the same whether or not the address has an account; only its mail tells', async () => {
    const email = await addressOf(await world.addUser(['view_activity']));
    const sent = await world.stranger().submit('/register', { ...person, email: email.toUpperCase() });
    assert.equal(sent.location, '/register/sent');
    assert.match(await world.received(email.toUpperCase()), /\/forgot-password/);
  });

  test('each fault of the form is named at its field, and what was typed stays', async () => {
    for (const [fields, said] of [
      [{ email: 'kim@elsewhere.example' }, /Enter an address that ends in harbour\.example/],
      [{ email: '' }, /Enter your email address/],
      [{ name: ' ' }, /Enter your name/],
      [{ mobile: '12' }, /Invalid phone number/],
      [{ password: 'short' }, /at least 8 characters/],
      [{ password: 'password1' }, /harder to guess/],
    ] as const) {
      const { status, text, title } = await world
        .stranger()
        .submit('/register', { ...person, email: newAddress(), name: 'Kim <b>', ...fields });
      assert.equal(status, 400);
      assert.match(text, said);
      assert.match(title, /^Error: /);
      if (!('name' in fields)) assert.ok(text.includes('value="Kim &lt;b&gt;"'));
      assert.ok(!text.includes(person.password), 'a password is never sent back');
    }
  });

  test('a forgotten password is replaced after the second step, which ends the other sessions', async () => {
    const owner = await world.person(everyPermission);
    const email = await addressOf(owner.userId!);
    const visitor = world.stranger();
    assert.equal((await visitor.submit('/forgot-password', { email })).location, '/forgot-password/sent');
    const path = await world.linkFor(email, '/new-password/');
    assert.equal((await visitor.submit(path, {})).location, '/sign-in/code');
    const code = await world.codeFor('447700900321');
    const onward = await visitor.submit('/sign-in/code', { code });
    assert.equal(onward.location, path);
    assert.equal((await visitor.submit(path, { password: 'password' })).status, 400);
    const done = await visitor.submit(path, { password: 'another unusual passphrase' });
    assert.equal(done.location, '/services');
    await world.until(
      () => isIn(owner),
      (value) => !value,
    );
    assert.ok(await isIn(visitor));
    assert.equal((await world.stranger().get(path)).status, 400);
    const { status } = await world.admin('POST', `/user/${owner.userId}/verify/password`, {
      password: 'another unusual passphrase',
    });
    assert.equal(status, 204);
  });

  test('an unknown address is told the same, and gets nothing', async () => {
    const email = `nobody.${randomUUID()}@harbour.example`;
    const { location } = await world.stranger().submit('/forgot-password', { email });
    assert.equal(location, '/forgot-password/sent');
    await assert.rejects(() => world.received(email));
    const wrong = await world.stranger().submit('/forgot-password', { email: 'not an address' });
    assert.equal(wrong.status, 400);
  });

  test('whoever is locked by wrong tries gets a mail that unlocks by a new password', async () => {
    const userId = await world.addUser(everyPermission);
    const email = await addressOf(userId);
    await world.connection.pool.query(
      'update users set failed_login_count = 9, failed_at = now() - make_interval(mins => 30) where id = $1',
      [userId],
    );
    const wrong = await world.stranger().submit('/sign-in', { email, password: 'a wrong passphrase' });
    assert.equal(wrong.status, 400);
    const locked = await world.stranger().submit('/sign-in', { email, password });
    assert.match(locked.text, /The email address or password you entered is incorrect\./);
    const visitor = world.stranger();
    const path = await world.linkFor(email, '/new-password/');
    assert.equal((await visitor.submit(path, {})).location, '/sign-in/code');
    const code = await world.codeFor('447700900321');
    assert.equal((await visitor.submit('/sign-in/code', { code })).location, path);
  });

  test('whoever is invited and has no account makes one in the same step', async () => {
    const email = newAddress();
    const { path } = await invite(email);
    const visitor = world.stranger();
    const seen = await visitor.get(path);
    assert.match(seen.text, /Sam Ferry/);
    assert.match(seen.text, /see messages and figures/);
    assert.equal((await visitor.submit(path, { ...person, name: '' })).status, 400);
    assert.equal((await visitor.submit(path, person)).location, '/sign-in/code');
    const code = await world.codeFor('447700900333');
    const done = await visitor.submit('/sign-in/code', { code });
    assert.equal(done.location, `/services/${world.tenant.id}`);
    const { body } = await world.admin('POST', '/user/email', { email });
    assert.deepEqual(body.data.permissions[world.tenant.id].toSorted(), ['send_texts', 'view_activity']);
    const used = await world.stranger().get(path);
    assert.equal(used.status, 400);
    assert.match(used.text, /has been accepted already/);
    assert.equal((await visitor.get(path)).location, `/services/${world.tenant.id}`);
  });

  test('whoever began to register and is invited ends with one account', async () => {
    const email = newAddress();
    await world.stranger().submit('/register', { ...person, email });
    const { path } = await invite(email);
    const visitor = world.stranger();
    const done = await visitor.submit(path, { ...person, mobile: '', name: 'Kim Anew' });
    assert.equal(done.location, `/services/${world.tenant.id}`);
    const { body } = await world.admin('POST', '/user/email', { email });
    assert.equal(body.data.name, 'Kim Anew');
    assert.equal(body.data.state, 'active');
  });

  test('whoever is invited and has an account signs in and joins; somebody else cannot', async () => {
    const other = await world.addTenant({});
    const userId = await world.addUser(['view_activity'], other.id);
    const email = await addressOf(userId);
    const { path } = await invite(email.toUpperCase());
    const known = await world.stranger().get(path);
    assert.ok(known.text.includes(`${path}/join`));
    const asked = await world.stranger().get(`${path}/join`);
    assert.match(asked.location ?? '', /^\/sign-in\?onward=/);
    const stranger = await world.person(['view_activity'], other.id);
    const refused = await stranger.get(path);
    assert.equal(refused.status, 403);
    assert.match(refused.text, /signed in with another address/);
    const reader = world.stranger();
    await reader.submit(new URL(await world.signInLink(userId)).pathname, {});
    const joined = await reader.submit(path, {}, `${path}/join`);
    assert.equal(joined.location, `/services/${world.tenant.id}`);
  });

  test('an invitation that is withdrawn, expired, gone or mistyped says what to do', async () => {
    const withdrawn = await invite(newAddress());
    await world.admin('POST', `/service/${world.tenant.id}/invite/${withdrawn.id}`, { status: 'cancelled' });
    assert.match((await world.stranger().get(withdrawn.path)).text, /was withdrawn/);
    const gone = await invite(newAddress());
    await world.connection.pool.query('delete from invites where id = $1', [gone.id]);
    assert.match((await world.stranger().get(gone.path)).text, /no longer there/);
    const late = await invite(newAddress());
    await world.connection.pool.query(
      `update invites set created_at = created_at - interval '3 days' where id = $1`,
      [late.id],
    );
    assert.match((await world.stranger().get(late.path)).text, /has expired/);
    assert.match((await world.stranger().get('/invitation/x')).text, /Something’s wrong with this link/);
    // The id of an invite is no token, however it is written.
    for (const path of [`/invitation/service%2F${late.id}`, `/invitation/service%252F${late.id}`])
      assert.equal((await world.stranger().get(path)).status, 400);
  });

  test('a new address is proved by a link, under both of its paths', async () => {
    for (const [index, path] of ['/your-account/email/confirm/', '/user-profile/email/confirm/'].entries()) {
      const reader = await world.person(['view_activity']);
      const email = newAddress();
      const sent = await reader.submit('/account/email', { email });
      assert.equal(sent.location, '/account', `${index}`);
      const link = await world.linkFor(email, '/(your-account|user-profile)/email/confirm/');
      const token = link.split('/').at(-1)!;
      assert.equal((await world.stranger().get(path + token)).status, 200);
      const done = await reader.submit(path + token, {});
      assert.equal(done.location, '/account');
      assert.equal(await addressOf(reader.userId!), email);
      assert.equal((await world.stranger().get(path + token)).status, 400);
    }
  });

  test('mails lead to a page that says how those who run the installation are reached', async () => {
    const { text, status } = await world.stranger().get('/feedback');
    assert.equal(status, 200);
    assert.match(text, /mailto:help@harbour\.example/);
  });

  test('signing in again while signed in works, as the notice before the end of a session offers', async () => {
    const reader = await world.person(['view_activity']);
    const email = await addressOf(reader.userId!);
    const sent = await reader.submit('/sign-in', { email, password });
    assert.equal(sent.location, '/sign-in/code');
    const code = await world.codeFor('447700900321');
    assert.equal((await reader.submit('/sign-in/code', { code })).location, '/services');
  });
});

test('where nobody may register, the page says how to get in', async () => {
  const world = await createWebWorld();
  try {
    const { status, text } = await world.stranger().get('/register');
    assert.equal(status, 403);
    assert.match(text, /You need an invitation/);
    assert.equal((await world.stranger().get('/help')).status, 200);
  } finally {
    await world.stop();
  }
});
