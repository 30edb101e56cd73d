import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type WebWorld } from '../support/web.ts';

suite('one’s account and services (spec 07, section 6)', () => {
  let world: WebWorld;
  before(async () => {
    world = await createWebWorld();
  });
  after(() => world.stop());
  const userOf = async (id: string | null) => (await world.admin('GET', `/user/${id}`)).body.data;

  test('the name is changed', async () => {
    const reader = await world.person([]);
    assert.equal((await reader.submit('/account/name', { name: ' ' })).status, 400);
    await reader.submit('/account/name', { name: 'Kim <b>Quay</b>' });
    const { text } = await reader.get('/account');
    assert.ok(text.includes('Kim &lt;b&gt;Quay&lt;/b&gt;'));
    assert.match(text, /Your name is changed/);
  });

  test('a new address that somebody has is refused, and so is one’s own', async () => {
    const reader = await world.person([]);
    const other = (await userOf(await world.addUser([]))).email_address as string;
    const own = (await userOf(reader.userId)).email_address as string;
    for (const [email, said] of [
      [other.toUpperCase(), /Somebody has this email address already/],
      [own, /This is your address already/],
      ['nowhere', /in the correct format/],
      ['', /Enter your new email address/],
    ] as const) {
      const { status, text } = await reader.submit('/account/email', { email });
      assert.equal(status, 400);
      assert.match(text, said);
    }
  });

  test('a new mobile number is proved by a code that went to it, or given up', async () => {
    const reader = await world.person([]);
    assert.equal((await reader.submit('/account/mobile', { mobile: '12' })).status, 400);
    const sent = await reader.submit('/account/mobile', { mobile: '07700 900 888' });
    assert.equal(sent.location, '/account/mobile/code');
    const code = await world.codeFor('447700900888');
    const wrong = await reader.submit('/account/mobile/code', { code: code === '12345' ? '54321' : '12345' });
    assert.equal(wrong.status, 400);
    assert.equal((await userOf(reader.userId)).mobile_number, '07700 900 321');
    const done = await reader.submit('/account/mobile/code', { code });
    assert.equal(done.location, '/account');
    assert.equal((await userOf(reader.userId)).mobile_number, '07700 900 888');
    await reader.submit('/account/mobile', { none: '1' });
    const { mobile_number, auth_type } = await userOf(reader.userId);
    assert.deepEqual([mobile_number, auth_type], [null, 'email_auth']);
  });

  test('a new password signs out everywhere else', async () => {
    const reader = await world.person([]);
    const elsewhere = world.stranger();
    await elsewhere.submit(new URL(await world.signInLink(reader.userId!)).pathname, {});
    assert.equal((await reader.submit('/account/password', { password: 'password' })).status, 400);
    await reader.submit('/account/password', { password: 'another unusual passphrase' });
    await world.until(
      () => elsewhere.get('/account'),
      ({ status }) => status === 303,
    );
    assert.equal((await reader.get('/account')).status, 200);
  });

  test('sessions are listed and ended, one or all others; somebody else’s is not found', async () => {
    const reader = await world.person([]);
    const others = [world.stranger(), world.stranger()];
    for (const other of others)
      await other.submit(new URL(await world.signInLink(reader.userId!)).pathname, {});
    const { text } = await reader.get('/account');
    const ids = [...text.matchAll(/name="session" value="([^"]+)"/g)].map(([, id]) => id!);
    assert.equal(ids.length, 2);
    assert.equal((await reader.submit('/account', { session: ids[0]! }, '/account/sessions')).status, 303);
    await world.until(
      () => Promise.all(others.map((other) => other.get('/account'))),
      (seen) => seen.filter(({ status }) => status === 303).length === 1,
    );
    const foreign = await reader.submit('/account', { session: randomUUID() }, '/account/sessions');
    assert.equal(foreign.status, 404);
    await reader.submit('/account', {}, '/account/sessions');
    await world.until(
      () => Promise.all(others.map((other) => other.get('/account'))),
      (seen) => seen.every(({ status }) => status === 303),
    );
    const after = await reader.get('/account');
    assert.equal(after.status, 200);
    assert.match(after.text, /Your last sign-ins/);
    assert.match(after.text, /Ended/);
  });

  test('zone and colours are kept in the browser, sealed, and pages follow them', async () => {
    const reader = await world.person([]);
    const { text } = await reader.get('/account');
    assert.match(text, /G(MT|B)|BST/);
    const wrong = await reader.submit('/account/look', { zone: 'Atlantis', theme: 'pink' });
    assert.equal(wrong.status, 400);
    await reader.submit('/account/look', { zone: 'Asia/Tokyo', theme: 'dark' });
    assert.ok(!reader.cookies.get('despatch-look')!.includes('Tokyo'));
    const dark = await reader.get('/account');
    assert.match(dark.text, /GMT\+9/);
    assert.match(dark.text, /name="color-scheme" content="dark"/);
    const style = /href="(\/assets\/despatch-dark[^"]+)"/.exec(dark.text)![1]!;
    const sheet = (await reader.get(style)).text;
    assert.ok(!sheet.includes('prefers-color-scheme'));
    await reader.submit('/account/look', { zone: 'Europe/London', theme: 'light' });
    assert.match((await reader.get('/account')).text, /\/assets\/despatch-light/);
  });

  test('one’s services show what was sent and failed today to whoever may see it', async () => {
    const { id, keys, templates } = await world.addTenant({});
    const send = (phone: string) =>
      world.call('POST', '/v2/notifications/sms', {
        key: keys.normal,
        body: {
          ...{ template_id: templates.sms, phone_number: phone },
          personalisation: { name: 'Kim', time: '10:00' },
        },
      });
    for (const phone of ['07700900123', '07811111111']) assert.equal((await send(phone)).status, 201);
    await world.drain();
    const cells = (text: string) =>
      [...text.matchAll(/cell--numeric" data-label="[^"]+">([^<]*)</g)].map(([, value]) => value);
    const viewer = await world.person(['view_activity'], id);
    await world.until(
      () => viewer.get('/services'),
      ({ text }) => cells(text)[0] === '2',
    );
    const writer = await world.person(['manage_templates'], id);
    assert.deepEqual(cells((await writer.get('/services')).text), ['–', '–']);
    const operator = await world.person('operator');
    assert.match((await operator.get('/services')).text, /You are not in the team of any service yet/);
  });

  test('a service is added in trial, once however often the form is sent; taken names are refused', async () => {
    const reader = await world.person([], (await world.addTenant({})).id);
    const name = `Pier ${randomUUID().slice(0, 8)}`;
    assert.equal((await reader.submit('/services/add', { name: '' })).status, 400);
    const added = await reader.submit('/services/add', { name });
    const id = added.location!.split('/').at(-1)!;
    const { body } = await world.admin('GET', `/service/${id}`);
    assert.deepEqual([body.data.name, body.data.restricted, body.data.sms_message_limit], [name, true, 50]);
    assert.equal((await userOf(reader.userId)).permissions[id].length >= everyPermission.length, true);
    const taken = await reader.submit('/services/add', { name });
    assert.equal(taken.status, 400);
    assert.match(taken.text, /There is a service with this name already/);
    const asked = await reader.submit('/services/add', { name: 'Порт' });
    assert.equal(asked.status, 400);
    assert.match(asked.text, /name="from"/);
    const named = await reader.submit('/services/add', { name: 'Порт', from: 'port' });
    assert.equal(named.status, 303);
  });

  test('services are filtered by a part of their name', async () => {
    const one = await world.addTenant({});
    const reader = await world.person([], one.id);
    const { text } = await reader.get(`/services?name=${one.id.slice(0, 8)}`);
    assert.ok(text.includes(`/services/${one.id}"`));
    const none = await reader.get('/services?name=%3Cb%3E');
    assert.match(none.text, /None of your services has this in its name/);
    assert.ok(none.text.includes('value="&lt;b&gt;"'));
  });

  test('help, its topics and the accessibility statement are there for everybody', async () => {
    const stranger = world.stranger();
    const { text } = await stranger.get('/help');
    const topics = [...text.matchAll(/href="(\/help\/[^"]+)"/g)].map(([, path]) => path!);
    assert.equal(topics.length, 4);
    for (const path of [...topics, '/accessibility', '/feedback'])
      assert.equal((await stranger.get(path)).status, 200);
    assert.equal((await stranger.get('/help/nothing')).status, 404);
  });
});
