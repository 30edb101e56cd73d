import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFairOrder, mostBehind } from './fair-order.ts';

const start = Date.UTC(2026, 10, 21);

test('of a service that sends many at once, each goes 10 milliseconds after the one before, to 999 seconds', () => {
  const turns = createFairOrder({ now: () => start });
  const behind = Array.from({ length: 5 }, () => turns.take('a', 10));
  assert.deepEqual(behind, [0, 10, 20, 30, 40]);
  assert.equal(turns.take('b', 10), 0, 'another service is not behind');
  assert.equal(turns.take('a', 20), 0, 'nor another class of the same');
  for (let i = 0; i < 100_000; i++) turns.take('a', 10);
  assert.equal(turns.take('a', 10), mostBehind);
  assert.equal(mostBehind, 999_000);
});

test('one that sends 100 a second is never behind, and who was catches up', () => {
  let now = start;
  const turns = createFairOrder({ now: () => now });
  for (let i = 0; i < 1000; i++) {
    assert.equal(turns.take('steady', 10), 0);
    now += 10;
  }
  for (let i = 0; i < 1000; i++) turns.take('a', 10);
  now += 4000;
  assert.equal(turns.take('a', 10), 6000);
});

test('whoever is not behind any more is forgotten', () => {
  let now = start;
  const turns = createFairOrder({ now: () => now });
  turns.take('a', 10);
  turns.take('b', 10);
  now += 3_600_000;
  assert.equal(turns.take('c', 10), 0);
  assert.equal(turns.size, 1);
});

test('a clock that is set back puts nobody further behind than a flood could', () => {
  let now = start;
  const turns = createFairOrder({ now: () => now });
  turns.take('a', 10);
  now -= 3_600_000;
  assert.equal(turns.take('a', 10), mostBehind);
  now += 1_000_000;
  assert.equal(turns.take('a', 10), 0);
});
