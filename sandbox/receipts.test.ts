import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { figuresWhen, openSandbox, promptReceipts } from '../test/support/sandbox.ts';

const pendingThenFailure = ['pending', 'temporary-failure'];
const outcomes: [string, string[]][] = [
  ['07811111111', ['delivered']],
  ['07822222222', ['permanent-failure']],
  ['+44 7822 222222', ['permanent-failure']],
  ['07833333333', pendingThenFailure],
  ['+447833333333', pendingThenFailure],
  ['07700900001', ['delivered']],
  ['447700900002', ['permanent-failure']],
  ['07700 900 003', pendingThenFailure],
  ['+447700900004', ['delivered']],
  ['delivered@simulator.notify', ['delivered']],
  ['perm-fail@simulator.notify', ['permanent-failure']],
  ['temp-fail@simulator.notify', ['temporary-failure']],
  ['Perm-Fail@simulator.notify', ['delivered']],
  ['7700900002@example.com', ['delivered']],
];

for (const [to, statuses] of outcomes) {
  test(`the recipient ${to} gets ${statuses.join(', then ')}`, async (t) => {
    const { sms, email, receiver } = await openSandbox(t);
    await (to.includes('@') ? email({ to }) : sms({ to }));
    const got = await receiver.first(statuses.length);
    assert.deepEqual(
      got.map(({ status }) => status),
      statuses,
    );
  });
}

test('the second receipt of a message waits until the first was accepted', async (t) => {
  const world = await openSandbox(t);
  world.receiver.answers.push(503);
  await world.sms({ to: '07700900003' });
  const statuses = (await world.receiver.first(3)).map(({ status }) => status);
  assert.deepEqual(statuses, ['pending', 'pending', 'temporary-failure']);
  await figuresWhen(world, ({ receipts }) => receipts.sent === 2);
});

test('a receipt is retried after no answer, 408, 429 or 5xx; any other error fails it at once', async (t) => {
  const world = await openSandbox(t, { receiptRetryDelays: [1, 1, 1, 1] });
  world.receiver.answers.push(0, 500, 429, 408, 204);
  await world.sms();
  await world.receiver.first(5);
  await figuresWhen(world, ({ receipts }) => receipts.sent === 1);
  world.receiver.answers.push(404);
  const { body } = await world.sms({ to: '07700900999', body: 'Secret code 12345' });
  await figuresWhen(world, ({ receipts }) => receipts.failed === 1);
  const { receipts } = await world.get<{ receipts: unknown }>(`/messages/${body.id}`);
  assert.deepEqual(receipts, [
    { status: 'delivered', detail: 'Delivered to handset', state: 'failed', attempts: 1, answer: 404 },
  ]);
  const logged = world.lines.join('\n');
  assert.match(logged, /a receipt could not be delivered/);
  assert.doesNotMatch(logged, /900999|Secret/);
});

test('a receipt whose receiver is gone is given up after its last retry', async (t) => {
  const world = await openSandbox(t);
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  await world.sms({ receipt_url: `http://127.0.0.1:${port}/` });
  const { receipts } = await figuresWhen(world, ({ receipts }) => receipts.failed === 1);
  assert.deepEqual(receipts, { sent: 0, failed: 1, dropped: 0, pending: 0 });
});

test('credentials in the receipt URL become basic authentication', async (t) => {
  const { sms, receiver } = await openSandbox(t);
  await sms({ receipt_url: `http://mmg:p%40ss@127.0.0.1:${receiver.port}/receipts?x=1` });
  await receiver.first(1);
  const { headers, url } = receiver.requests[0]!;
  assert.equal(headers.authorization, `Basic ${Buffer.from('mmg:p@ss').toString('base64')}`);
  assert.equal(url, '/receipts?x=1');
  assert.equal(headers['content-type'], 'application/json');
});

test('a duplicated receipt is identical', async (t) => {
  const world = await openSandbox(t, { behaviour: { ...promptReceipts, receipt_duplicate_rate: 1 } });
  await world.sms();
  const [one, two] = await world.receiver.first(2);
  assert.deepEqual(one, two);
  await figuresWhen(world, ({ receipts }) => receipts.sent === 2 && receipts.pending === 0);
});

test('shuffled receipts arrive in another order, even those of one message', async (t) => {
  const world = await openSandbox(t, { behaviour: { ...promptReceipts, receipt_shuffle: true, seed: 3 } });
  const references = Array.from({ length: 20 }, (_, index) => `ref-${index}`);
  for (const reference of references) await world.sms({ reference, to: '07700900003' });
  const got = await world.receiver.first(40);
  assert.deepEqual([...new Set(got.map(({ reference }) => reference))].sort(), [...references].sort());
  const swapped = references.filter((reference) => {
    const [first] = got.filter((receipt) => receipt.reference === reference);
    return first?.status === 'temporary-failure';
  });
  assert.ok(swapped.length > 0, 'no message got its receipts in reverse order');
});

test('a dropped receipt is counted, and so is the next one of its message', async (t) => {
  const world = await openSandbox(t);
  await world.behave({ receipt_drop_rate: 1 });
  await world.sms({ to: '07700900003' });
  const { receipts } = await figuresWhen(world, ({ receipts }) => receipts.dropped === 2);
  assert.deepEqual(receipts, { sent: 0, failed: 0, dropped: 2, pending: 0 });
  assert.equal(world.receiver.received.length, 0);
});

test('a delayed receipt is pending, and is posted at once when the sandbox stops', async (t) => {
  const hour = { min: 3_600_000, max: 3_600_000 };
  const { sms, get, sandbox, receiver } = await openSandbox(t, { behaviour: { receipt_delay_ms: hour } });
  await sms({ to: '07700900003' });
  const { receipts } = await figuresWhen({ get }, () => true);
  assert.deepEqual(receipts, { sent: 0, failed: 0, dropped: 0, pending: 2 });
  await sandbox.stop();
  const statuses = receiver.received.map(({ status }) => status);
  assert.deepEqual(statuses, pendingThenFailure);
});

test('500 receipts all arrive, each once', async (t) => {
  const world = await openSandbox(t);
  const references = Array.from({ length: 500 }, () => crypto.randomUUID());
  await Promise.all(references.map((reference) => world.sms({ reference })));
  const got = await world.receiver.first(500);
  assert.deepEqual(got.map(({ reference }) => reference).sort(), references.sort());
  const { receipts } = await figuresWhen(world, ({ receipts }) => receipts.pending === 0);
  assert.deepEqual(receipts, { sent: 500, failed: 0, dropped: 0, pending: 0 });
});
