import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFairOrder, mostBehind } from './fair-order.ts';

const start = Date.UTC(2026, 10, 21);

test('messages that a service sends at once are placed 10 milliseconds apart, up to 999 seconds behind', () => {
  const order = createFairOrder({ now: () => start });
  const behind = Array.from({ length: 5 }, () => order.take('a', 10));
  assert.deepEqual(behind, [0, 10, 20, 30, 40]);
  assert.equal(order.take('b', 10), 0, 'another service is not behind');
  assert.equal(order.take('a', 20), 0, 'nor another priority of the same one');
  for (let i = 0; i < 100_000; i++) order.take('a', 10);
  assert.equal(order.take('a', 10), mostBehind);
  assert.equal(mostBehind, 999_000);
});

test('a service that sends 100 a second is never behind, and one that was behind catches up', () => {
  let now = start;
  const order = createFairOrder({ now: () => now });
  for (let i = 0; i < 1000; i++) {
    assert.equal(order.take('steady', 10), 0);
    now += 10;
  }
  for (let i = 0; i < 1000; i++) order.take('a', 10);
  now += 4000;
  assert.equal(order.take('a', 10), 6000);
});

test('a service that is no longer behind is forgotten', () => {
  let now = start;
  const order = createFairOrder({ now: () => now });
  order.take('a', 10);
  order.take('b', 10);
  now += 3_600_000;
  assert.equal(order.take('c', 10), 0);
  assert.equal(order.size, 1);
});

test('a clock that is set back puts no service more than 999 seconds behind', () => {
  let now = start;
  const order = createFairOrder({ now: () => now });
  order.take('a', 10);
  now -= 3_600_000;
  assert.equal(order.take('a', 10), mostBehind);
  now += 1_000_000;
  assert.equal(order.take('a', 10), 0);
});
