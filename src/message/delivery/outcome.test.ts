import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendResult } from '../../provider/contract.ts';
import { afterSending, describeResult } from './outcome.ts';

const result = (outcome: SendResult['outcome']): SendResult =>
  outcome === 'accepted' ? { outcome, reference: 'r' } : { outcome, code: '500', detail: 'd' };

test('only a definite refusal goes to the next provider; what is unknown waits; tries run out', () => {
  // Other providers left and tries left: both, others only, tries only, none.
  const table = {
    accepted: ['handed over', 'handed over', 'handed over', 'handed over'],
    rejected: ['give up', 'give up', 'give up', 'give up'],
    failed: ['next provider', 'next provider', 'retry', 'give up'],
    unknown: ['retry', 'give up', 'retry', 'give up'],
  } as const;
  for (const [outcome, expected] of Object.entries(table) as [SendResult['outcome'], readonly string[]][]) {
    const sent = result(outcome);
    const actual = [
      afterSending(sent, 2, 3),
      afterSending(sent, 1, 0),
      afterSending(sent, 0, 1),
      afterSending(sent, 0, 0),
    ];
    assert.deepEqual(actual, expected, outcome);
  }
  assert.equal(afterSending(result('failed'), 0, -1), 'give up');
  assert.equal(afterSending(result('unknown'), 1, -1), 'give up');
});

test('what a provider says is kept as one line of limited length', () => {
  assert.deepEqual(describeResult(result('accepted')), { outcome: 'accepted', code: null, detail: null });
  assert.deepEqual(
    describeResult({
      outcome: 'failed',
      code: 'c'.repeat(61),
      detail: `a\r\nb\u0000\u200bc${'d'.repeat(400)}`,
    }),
    { outcome: 'failed', code: 'c'.repeat(60), detail: `a  b  c${'d'.repeat(293)}` },
  );
});
