import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketEnd, percentagePrompt, quantile, summary } from './delays.ts';

test('quantiles are within a bucket of what they would be exactly', () => {
  // 1 to 1000 seconds, one message each.
  const counts = new Map<number, number>();
  for (let seconds = 1; seconds <= 1000; seconds += 1) {
    const bucket = Math.ceil(4 * Math.log2(seconds / 10));
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const buckets = [...counts].map(([bucket, count]) => ({ bucket, count }));
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const found = quantile(buckets, share)!;
    assert.ok(found > (share * 1000) / 1.2 && found < share * 1000 * 1.2, `${share}: ${found}`);
  }
  assert.equal(summary(buckets).count, 1000);
});

test('without messages there are no quantiles, and all were prompt', () => {
  assert.deepEqual(summary([]), { count: 0, p50: null, p95: null, p99: null });
  assert.equal(quantile([{ bucket: 3, count: 0 }], 0.5), null);
  assert.equal(percentagePrompt([], 0), 100);
});

test('what is handed over in 10 seconds is prompt, and what is never handed over is not', () => {
  assert.equal(bucketEnd(0), 10);
  const buckets = [
    { bucket: -8, count: 4 },
    { bucket: 0, count: 2 },
    { bucket: 1, count: 1 },
  ];
  assert.equal(percentagePrompt(buckets, 9), 66.67);
});
