/**
 * Delays from histograms (docs/decisions/0023). Bucket b holds delays above 10 s × 2^((b-1)/4) up to 10 s × 2^(b/4); the
 * lowest also what is below, the highest also what is above. Each is 19 % longer than the one before. Pure.
 */
export type Bucket = Readonly<{ bucket: number; count: number }>;

/** The bucket that ends at 10 seconds, within which messages should be handed over (spec 06, section 9). */
export const promptBucket = 0;

/** Where a bucket ends, in seconds. */
export function bucketEnd(bucket: number): number {
  return 10 * 2 ** (bucket / 4);
}

/**
 * The delay that a share of the messages do not exceed, in seconds, as if those of a bucket were spread evenly in it;
 * null if there are none. `share`: above 0 to 1.
 */
export function quantile(buckets: readonly Bucket[], share: number): number | null {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (total <= 0) return null;
  const wanted = share * total;
  let below = 0;
  for (const { bucket, count } of buckets.toSorted((a, b) => a.bucket - b.bucket)) {
    if (count > 0 && below + count >= wanted) return bucketEnd(bucket - 1 + (wanted - below) / count);
    below += count;
  }
  return null;
}

/** What is shown of delays: seconds with three digits. */
export function summary(buckets: readonly Bucket[]) {
  const rounded = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);
  return {
    count: buckets.reduce((sum, { count }) => sum + count, 0),
    ...{ p50: rounded(quantile(buckets, 0.5)), p95: rounded(quantile(buckets, 0.95)) },
    p99: rounded(quantile(buckets, 0.99)),
  };
}

/** Of so many messages, the percentage that was handed over within 10 seconds; 100 of none (spec 06, section 9). */
export function percentagePrompt(buckets: readonly Bucket[], total: number): number {
  if (total <= 0) return 100;
  const prompt = buckets.reduce((sum, { bucket, count }) => sum + (bucket <= promptBucket ? count : 0), 0);
  return Math.round((prompt / total) * 10_000) / 100;
}
