/**
 * Delays from histograms (docs/decisions/0023). Bucket b holds delays above 10 s × 2^((b-1)/4) up to 10 s × 2^(b/4); the
 * lowest also what is below, the highest also what is above. Each is 19 % longer than the one before. Pure.
 */
export type Histogram = Readonly<{ buckets: readonly number[]; counts: readonly number[] }>;

/** The lowest bucket and the highest. */
const [lowest, highest] = [-40, 60];
/** The bucket that ends at 10 seconds, within which messages should be handed over (spec 06, section 9). */
const promptBucket = 0;

/** Where a bucket ends, in seconds. */
export function bucketEnd(bucket: number): number {
  return 10 * 2 ** (bucket / 4);
}

const sum = (counts: Iterable<number>) => {
  let total = 0;
  for (const count of counts) total += count;
  return total;
};

/** Added up, from the lowest bucket on. What is not folded yet may take messages away. */
function addUp(histograms: readonly Histogram[]): Float64Array {
  const all = new Float64Array(highest - lowest + 1);
  for (const { buckets, counts } of histograms)
    for (const [index, bucket] of buckets.entries()) all[bucket - lowest]! += counts[index]!;
  return all;
}

/**
 * The delays that these shares of the messages do not exceed, in seconds, as if those of a bucket were spread evenly in
 * it, and how many messages there are; null if there are none. `shares`: above 0 to 1, in order.
 */
export function quantiles(
  histograms: readonly Histogram[],
  shares: readonly number[],
): Readonly<{ total: number; values: readonly (number | null)[] }> {
  const counts = addUp(histograms);
  const total = sum(counts);
  let [index, below] = [0, 0];
  const values = shares.map((share) => {
    if (total <= 0) return null;
    const wanted = share * total;
    while (index < counts.length - 1 && (counts[index]! <= 0 || below + counts[index]! < wanted))
      below += counts[index++]!;
    const count = counts[index]!;
    return count > 0 ? bucketEnd(lowest + index - 1 + (wanted - below) / count) : null;
  });
  return { total, values };
}

/** What is shown of delays: seconds with three digits. */
export function summary(histograms: readonly Histogram[]) {
  const { total: count, values } = quantiles(histograms, [0.5, 0.95, 0.99]);
  const [p50, p95, p99] = values.map((value) => value && Math.round(value * 1000) / 1000) as [
    number | null,
    number | null,
    number | null,
  ];
  return { count, p50, p95, p99 };
}

/** Of so many messages, the percentage that was handed over within 10 seconds; 100 of none (spec 06, section 9). */
export function percentagePrompt(histograms: readonly Histogram[], total: number): number {
  if (total <= 0) return 100;
  const prompt = addUp(histograms).subarray(0, promptBucket - lowest + 1);
  return Math.round((sum(prompt) / total) * 10_000) / 100;
}
