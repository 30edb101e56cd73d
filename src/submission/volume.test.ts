import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVolumes } from './volume.ts';

const start = Date.UTC(2026, 10, 21);

test('a service falls a step behind for every 100 messages, to the 999th', () => {
  const volumes = createVolumes({ now: () => start });
  const steps = [99, 1, 400, 50_000, 100_000].map((messages) => volumes.add('a', messages));
  assert.deepEqual(steps, [0, 1, 5, 505, 999]);
  assert.equal(volumes.add('b', 1), 0, 'another service is not behind');
});

test('it catches up by 100 messages a second, and is forgotten once it has', () => {
  let now = start;
  const volumes = createVolumes({ now: () => now });
  assert.equal(volumes.add('a', 1000), 10);
  now += 4000;
  assert.equal(volumes.add('a', 0), 6);
  now += 3_600_000;
  assert.equal(volumes.add('b', 1), 0);
  assert.equal(volumes.size, 1);
  assert.equal(volumes.add('a', 1), 0);
});

test('a clock that is set back makes nobody fall behind further', () => {
  let now = start;
  const volumes = createVolumes({ now: () => now });
  volumes.add('a', 500);
  now -= 3_600_000;
  assert.equal(volumes.add('a', 0), 5);
});
