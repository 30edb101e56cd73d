import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketEnd, type Histogram, percentagePrompt, quantiles, summary } from './delays.ts';

test('quantiles are within a bucket of what they would be exactly', () => {
  // 1 to 1000 seconds, one message each.
  const counts = new Map<number, number>();
  for (let seconds = 1; seconds <= 1000; seconds += 1) {
    const bucket = Math.ceil(4 * Math.log2(seconds / 10));
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const histogram: Histogram = { buckets: [...counts.keys()], counts: [...counts.values()] };
  const shares = [0.01, 0.5, 0.95, 0.99, 1];
  for (const [index, value] of quantiles([histogram], shares).values.entries()) {
    const [share, found] = [shares[index]!, value!];
    assert.ok(found > (share * 1000) / 1.2 && found < share * 1000 * 1.2, `${share}: ${found}`);
  }
  assert.equal(summary([histogram]).count, 1000);
});

test('without messages there are no quantiles, and all were prompt', () => {
  assert.deepEqual(summary([]), { count: 0, p50: null, p95: null, p99: null });
  assert.deepEqual(quantiles([{ buckets: [3], counts: [0] }], [0.5]).values, [null]);
  assert.equal(percentagePrompt([], 0), 100);
});

test('what is handed over in 10 seconds is prompt, and what is never handed over is not', () => {
  assert.equal(bucketEnd(0), 10);
  assert.equal(percentagePrompt([{ buckets: [-8, 0, 1], counts: [4, 2, 1] }], 9), 66.67);
});

test('what is not folded yet adds to a bucket, and takes away from it', () => {
  const folded = { buckets: [0, 4], counts: [3, 1] };
  const pending = { buckets: [0, 4], counts: [-2, 3] };
  assert.deepEqual(summary([folded, pending]), summary([{ buckets: [4, 0], counts: [4, 1] }]));
  assert.equal(percentagePrompt([folded, pending], 5), 20);
});
