import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figures, figuresWhen, openSandbox, promptReceipts } from '../test/support/sandbox.ts';

test('a text message is accepted, answered with an id and reported as delivered', async (t) => {
  const { sms, receiver, get } = await openSandbox(t, { now: () => Date.parse('2026-05-02T13:00:00Z') });
  const { status, body } = await sms({ reference: 'ref-1' });
  assert.equal(status, 200);
  const [receipt] = await receiver.first(1);
  assert.deepEqual(receipt, {
    reference: 'ref-1',
    id: body.id,
    status: 'delivered',
    detail: 'Delivered to handset',
    sent_at: '2026-05-02T13:00:00.000Z',
  });
  const message = await get<Record<string, unknown>>(`/messages/${body.id}`);
  assert.equal(message['body'], 'Hello');
  assert.equal(message['received_at'], '2026-05-02T13:00:00.000Z');
});

test('an email in the inbox has all its parts', async (t) => {
  const { email, get } = await openSandbox(t);
  const headers = { 'List-Unsubscribe': '<https://example.com/u/1>' };
  const { body } = await email({ reference: 'ref-2', reply_to: 'help@example.gov.uk', headers });
  const { id, received_at, receipts, ...message } = await get<Record<string, unknown>>(
    `/messages/${body.id}`,
  );
  assert.equal(id, body.id);
  assert.deepEqual(message, {
    type: 'email',
    reference: 'ref-2',
    to: 'amala@example.gov.uk',
    from: '"Licensing" <licensing@notify.example>',
    reply_to: 'help@example.gov.uk',
    subject: 'Your licence',
    text: 'Dear Amala',
    html: '<p>Dear Amala</p>',
    headers,
    answer: 'answered',
  });
});

test('a malformed message is refused with a 400 that says what is wrong, never with a 500', async (t) => {
  const { sms, email, call, get } = await openSandbox(t);
  const cases: [ReturnType<typeof sms>, string][] = [
    [call('POST', '/send/sms', '{"reference":'), 'The body is not JSON'],
    [call('POST', '/send/sms', ''), 'The body is not JSON'],
    [call('POST', '/send/sms', '[]'), 'The body must be a JSON object'],
    [call('POST', '/send/sms', 'null'), 'The body must be a JSON object'],
    [call('POST', '/send/sms', '['.repeat(100_000)), 'The body is not JSON'],
    [sms({ reference: undefined }), 'reference is missing'],
    [sms({ reference: '' }), 'reference must not be empty'],
    [sms({ reference: 'x'.repeat(256) }), 'reference must have at most 255 characters'],
    [sms({ to: 447700900123 }), 'to must be text'],
    [sms({ body: null }), 'body must be text'],
    [sms({ receipt_url: 'nowhere' }), 'receipt_url must be an http or https URL'],
    [sms({ receipt_url: 'file:///etc/passwd' }), 'receipt_url must be an http or https URL'],
    [
      sms({ receipt_url: 'http://user:%zz@127.0.0.1/' }),
      'receipt_url has a user name or password that is not properly encoded',
    ],
    [email({ subject: undefined }), 'subject is missing'],
    [email({ html: 7 }), 'html must be text'],
    [email({ reply_to: [] }), 'reply_to must be text'],
    [
      email({ headers: { a: { b: 1 } } }),
      'headers must be an object whose values are text, with at most 100 entries',
    ],
  ];
  for (const [reply, message] of cases) {
    const { status, body } = await reply;
    assert.deepEqual(
      { status, body },
      { status: 400, body: { error: { code: 'invalid-request', message } } },
    );
  }
  const { requests, received } = await get<Figures>('/counts');
  assert.equal(received, 0);
  assert.equal(requests['malformed'], cases.length);
});

test('a body that is too large, not UTF-8 or not declared as JSON is refused', async (t) => {
  const { sms, sandbox } = await openSandbox(t);
  assert.equal((await sms({ body: 'x'.repeat(5_000_000) })).status, 413);
  const post = (type: string, body: Uint8Array<ArrayBuffer>) =>
    fetch(`${sandbox.url}/send/sms`, { method: 'POST', headers: { 'Content-Type': type }, body });
  const latin1 = await post('application/json', Buffer.from('{"to":"J\xf6rg"}', 'latin1'));
  assert.equal(latin1.status, 400);
  assert.match(await latin1.text(), /not UTF-8/);
  // What a page of another site could make a browser post.
  const plain = await post('text/plain', Buffer.from('{}'));
  assert.equal(plain.status, 400);
  assert.match(await plain.text(), /Content-Type must be application\/json/);
});

test('receipts go to this machine only unless other hosts are allowed', async (t) => {
  const { sms } = await openSandbox(t);
  const elsewhere = [
    'http://example.com/',
    'http://10.0.0.1/',
    'http://0.0.0.0/',
    'http://127.0.0.1.example.com/',
    'http://localhost@example.com/',
    'http://[::ffff:7f00:1]/',
    'http://169.254.169.254/',
  ];
  for (const receipt_url of elsewhere) {
    const { status, body } = await sms({ receipt_url });
    assert.equal(status, 400, receipt_url);
    assert.match(body.error?.message ?? '', /must point to this machine/);
  }
  for (const receipt_url of ['http://localhost:9/', 'http://127.0.0.2:9/', 'https://[::1]:9/'])
    assert.equal((await sms({ receipt_url })).status, 200, receipt_url);
  const open = await openSandbox(t, { allowAnyReceiptHost: true, behaviour: { receipt_drop_rate: 1 } });
  assert.equal((await open.sms({ receipt_url: 'http://provider.invalid/' })).status, 200);
});

test('a refusal is a 400, a failure a 503 and an outage a 500, and none of them accepts the message', async (t) => {
  const { sms, behave, get } = await openSandbox(t);
  await behave({ refusal_rate: 1 });
  const refused = await sms();
  assert.equal(refused.status, 400);
  assert.equal(refused.body.error?.code, 'refused');
  await behave({ refusal_rate: 0, failure_rate: 1 });
  const failed = await sms();
  assert.equal(failed.status, 503);
  assert.equal(failed.body.error?.code, 'unavailable');
  await behave({ outage: true });
  const outage = await sms();
  assert.equal(outage.status, 500);
  assert.equal(outage.body.error?.code, 'outage');
  const figures = await get<Figures>('/counts');
  assert.equal(figures.received, 0);
  const { refused: r, failed: f, outage: o } = figures.requests;
  assert.deepEqual([r, f, o], [1, 1, 1]);
});

test('an unanswered message is kept and gets its receipt while the client is still waiting', async (t) => {
  const { sandbox, behave, receiver, get } = await openSandbox(t);
  await behave({ timeout_rate: 1 });
  const gaveUp = new AbortController();
  const body = {
    reference: 'ref-3',
    to: '07700900123',
    from: 'GOVUK',
    body: 'Hi',
    receipt_url: receiver.url,
  };
  const answer = fetch(`${sandbox.url}/send/sms`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: gaveUp.signal,
  });
  const rejected = assert.rejects(answer, { name: 'AbortError' });
  const [receipt] = await receiver.first(1);
  assert.equal(receipt?.reference, 'ref-3');
  gaveUp.abort();
  await rejected;
  const { messages } = await get<{ messages: { answer: string }[] }>('/messages?reference=ref-3');
  assert.equal(messages[0]?.answer, 'unanswered');
});

test('an unanswered message ends with a closed connection after timeout_ms', async (t) => {
  const { sms, behave } = await openSandbox(t);
  await behave({ timeout_rate: 1, timeout_ms: 5 });
  await assert.rejects(sms());
});

test('a reset breaks the connection after the message was accepted', async (t) => {
  const { sms, behave, receiver, get } = await openSandbox(t);
  await behave({ reset_rate: 1 });
  await assert.rejects(sms({ reference: 'ref-4' }));
  assert.equal((await receiver.first(1))[0]?.reference, 'ref-4');
  const { requests, received } = await get<Figures>('/counts');
  assert.deepEqual([requests['reset'], received], [1, 1]);
});

test('latency delays the answer, not the acceptance', async (t) => {
  const { sms, behave, get } = await openSandbox(t);
  await behave({ latency_ms: { min: 60_000, max: 60_000 } });
  const answer = sms({ reference: 'ref-5' }).catch(() => null);
  const kept = async () => (await get<{ messages: unknown[] }>('/messages?reference=ref-5')).messages.length;
  while ((await kept()) === 0);
  assert.equal((await figuresWhen({ get }, () => true)).received, 1);
  void answer;
});

test('a recipient can have a behaviour of its own, however the number is written', async (t) => {
  const { sms, email, behave, receiver } = await openSandbox(t);
  await behave({
    recipients: {
      '07700 900 555': { refuse: true },
      'Slow@Example.com': { outcome: 'temporary-failure' },
      '+447700900556': { fail: true },
      '+447700900557': { receipt_drop: true },
      '+447700900558': { reset: true },
    },
  });
  assert.equal((await sms({ to: '+447700900555' })).status, 400);
  assert.equal((await sms({ to: '07700900556' })).status, 503);
  assert.equal((await sms({ to: '07700900557' })).status, 200);
  await assert.rejects(sms({ to: '07700900558', reference: 'ref-reset' }));
  await email({ to: 'slow@example.com', reference: 'ref-slow' });
  const got = (await receiver.first(2)).map(({ reference, status }) => [reference, status]);
  assert.deepEqual(got.sort(), [
    ['ref-reset', 'delivered'],
    ['ref-slow', 'temporary-failure'],
  ]);
});

test('the same seed gives the same run', async (t) => {
  const { sms, behave } = await openSandbox(t, {
    behaviour: { ...promptReceipts, failure_rate: 0.3, refusal_rate: 0.3 },
  });
  const run = async (seed: number) => {
    await behave({ seed });
    const statuses: number[] = [];
    for (let count = 0; count < 30; count += 1) statuses.push((await sms()).status);
    return statuses;
  };
  const first = await run(7);
  assert.deepEqual(await run(7), first);
  assert.notDeepEqual(await run(8), first);
  assert.deepEqual([...new Set(first)].sort(), [200, 400, 503]);
});
