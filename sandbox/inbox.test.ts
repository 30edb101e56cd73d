import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figures, openSandbox } from '../test/support/sandbox.ts';

type List = { messages: { id: string; reference: string; body?: string; subject?: string }[] };

const references = ({ messages }: List) => messages.map(({ reference }) => reference);

test('the inbox lists messages newest first and finds them by text, type, recipient and reference', async (t) => {
  const { sms, email, get, call } = await openSandbox(t);
  await sms({ reference: 'one', to: '07700900111', body: 'Your CODE is 48213' });
  await email({ reference: 'two', to: 'amala@example.gov.uk', subject: 'Renewal', text: 'Code of conduct' });
  await sms({ reference: 'three', to: '07700900112', body: 'Good morning' });
  assert.deepEqual(references(await get<List>('/messages')), ['three', 'two', 'one']);
  assert.deepEqual(references(await get<List>('/messages?limit=1')), ['three']);
  assert.deepEqual(references(await get<List>('/messages?q=code')), ['two', 'one']);
  assert.deepEqual(references(await get<List>('/messages?q=code&type=sms')), ['one']);
  assert.deepEqual(references(await get<List>('/messages?q=RENEW')), ['two']);
  assert.deepEqual(references(await get<List>('/messages?q=0900112')), ['three']);
  assert.deepEqual(references(await get<List>('/messages?to=07700900112')), ['three']);
  assert.deepEqual(references(await get<List>('/messages?to=0900112')), []);
  assert.deepEqual(references(await get<List>('/messages?reference=two')), ['two']);
  assert.deepEqual(references(await get<List>('/messages?reference=tw')), []);
  const newest = (await get<List>('/messages')).messages[0]!;
  assert.deepEqual(references(await get<List>(`/messages?before=${newest.id}`)), ['two', 'one']);
  assert.equal((await call('DELETE', '/messages')).status, 204);
  assert.deepEqual(references(await get<List>('/messages')), []);
  assert.equal((await get<Figures>('/counts')).received, 3);
});

test('a malformed inbox query is refused with a message that says what is wrong', async (t) => {
  const { call } = await openSandbox(t);
  for (const limit of ['0', '1001', '-1', 'x', '1.5', '']) {
    const { status, body } = await call('GET', `/messages?limit=${limit}`);
    assert.equal(status, 400);
    assert.equal(body.error?.message, 'limit must be a whole number from 1 to 1000');
  }
  assert.equal((await call('GET', '/messages?type=letter')).status, 400);
});

test('the inbox keeps only the newest messages; the counts include all', async (t) => {
  const { sms, get, call } = await openSandbox(t, { maxMessages: 3 });
  const ids: string[] = [];
  for (const reference of ['a', 'b', 'c', 'd', 'e']) ids.push((await sms({ reference })).body.id!);
  assert.deepEqual(references(await get<List>('/messages')), ['e', 'd', 'c']);
  assert.equal((await call('GET', `/messages/${ids[0]}`)).status, 404);
  assert.equal((await get<{ reference: string }>(`/messages/${ids[2]}`)).reference, 'c');
  assert.equal((await get<Figures>('/counts')).received, 5);
});

test('the inbox drops big messages before its memory limit is exceeded', async (t) => {
  const { email, sms, get } = await openSandbox(t, { maxBytes: 100_000 });
  await email({ reference: 'a', html: 'x'.repeat(20_000) });
  await email({ reference: 'b', html: 'x'.repeat(20_000) });
  await email({ reference: 'c', html: 'x'.repeat(20_000) });
  assert.deepEqual(references(await get<List>('/messages')), ['c', 'b']);
  // One that exceeds the limit by itself is accepted and counted but not kept, and frees its bytes.
  assert.equal((await email({ reference: 'd', html: 'x'.repeat(60_000) })).status, 200);
  assert.deepEqual(references(await get<List>('/messages')), []);
  for (const reference of ['e', 'f', 'g']) await sms({ reference });
  assert.deepEqual(references(await get<List>('/messages')), ['g', 'f', 'e']);
});

const attack = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
const escaped = '&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(2)&#39;&gt;';

test('nothing that a client submits becomes markup in the inbox', async (t) => {
  const { sms, email, page } = await openSandbox(t);
  const every = { reference: attack, to: attack, from: attack };
  const one = await sms({ ...every, body: attack });
  const two = await email({
    ...every,
    subject: `${attack}</title>`,
    text: `${attack}</pre>`,
    html: `${attack}<p>Seen</p>`,
    reply_to: attack,
    headers: { [attack]: attack },
  });
  const paths = [
    '/',
    `/?q=${encodeURIComponent(attack)}`,
    `/messages/${one.body.id}`,
    `/messages/${two.body.id}`,
  ];
  for (const path of paths) {
    const { status, text, headers } = await page(path);
    assert.equal(status, 200);
    assert.doesNotMatch(text, /<script|<img|<\/title>.*<\/title>/s, path);
    assert.ok(text.includes(escaped), path);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /style-src 'sha256-/);
    assert.doesNotMatch(policy, /unsafe|script-src/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});

test('the HTML of an email is shown in a frame without any rights', async (t) => {
  const { email, page } = await openSandbox(t);
  const { body } = await email({ html: '<p style="color:red">Seen</p><script>alert(1)</script>' });
  const around = await page(`/messages/${body.id}`);
  assert.ok(around.text.includes(`<iframe class="mail" sandbox="" src="/messages/${body.id}/html"`));
  assert.ok(!around.text.includes('color:red'));
  const inside = await page(`/messages/${body.id}/html`);
  assert.equal(inside.text, '<p style="color:red">Seen</p><script>alert(1)</script>');
  const policy = inside.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^sandbox; default-src 'none'; style-src 'unsafe-inline'; /);
  assert.match(policy, /frame-ancestors 'self'/);
});

test('the inbox page filters, paginates, refreshes itself on request and shows the state of receipts', async (t) => {
  const { sms, email, page, receiver } = await openSandbox(t);
  await email({ subject: 'An email' });
  for (let number = 1; number <= 51; number += 1) await sms({ body: `Message ${number}.` });
  await receiver.first(52);
  const first = await page('/?type=sms');
  assert.ok(first.text.includes('Message 51.') && first.text.includes('Message 2.'));
  assert.ok(!first.text.includes('Message 1.') && !first.text.includes('An email'));
  assert.match(first.text, /<option value="sms" selected>/);
  assert.match(first.text, /<span class="tag good">delivered<\/span>/);
  assert.doesNotMatch(first.text, /http-equiv="refresh"/);
  const older = /class="more" href="([^"]+)"/.exec(first.text)![1]!.replaceAll('&amp;', '&');
  const second = await page(older);
  assert.ok(second.text.includes('Message 1.') && !second.text.includes('Message 2.'));
  assert.match((await page('/?refresh=5')).text, /<meta http-equiv="refresh" content="5">/);
  assert.doesNotMatch((await page('/?refresh=x&type=%00&before=zz')).text, /http-equiv="refresh"/);
  assert.match((await page('/?q=nosuch')).text, /No message matches/);
  assert.equal((await page('/messages/nosuch')).status, 404);
});
