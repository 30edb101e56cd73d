import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smsMessage } from '../../../../test/conformance/provider.ts';
import { loadtestingProvider } from './send.ts';

const fakeReceipts = () => [];

test('no call is made: a delivered receipt is queued, and the text counts as taken', async () => {
  const reported: string[] = [];
  const provider = loadtestingProvider({
    latencyMilliseconds: 1,
    report: async (id) => void reported.push(id),
    fakeReceipts,
  });
  const result = await provider.send(smsMessage, new AbortController().signal);
  assert.deepEqual(result, { outcome: 'accepted', reference: null });
  assert.deepEqual(reported, [smsMessage.reference]);
});

test('when the receipt cannot be queued, or nobody waits any more, nobody has the text', async () => {
  const report = () => Promise.reject(new Error('no database'));
  const broken = loadtestingProvider({ latencyMilliseconds: 0, report, fakeReceipts });
  assert.equal((await broken.send(smsMessage, new AbortController().signal)).outcome, 'failed');
  const slow = loadtestingProvider({ latencyMilliseconds: 60_000, report, fakeReceipts });
  assert.equal((await slow.send(smsMessage, AbortSignal.abort())).outcome, 'failed');
});
