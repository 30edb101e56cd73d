import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Effect, type Health, healthAfter, healthy } from './health.ts';

const failure: Effect = { isDelivered: false, isProbe: false, at: 0, notBefore: null };
const probe: Effect = { ...failure, isProbe: true };
const after = (health: Health, ...effects: Effect[]) => effects.reduce(healthAfter, health);
const failures = (count: number): Effect[] => Array.from({ length: count }, () => failure);

test('ten failures in a row pause an address for 30 seconds; a success in between resets the count', () => {
  assert.equal(after(healthy, ...failures(9)).pausedUntil, null);
  assert.deepEqual(after(healthy, ...failures(10)), { failures: 10, pauses: 1, pausedUntil: 30_000 });
  const broken = after(healthy, ...failures(9), { ...failure, isDelivered: true }, ...failures(9));
  assert.equal(broken.pausedUntil, null);
});

test('failures of callbacks already under way when a pause began do not lengthen it', () => {
  assert.equal(after(healthy, ...failures(25)).pausedUntil, 30_000);
});

test('each probe that fails doubles the pause, up to 10 minutes', () => {
  let health = after(healthy, ...failures(10));
  const pauses: number[] = [];
  for (let probes = 0; probes < 7; probes++) {
    const at = health.pausedUntil!;
    health = healthAfter(health, { ...probe, at });
    pauses.push((health.pausedUntil! - at) / 1000);
  }
  assert.deepEqual(pauses, [60, 120, 240, 480, 600, 600, 600]);
});

test('any success ends the pause', () => {
  const paused = after(healthy, ...failures(12), probe);
  assert.deepEqual(healthAfter(paused, { ...probe, isDelivered: true }), healthy);
  assert.deepEqual(healthAfter(paused, { ...failure, isDelivered: true }), healthy);
});

test('an address that asks for a delay is paused for that long, then probed', () => {
  const asked = healthAfter(healthy, { ...failure, notBefore: 5000 });
  assert.deepEqual(asked, { failures: 1, pauses: 0, pausedUntil: 5000 });
  assert.deepEqual(healthAfter(asked, { ...failure, notBefore: 3000 }).pausedUntil, 5000);
  assert.deepEqual(healthAfter(asked, probe), { failures: 2, pauses: 0, pausedUntil: null });
  const tenth = after(healthy, ...failures(9), { ...failure, notBefore: 86_400_000 });
  assert.deepEqual(tenth, { failures: 10, pauses: 1, pausedUntil: 86_400_000 });
});
