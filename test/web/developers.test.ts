import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { accept, type Receiver, receiver, refuse, token } from '../support/callback-receiver.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { pasted } from './pasted.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;
const shownHostile = '&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;';

/** The text of an element that is shown to be copied. */
function copied(text: string, id: string): string {
  const found = new RegExp(`<pre [^>]*id="${id}"[^>]*>([^<]*)</pre>`).exec(text)?.[1];
  assert.ok(found !== undefined, `nothing to copy with the id ${id}`);
  return found
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

suite('developers: keys and callbacks (spec 07, section 6)', () => {
  let world: WebWorld;
  let back: Receiver;
  let base: string;
  let developer: Visitor;
  before(async () => {
    back = await receiver(accept);
    world = await createWebWorld({ CALLBACK_ALLOW_PRIVATE: '1' });
    base = `/services/${world.tenant.id}/developers`;
    developer = await world.person(['manage_api_keys', 'view_activity']);
  });
  after(async () => {
    await world?.stop();
    back?.stop();
  });

  const keyNamed = async (name: string) => {
    const { body } = await world.admin('GET', `/service/${world.tenant.id}/api-keys`);
    return body.apiKeys.filter((one: { name: string }) => one.name === name);
  };

  test('a key is made and shown once, and its first call arrives on the page that waits for it', async () => {
    const made = await developer.submit(`${base}/keys/add`, { name: 'Booking system', type: 'test' });
    assert.equal(made.status, 200);
    const full = copied(made.text, 'key');
    assert.match(full, new RegExp(`^booking_system-${world.tenant.id}-[0-9a-f-]{36}$`));
    assert.match(copied(made.text, 'environment'), new RegExp(`^DESPATCH_API_KEY=${full}$`, 'm'));
    assert.doesNotMatch(made.title, /booking/i);
    const [key] = await keyNamed('Booking system');
    const page = `${base}/keys/${key.id}`;
    assert.ok(made.text.includes(`data-live="${page}"`));
    assert.match((await developer.get(page)).text, /Waiting for the first call/);

    const answer = JSON.parse(await pasted(copied(made.text, 'call-curl')));
    assert.equal(answer.template.id, world.tenant.templates.sms);
    const seen = await world.until(
      () => developer.get(page),
      ({ text }) => /Its calls arrive/.test(text),
    );
    assert.ok(!seen.text.includes(full.slice(-36)), 'the secret is shown again');
    assert.ok(seen.text.includes(`/messages/${answer.id}`));
    const live = await developer.get(`${page}?_live=0`);
    assert.match(live.text, /id="first-call"[\s\S]*A call with this key has arrived/);
  });

  test('a form for a key that is sent twice makes one key, and shows the same', async () => {
    const form = await developer.get(`${base}/keys/add`);
    const hidden = ['_token', '_form'].map(
      (name) =>
        `${name}=${new RegExp(`name="${name}" value="([^"]+)"`).exec(form.text.slice(form.text.indexOf('<main')))![1]}`,
    );
    const body = [...hidden, 'name=Twice', 'type=team'].join('&');
    const [one, other] = [
      await developer.post(`${base}/keys/add`, body),
      await developer.post(`${base}/keys/add`, body),
    ];
    assert.equal(copied(one.text, 'key'), copied(other.text, 'key'));
    assert.equal((await keyNamed('Twice')).length, 1);
  });

  test('a key without a name or type, or with a name that is taken, is refused in the form', async () => {
    const empty = await developer.submit(`${base}/keys/add`, {});
    assert.equal(empty.status, 400);
    assert.match(empty.title, /^Error: /);
    assert.match(empty.text, /Enter a name for the key/);
    assert.match(empty.text, /Choose what the key may do/);
    const taken = await developer.submit(`${base}/keys/add`, { name: 'a team key', type: 'test' });
    assert.equal(taken.status, 400);
    assert.match(taken.text, /A key with this name exists: choose another name/);
    assert.match(taken.text, /value="a team key"/);
    const long = await developer.submit(`${base}/keys/add`, { name: 'x'.repeat(300), type: 'test' });
    assert.match(long.text, /The name must have 255 characters or fewer/);
  });

  test('a service in trial mode is not offered a live key', async () => {
    await world.connection.pool.query('update services set restricted = true where id = $1', [
      world.tenant.id,
    ]);
    try {
      const refused = await world.until(
        () => developer.submit(`${base}/keys/add`, { name: 'Live', type: 'normal' }),
        ({ status }) => status === 400,
      );
      assert.match(refused.text, /Not while this service is in trial mode/);
    } finally {
      await world.connection.pool.query('update services set restricted = false where id = $1', [
        world.tenant.id,
      ]);
    }
  });

  test('a key is changed with 24 hours of overlap: both work, and the old one’s end is shown', async () => {
    await developer.submit(`${base}/keys/add`, { name: 'Moved', type: 'test' });
    const [old] = await keyNamed('Moved');
    const asked = await developer.get(`${base}/keys/${old.id}/change`);
    assert.match(asked.text, /Nothing has ever used it/);
    const changed = await developer.submit(`${base}/keys/${old.id}/change`, {});
    assert.equal(changed.status, 200);
    assert.match(copied(changed.text, 'key'), /^moved-/);
    const [first, second] = await keyNamed('Moved');
    assert.equal(first.id, old.id);
    const hours = (Date.parse(first.expiry_date) - Date.now()) / 3_600_000;
    assert.ok(hours > 23.9 && hours <= 24, String(hours));
    assert.equal(second.expiry_date, null);
    assert.match((await developer.get(`${base}/keys/${old.id}`)).text, /This key ends on/);
    const again = await developer.submit(`${base}/keys/${old.id}/change`, {});
    assert.equal(again.status, 400);
    assert.match(again.text, /has been changed already/);
    assert.equal((await keyNamed('Moved')).length, 2);
  });

  test('a key is ended at once, after a page that says what still uses it', async () => {
    const made = await developer.submit(`${base}/keys/add`, { name: 'Lost', type: 'test' });
    const [key] = await keyNamed('Lost');
    const full = copied(made.text, 'key');
    const look = () =>
      world.call('GET', '/v2/notifications', { key: full, headers: { 'user-agent': 'ferry/1' } });
    assert.equal((await look()).status, 200);
    await world.until(
      () => developer.get(`${base}/keys/${key.id}/end`),
      ({ text }) => /came from <bdi>ferry \(1\)<\/bdi>/.test(text),
    );
    const ended = await developer.submit(`${base}/keys/${key.id}/end`, {});
    assert.equal(ended.location, `${base}/keys`);
    assert.match((await developer.follow(ended)).text, /The key “Lost” has ended/);
    await world.until(look, ({ status }) => status === 403);
    await world.until(
      () => developer.get(`${base}/keys/${key.id}`),
      ({ status }) => status === 404,
    );
  });

  test('an address is saved and tested in one step, and the answer is shown', async () => {
    const set = `${base}/callbacks/addresses/delivery_status/set`;
    const empty = await developer.submit(set, {});
    assert.equal(empty.status, 400);
    assert.match(empty.text, /Enter the address/);
    assert.match(empty.text, /Enter a token/);
    const wrong = await developer.submit(set, { url: `ftp://x/${hostile}`, token: 'short' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /Enter an address that begins with https/);
    assert.match(wrong.text, /at least 10 characters/);
    assert.ok(wrong.text.includes(shownHostile));
    assert.doesNotMatch(wrong.text, /value="short"/);

    const tested = await developer.submit(set, { url: `${back.url}/path`, token, test: 'yes' });
    assert.equal(tested.status, 200);
    assert.match(tested.text, /The test arrived\. It answered 204, after \d+ milliseconds/);
    assert.match(tested.text, /id="address" data-live="[^"]+\/addresses\/delivery_status"/);
    assert.equal(back.seen.at(-1)!.body.test, true);
    assert.equal(back.seen.at(-1)!.path, '/path');

    back.become(refuse(401));
    const page = `${base}/callbacks/addresses/delivery_status`;
    const refused = await developer.submit(page, {}, `${page}/test`);
    assert.match(refused.text, /The test did not arrive\. It answered 401/);
    assert.match(refused.text, /Your program refuses the token/);
    back.become(accept);
    const kept = await developer.submit(set, { url: `${back.url}/kept` });
    assert.equal(kept.location, page);
    assert.match((await developer.follow(kept)).text, /The address is saved/);
  });

  test('what failed is replayed for a range of time, with progress, and one callback by itself', async () => {
    back.become(refuse(400));
    const { id } = (
      await world.client.sendSms(world.tenant.templates.sms, '07700900123', {
        personalisation: { name: hostile, time: '14:05' },
      })
    ).data;
    const failedOne = await world.until(
      () => world.admin('GET', `/service/${world.tenant.id}/callbacks?status=failed`),
      ({ body }) => body.callbacks.some((one: { notification_id: string }) => one.notification_id === id),
    );
    const callback = failedOne.body.callbacks[0].id as string;
    const log = await developer.get(`${base}/callbacks?status=failed&type=delivery_status`);
    assert.match(log.text, /It answered 400/);
    const one = await developer.get(`${base}/callbacks/${callback}`);
    assert.match(one.text, /it is not sent again by itself/);
    assert.ok(one.text.includes(id));

    back.become(accept);
    const form = `${base}/callbacks/replay`;
    const wrong = await developer.submit(form, { day: '2026-01-01', from: 'noon', to: '25:00', type: '' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /Enter when it begins/);
    assert.match(wrong.text, /Enter when it ends/);
    const backwards = await developer.submit(form, {
      day: '2026-01-01',
      from: '14:00',
      to: '13:00',
      type: '',
    });
    assert.match(backwards.text, /The end must be later/);
    const none = await developer.submit(form, { day: '2020-01-01', from: '13:00', to: '14:00', type: '' });
    assert.match((await developer.follow(none)).text, /Nothing had failed in that time/);
    const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' }).format(world.clock.now());
    const started = await developer.submit(form, { day, from: '00:00', to: '24:00', type: '' });
    assert.match(started.location ?? '', /\/callbacks\/replayed\?/);
    const done = await world.until(
      () => developer.get(started.location!),
      ({ text }) => /1 callback was queued, and all have been called\. None has failed again/.test(text),
    );
    assert.match(done.text, /<progress [^>]*max="1" value="1">/);

    const arrived = back.seen.length;
    const again = await developer.submit(
      `${base}/callbacks/${callback}`,
      {},
      `${base}/callbacks/${callback}/replay`,
    );
    assert.match((await developer.follow(again)).text, /The callback is queued again/);
    await world.until(
      async () => back.seen.length,
      (count) => count === arrived + 1,
    );
    assert.equal(back.seen.at(-1)!.body.id, id);
  });

  test('a pause is shown with its reason, and ended', async () => {
    const page = `${base}/callbacks/addresses/delivery_status`;
    await world.connection.pool.query(
      `update service_callback_api set failures = 10, pauses = 1, paused_until = $2 where service_id = $1`,
      [world.tenant.id, new Date(world.clock.now() + 600_000)],
    );
    const paused = await developer.get(page);
    assert.match(paused.text, /It is paused, because 10 calls in a row have failed/);
    assert.match(paused.text, /The last callback arrived there on/);
    assert.match((await developer.get(`${base}/callbacks`)).text, /Paused/);
    const done = await developer.submit(page, {}, `${page}/resume`);
    assert.match((await developer.follow(done)).text, /The pause has ended/);
    assert.match((await developer.get(page)).text, /It works/);
  });

  test('an address is removed after a page that says what that means', async () => {
    const page = `${base}/callbacks/addresses/delivery_status`;
    assert.match((await developer.get(`${page}/remove`)).text, /no longer told/);
    const removed = await developer.submit(`${page}/remove`, {});
    assert.match((await developer.follow(removed)).text, /The address for delivery statuses is removed/);
    assert.match(
      (await developer.get(`${base}/callbacks`)).text,
      /No address is set yet[\s\S]*Despatch-Signature/,
    );
    assert.equal((await developer.get(`${page}/remove`)).status, 404);
  });

  test('the first page says what programs sent within the hour and why it failed', async () => {
    await world.client.sendSms(world.tenant.templates.sms, '07700900002', {
      personalisation: { name: 'Ada', time: '14:05' },
    });
    await world.call('POST', '/v2/notifications/sms', {
      key: world.tenant.keys.test,
      body: {
        template_id: world.tenant.templates.sms,
        phone_number: '07700900002',
        personalisation: { name: 'Ada', time: '14:05' },
      },
    });
    const seen = await world.until(
      () => developer.get(base),
      ({ text }) => /Last failures/.test(text),
    );
    assert.match(seen.text, /messages were accepted from programs; \d+ failed/);
    assert.match(seen.text, /The last call arrived on/);
  });

  test('a service without keys is told how to begin', async () => {
    const other = await world.addTenant();
    await world.connection.pool.query('delete from api_key_uses');
    await world.connection.pool.query(`update api_keys set expires_at = '2020-01-01' where service_id = $1`, [
      other.id,
    ]);
    const visitor = await world.person(['manage_api_keys'], other.id);
    const { text } = await visitor.get(`/services/${other.id}/developers`);
    assert.match(text, /No program can send for this service yet/);
    assert.match((await visitor.get(`/services/${other.id}/developers/keys`)).text, /There are no keys yet/);
  });

  test('names of keys are shown as text', async () => {
    await developer.submit(`${base}/keys/add`, { name: hostile, type: 'test' });
    const [key] = await keyNamed(hostile);
    for (const path of ['keys', '', `/keys/${key.id}`, `keys/${key.id}/change`, `keys/${key.id}/end`]) {
      const { status, text } = await developer.get(`${base}/${path}`.replace(/\/+/g, '/').replace(/\/$/, ''));
      assert.equal(status, 200, path);
      assert.ok(text.includes(shownHostile), path);
      assert.ok(!text.includes('<img src=x'), path);
    }
  });

  test('ids of another service are not found, and a missing permission is named', async () => {
    const other = await world.addTenant();
    const visitor = await world.person(['manage_api_keys', 'view_activity'], other.id);
    const [key] = await keyNamed('a normal key');
    const { body } = await world.admin('GET', `/service/${world.tenant.id}/callbacks`);
    const theirs = `/services/${other.id}/developers`;
    for (const path of [
      `keys/${key.id}`,
      `keys/${key.id}/change`,
      `keys/${key.id}/end`,
      'keys/not-an-id',
      `callbacks/${body.callbacks[0].id}`,
      'callbacks/addresses/letters',
      'callbacks/replayed?from=x&to=y&count=1',
    ])
      assert.equal((await visitor.get(`${theirs}/${path}`)).status, 404, path);
    for (const path of [
      `keys/${key.id}/end`,
      `keys/${key.id}/change`,
      `callbacks/${body.callbacks[0].id}/replay`,
    ])
      assert.equal((await visitor.submit(`${theirs}/keys/add`, {}, `${theirs}/${path}`)).status, 404, path);
    assert.equal((await visitor.get(base)).status, 404);

    const viewer = await world.person(['view_activity']);
    for (const path of [
      '',
      '/keys',
      '/keys/add',
      `/keys/${key.id}`,
      '/callbacks',
      '/callbacks/replay',
      '/callbacks/signature',
    ]) {
      const { status, text } = await viewer.get(base + path);
      assert.equal(status, 403, path);
      assert.match(text, /Manage keys and callbacks/, path);
    }
    const keysOnly = await world.person(['manage_api_keys']);
    await keysOnly.submit(`${base}/callbacks/addresses/complaint/set`, { url: back.url, token });
    assert.match(
      (await keysOnly.get(`${base}/callbacks`)).text,
      /you need the permission “See messages and figures”/,
    );
    assert.match((await keysOnly.get(base)).text, /you need the permission “See messages and figures”/);
  });

  test('keys are made, changed and ended, and addresses set, with a fresh password only', async () => {
    const late = await world.person(everyPermission);
    const [key] = await keyNamed('a normal key');
    await world.advance(31 * 60);
    for (const path of [
      'keys/add',
      `keys/${key.id}/change`,
      `keys/${key.id}/end`,
      'callbacks/addresses/complaint/set',
      'callbacks/addresses/complaint/remove',
    ])
      assert.match((await late.get(`${base}/${path}`)).location ?? '', /^\/sign-in\/again\?onward=/, path);
  });
});
