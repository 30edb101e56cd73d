import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smsMessage } from '../../../../test/conformance/provider.ts';
import { withoutServer } from './supplier.ts';

test('without a server, loadtesting makes no call: it queues a delivered receipt and accepts the text', async () => {
  const reported: string[] = [];
  const send = withoutServer(1, async (id) => void reported.push(id));
  const result = await send(smsMessage, new AbortController().signal);
  assert.deepEqual(result, { outcome: 'accepted', reference: null });
  assert.deepEqual(reported, [smsMessage.reference]);
});

test('without a server, a text fails if its receipt cannot be queued or the call is aborted', async () => {
  const report = () => Promise.reject(new Error('no database'));
  assert.equal((await withoutServer(0, report)(smsMessage, new AbortController().signal)).outcome, 'failed');
  assert.equal((await withoutServer(60_000, report)(smsMessage, AbortSignal.abort())).outcome, 'failed');
});
