import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatcher } from '../../ground/batcher.ts';
import { createLog } from '../../ground/log.ts';
import type { ReadReceipt, ReceiptEndpoint, ReceiptOutcome } from '../../provider/contract.ts';
import type { Task } from '../../queue/consume.ts';
import type { IncomingReceipt } from './apply.ts';
import { processReceipt, type ReceiptTask } from './queue.ts';
import { createReceiptWork } from './worker.ts';

const now = Date.parse('2026-05-02T13:05:00Z');
const endpoint = { identifier: 'ses', type: 'email', path: '/ses' } as ReceiptEndpoint;
const receipt: ReadReceipt = {
  found: { by: 'reference', value: 'ses-1' },
  status: 'delivered',
  rawStatus: 'Delivery',
  detail: 'Delivered',
  handedOverAt: now - 60_000,
};

/** The worker's verdict on a receipt that is applied with this outcome. */
async function verdictOf(
  applied: ReceiptOutcome | Error,
  { attempt = 0, provider = 'ses', handedOverAt = receipt.handedOverAt ?? null } = {},
) {
  const apply = createBatcher<IncomingReceipt, ReceiptOutcome>({
    flush: async (receipts) => {
      if (applied instanceof Error) throw applied;
      return receipts.map(() => applied);
    },
  });
  const work = createReceiptWork({
    clock: { now: () => now },
    log: createLog('silent'),
    endpoints: [endpoint],
    apply,
  });
  const payload: ReceiptTask = {
    task: 'process-ses-result',
    provider,
    type: 'email',
    receipt: { ...receipt, handedOverAt },
  };
  const task = { payload, attempt, signal: new AbortController().signal } as unknown as Task<ReceiptTask>;
  return await work(task);
}

test('a receipt that is applied, or changes nothing, is done', async () => {
  const of = { notificationId: 'n', status: 'delivered' } as const;
  assert.equal(await verdictOf({ outcome: 'applied', ...of }), 'done');
  assert.equal(await verdictOf({ outcome: 'ignored', why: 'already delivered', ...of }), 'done');
});

test('a receipt that matches no message is retried while the message is young, then dropped', async () => {
  const later = { retryAfterSeconds: 300 };
  const missing = { outcome: 'not found' } as const;
  assert.deepEqual(await verdictOf(missing), later);
  assert.deepEqual(await verdictOf(missing, { attempt: 4 }), later);
  assert.equal(await verdictOf(missing, { attempt: 5 }), 'done');
  assert.equal(await verdictOf(missing, { handedOverAt: now - 5 * 60_000 }), 'done');
  assert.equal(await verdictOf(missing, { handedOverAt: null }), 'done');
});

test('a database error is retried 5 times, 5 minutes apart; an unreachable database uses up no try', async () => {
  const error = new Error('relation "receipts" does not exist');
  assert.deepEqual(await verdictOf(error), { retryAfterSeconds: 300 });
  assert.deepEqual(await verdictOf(error, { attempt: 4 }), { retryAfterSeconds: 300 });
  assert.equal(await verdictOf(error, { attempt: 5 }), 'done');
  await assert.rejects(verdictOf(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })), /refused/);
});

test('a receipt for an unknown endpoint is dropped', async () => {
  assert.equal(await verdictOf({ outcome: 'not found' }, { provider: 'pigeon' }), 'done');
});

test('the queue accepts what an endpoint reads, and nothing else', () => {
  const payload = { task: 'process-ses-result', provider: 'ses', type: 'email', receipt };
  assert.ok(processReceipt.payloads.Check(JSON.parse(JSON.stringify(payload))));
  assert.ok(
    processReceipt.payloads.Check({ ...payload, receipt: { ...receipt, detailCode: null, complaint: null } }),
  );
  assert.equal(processReceipt.payloads.Check({ ...payload, task: 'other' }), false);
  assert.equal(processReceipt.payloads.Check({ ...payload, receipt: {} }), false);
});
