import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { again, createBatcher } from './batcher.ts';

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const ticks = async (count: number) => {
  for (let i = 0; i < count; i++) await tick();
};

/** A batcher that records its flushes; each ends when the test calls its `end`. */
function held(options: { limit?: number; concurrency?: number; paceMilliseconds?: number } = {}) {
  const flushes: { items: readonly number[]; end: () => void }[] = [];
  const batcher = createBatcher<number, string>({
    ...options,
    flush: async (items) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      flushes.push({ items, end: resolve });
      await promise;
      return items.map((item) => `answer ${item}`);
    },
  });
  return { batcher, flushes, sizes: () => flushes.map(({ items }) => items.length) };
}

const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

test('an idle batcher flushes a lone item at once, with no timer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { batcher, flushes } = held();
  const answer = batcher.add(7);
  await tick();
  assert.deepEqual(flushes[0]?.items, [7]);
  flushes[0]?.end();
  assert.equal(await answer, 'answer 7');
});

test('items that arrive together are flushed together, those that arrive during a flush gather for the next', async () => {
  const { batcher, flushes } = held();
  const answers = [batcher.add(0), batcher.add(1), batcher.add(2)];
  await tick();
  for (const item of range(5, 3)) {
    answers.push(batcher.add(item));
    await tick();
  }
  assert.deepEqual(
    flushes.map(({ items }) => items),
    [[0, 1, 2]],
  );
  assert.equal(batcher.pending, 8);
  flushes[0]!.end();
  await tick();
  assert.deepEqual(flushes[1]!.items, [3, 4, 5, 6, 7]);
  flushes[1]!.end();
  assert.deepEqual(
    await Promise.all(answers),
    range(8).map((item) => `answer ${item}`),
  );
  await tick();
  assert.equal(batcher.pending, 0);
});

test('flushes keep their pace; after a flush of few items it is shorter', async (t) => {
  const waits: number[] = [];
  t.mock.method(globalThis, 'setTimeout', (_run: () => void, milliseconds: number) => {
    waits.push(milliseconds);
  });
  for (const [count, most] of [
    [1, 10],
    [100, 1000],
    [450, 4000],
  ] as const) {
    waits.length = 0;
    const { batcher, flushes } = held({ paceMilliseconds: 4000 });
    const answers = range(count).map((item) => batcher.add(item));
    await tick();
    flushes[0]!.end();
    await Promise.all(answers);
    void batcher.add(7);
    await tick();
    const [wait = 0] = waits;
    // Counted from the start of the flush.
    assert.ok(wait > most - 900 && wait <= most, `${wait} ms after ${count} items`);
  }
});

test('no flush exceeds the limit, and no more flushes run at once than the concurrency', async () => {
  const { batcher, flushes, sizes } = held({ limit: 4, concurrency: 2 });
  const answers = Promise.all(range(11).map((item) => batcher.add(item)));
  await ticks(3);
  assert.deepEqual(sizes(), [4, 4]);
  flushes[1]!.end();
  await ticks(3);
  assert.deepEqual(sizes(), [4, 4, 3]);
  for (const { end } of flushes) end();
  assert.equal((await answers).length, 11);
});

test('idle() of a batcher resolves at once if nothing is pending, else with the last answer', async () => {
  const { batcher, flushes } = held({ limit: 1 });
  await batcher.idle();
  let idle = false;
  const answers = [batcher.add(1), batcher.add(2)];
  const waiting = batcher.idle().then(() => {
    idle = true;
  });
  await tick();
  flushes[0]!.end();
  await ticks(3);
  assert.equal(idle, false);
  flushes[1]!.end();
  await waiting;
  assert.equal(batcher.pending, 0);
  await Promise.all(answers);
});

test('an item that a flush leaves is flushed again with those that came later, and is pending until it is answered', async () => {
  const seen: (readonly number[])[] = [];
  const batcher = createBatcher<number, string>({
    async flush(items) {
      seen.push(items);
      if (seen.length === 1) void later.push(batcher.add(8));
      return items.map((item) => (item === 2 && seen.length < 3 ? again : `${item} in ${seen.length}`));
    },
  });
  const later: Promise<string>[] = [];
  assert.deepEqual(await Promise.all([1, 2, 3].map((item) => batcher.add(item))), [
    '1 in 1',
    '2 in 3',
    '3 in 1',
  ]);
  assert.deepEqual(await Promise.all(later), ['8 in 2']);
  assert.deepEqual(seen, [[1, 2, 3], [8, 2], [2]]);
  await batcher.idle();
  assert.equal(batcher.pending, 0);
});

test('one bad item among 500 fails alone with its own error, in few flushes', async () => {
  let flushes = 0;
  const batcher = createBatcher<number, number>({
    flush: async (items) => {
      flushes += 1;
      if (items.includes(321)) throw new Error('321 is bad');
      return items.map((item) => -item);
    },
  });
  const results = await Promise.allSettled(range(500).map((item) => batcher.add(item)));
  results.forEach((result, item) => {
    if (item === 321) assert.match(String((result as PromiseRejectedResult).reason), /321 is bad/);
    else assert.deepEqual(result, { status: 'fulfilled', value: -item });
  });
  assert.ok(flushes <= 19, `${flushes} flushes`);
});

test('an error shared by all items goes to each of them after one flush, and the next flush works', async () => {
  const unreachable = new Error('the database is unreachable');
  let flushes = 0;
  const batcher = createBatcher<number, number>({
    flush: async (items) => {
      flushes += 1;
      if (flushes === 1) throw unreachable;
      return items;
    },
    isShared: (error) => error === unreachable,
  });
  const results = await Promise.allSettled(range(8).map((item) => batcher.add(item)));
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason === unreachable));
  assert.equal(flushes, 1);
  assert.equal(await batcher.add(9), 9);
});

test('a flush that throws synchronously, or returns too few answers, rejects its items and no others', async () => {
  let flushes = 0;
  const batcher = createBatcher<string, string>({
    flush: (items) => {
      flushes += 1;
      if (items.includes('throw')) throw new Error('no promise at all');
      return Promise.resolve(items.includes('short') ? items.slice(1) : items);
    },
  });
  await assert.rejects(batcher.add('throw'), /no promise at all/);
  flushes = 0;
  const results = await Promise.allSettled(['a', 'short', 'b', 'c'].map((item) => batcher.add(item)));
  assert.ok(
    results.every((result) => result.status === 'rejected' && /returned 3/.test(String(result.reason))),
  );
  assert.equal(flushes, 1, 'what was written is not written again');
  assert.equal(await batcher.add('d'), 'd');
});

test('whatever fails, each good item is written once and gets its own answer, each bad one its own error', async () => {
  const item = fc.record({ bad: fc.boolean(), wait: fc.nat(3) });
  const scenario = fc.record({
    items: fc.array(item, { maxLength: 40 }),
    limit: fc.integer({ min: 1, max: 9 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ items, limit, concurrency }) => {
      const written: number[] = [];
      let running = 0;
      const batcher = createBatcher<number, string>({
        limit,
        concurrency,
        flush: async (batch) => {
          running += 1;
          assert.ok(batch.length <= limit && running <= concurrency);
          await ticks(items[batch[0]!]!.wait);
          running -= 1;
          const bad = batch.find((index) => items[index]!.bad);
          if (bad !== undefined) throw new Error(`bad ${bad}`);
          written.push(...batch);
          return batch.map((index) => `answer ${index}`);
        },
      });
      const answers: Promise<string>[] = [];
      for (const [index, { wait }] of items.entries()) {
        if (wait === 3) await tick();
        const answer = batcher.add(index);
        answer.catch(() => {});
        answers.push(answer);
      }
      await batcher.idle();
      assert.equal(batcher.pending, 0);
      const results = await Promise.allSettled(answers);
      results.forEach((result, index) => {
        if (result.status === 'fulfilled') assert.equal(result.value, `answer ${index}`);
        else assert.equal(result.reason.message, `bad ${index}`);
        assert.equal(result.status === 'rejected', items[index]!.bad);
      });
      assert.deepEqual(
        written.toSorted((a, b) => a - b),
        range(items.length).filter((index) => !items[index]!.bad),
      );
    }),
    { numRuns: 150 },
  );
});

test('a flush that fails with a transient error is rerun whole, and fails if the error persists', async () => {
  const deadlock = new Error('deadlock detected');
  let failures = 1;
  const flushed: (readonly number[])[] = [];
  const batcher = createBatcher<number, number>({
    flush: async (items) => {
      flushed.push(items);
      if (failures-- > 0) throw deadlock;
      return items;
    },
    isTransient: (error) => error === deadlock,
  });
  assert.deepEqual(await Promise.all([1, 2].map((item) => batcher.add(item))), [1, 2]);
  assert.deepEqual(flushed, [
    [1, 2],
    [1, 2],
  ]);
  failures = 3;
  await assert.rejects(batcher.add(3), deadlock);
});
