import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type WebWorld } from '../support/web.ts';

suite('signing in (spec 07, section 4)', () => {
  let world: WebWorld;
  before(async () => {
    world = await createWebWorld();
  });
  after(() => world.stop());

  test('a link signs in once, by its button and not by being looked at', async () => {
    const userId = await world.addUser(everyPermission);
    const path = new URL(await world.signInLink(userId)).pathname;
    const scanner = world.stranger();
    assert.equal((await scanner.get(path)).status, 200);
    const reader = world.stranger();
    const signedIn = await reader.submit(path, {});
    assert.equal(signedIn.status, 303);
    assert.equal((await reader.get('/services')).status, 200);
    const late = await world.stranger().get(path);
    assert.equal(late.status, 400);
    assert.match(late.text, /has been used already/);
  });

  test('a password and the code from the sandbox sign in, and lead on to where one was', async () => {
    const userId = await world.addUser(everyPermission);
    const { body } = await world.admin('GET', `/user/${userId}`);
    const reader = world.stranger();
    const asked = await reader.get('/services?page=1');
    assert.match(asked.location ?? '', /^\/sign-in\?onward=/);
    const form = await reader.get(asked.location!);
    const onward = /name="_onward" value="([^"]+)"/.exec(form.text)![1]!;
    const sent = await reader.submit('/sign-in', {
      email: body.data.email_address.toUpperCase(),
      password: 'an unusual passphrase',
      _onward: onward,
    });
    assert.equal(sent.location, '/sign-in/code');
    const code = await world.until(
      async () => {
        const { messages } = await world.sandbox('/messages?type=sms&q=321');
        return (
          /^\D*(\d{5}) is your sign-in code/.exec(messages[0]?.body ?? messages[0]?.content ?? '')?.[1] ??
          null
        );
      },
      (value) => value !== null,
    );
    const wrong = await reader.submit('/sign-in/code', { code: code === '12345' ? '54321' : '12345' });
    assert.equal(wrong.status, 400);
    const done = await reader.submit('/sign-in/code', { code: ` ${code} ` });
    assert.equal(done.location, '/services?page=1');
    assert.equal((await reader.get('/services')).status, 200);
  });

  test('a wrong password, an unknown address and a pending person get the same words', async () => {
    const userId = await world.addUser(everyPermission);
    const { body } = await world.admin('GET', `/user/${userId}`);
    const answers = await Promise.all(
      [
        [body.data.email_address, 'a wrong passphrase'],
        ['nobody@harbour.example', 'an unusual passphrase'],
      ].map(async ([email, password]) => {
        const { status, text } = await world
          .stranger()
          .submit('/sign-in', { email: email!, password: password! });
        return [status, /The email address or password you entered is incorrect\./.test(text)];
      }),
    );
    assert.deepEqual(answers, [
      [400, true],
      [400, true],
    ]);
  });

  test('signing out ends the session everywhere it is known', async () => {
    const reader = await world.person(everyPermission);
    const copy = world.stranger();
    for (const [name, value] of reader.cookies) copy.cookies.set(name, value);
    assert.equal((await copy.get('/services')).status, 200);
    assert.equal((await reader.submit('/services', {}, '/sign-out')).status, 303);
    await world.until(
      () => copy.get('/services'),
      ({ status }) => status === 303,
    );
  });

  test('a form without a token, with another’s, or from another site does nothing', async () => {
    const reader = await world.person(everyPermission);
    const other = await world.person(everyPermission);
    const { text } = await other.get('/services');
    const foreign = /name="_token" value="([^"]+)"/.exec(text)![1]!;
    assert.equal((await reader.post('/sign-out', '')).status, 403);
    assert.equal((await reader.post('/sign-out', `_token=${foreign}`)).status, 403);
    const own = /name="_token" value="([^"]+)"/.exec((await reader.get('/services')).text)![1]!;
    const crossSite = { 'sec-fetch-site': 'cross-site' };
    assert.equal((await reader.post('/sign-out', `_token=${own}`, crossSite)).status, 403);
    assert.equal((await reader.get('/services')).status, 200);
  });

  test('a form that was filled in when the session ended is kept, and sent after signing in', async () => {
    const reader = await world.person(everyPermission);
    reader.cookies.delete('despatch-session');
    const refused = await reader.post('/sign-out', 'answer=%3Cb%3Ekept%3C%2Fb%3E');
    assert.equal(refused.status, 401);
    assert.match(refused.text, /What you filled in is kept/);
  });

  test('only our own hosts are answered, whatever DNS says', async () => {
    const { status } = await new Promise<{ status: number }>((resolve, reject) => {
      import('node:http').then(({ get }) => {
        get(`${world.webUrl}/sign-in`, { headers: { host: 'evil.example' } }, (response) => {
          response.resume();
          resolve({ status: response.statusCode! });
        }).on('error', reject);
      });
    });
    assert.equal(status, 421);
  });
});
