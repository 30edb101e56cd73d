import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIdSource, derivedId, idFloor, idTime, parseUuid } from './id.ts';

const noon = Date.UTC(2026, 10, 21, 12);
const clockAt = (start: number) => {
  let now = start;
  return { now: () => now, set: (time: number) => (now = time) };
};
const isRising = (ids: readonly string[]) => ids.every((id, i) => i === 0 || ids[i - 1]! < id);

test('an id is a UUIDv7 of the current time with random bits', () => {
  const source = createIdSource(clockAt(noon));
  const ids = Array.from({ length: 3000 }, source);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(idTime(id), noon);
  }
  assert.equal(new Set(ids.map((id) => id.slice(19))).size, ids.length);
});

test('after the clock is set back by minutes, ids are of the new time', () => {
  const clock = clockAt(noon);
  const source = createIdSource(clock);
  source();
  clock.set(noon - 20 * 60_000);
  assert.equal(idTime(source()), noon - 20 * 60_000);
});

test('ids ascend in the order they are generated: within a millisecond, beyond 4096 in one, and when the clock goes back', () => {
  const clock = clockAt(noon);
  const source = createIdSource(clock);
  const ids = Array.from({ length: 10_000 }, source);
  assert.equal(idTime(ids.at(-1)!), noon + 2);
  clock.set(noon + 1);
  ids.push(...Array.from({ length: 10 }, source));
  clock.set(noon - 60_000);
  ids.push(...Array.from({ length: 10 }, source));
  clock.set(noon + 50);
  ids.push(source());
  assert.equal(idTime(ids.at(-1)!), noon + 50);
  assert.ok(isRising(ids));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 200 }), (steps) => {
      const walking = clockAt(noon);
      const made = createIdSource(walking);
      const ids = steps.map((step) => {
        walking.set(walking.now() + step);
        return made();
      });
      return isRising(ids);
    }),
  );
});

test('a derived id is a UUIDv7 of its time, the same for the same and different for anything else', () => {
  const table: [time: number, sequence: number, name: string][] = [
    [noon, 0, 'job 0'],
    [noon, 1, 'job 0'],
    [noon, 4095, 'job 0'],
    [noon, 0, 'job 1'],
    [noon + 1, 0, 'job 0'],
    [0, 0, ''],
  ];
  const ids = table.map((one) => derivedId(...one));
  assert.deepEqual(
    table.map((one) => derivedId(...one)),
    ids,
  );
  assert.equal(new Set(ids).size, table.length);
  ids.forEach((id, index) => {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(idTime(id), table[index]![0]);
  });
  assert.ok(isRising(ids.slice(0, 3)));
});

test('the id floor of a moment is above every earlier id and below every later one', () => {
  const time = fc.integer({ min: 1, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(time, (at) => {
      const floor = idFloor(at);
      assert.equal(parseUuid(floor), floor);
      assert.equal(idTime(floor), at);
      assert.ok(createIdSource(clockAt(at - 1))() < floor && floor < createIdSource(clockAt(at))());
    }),
  );
  assert.equal(idFloor(-1), '00000000-0000-0000-0000-000000000000');
});

test('every accepted spelling of a UUID becomes lower case with hyphens', () => {
  const id = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';
  const good = [
    id,
    id.toUpperCase(),
    id.replaceAll('-', ''),
    `urn:uuid:${id}`,
    `uuid:${id}`,
    `urn:${id}`,
    `{${id}}`,
    `{${id.toUpperCase()}`,
    `urn:uuid:{${id.replaceAll('-', '')}}`,
    `{urn:uuid:${id}}`,
    '3f9d-0c527b1e4a86b2c491e05d6a7f38-',
  ];
  for (const text of good) assert.equal(parseUuid(text), id, text);
});

test('other texts are not UUIDs', () => {
  const id = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';
  const bad = [
    '',
    'x',
    id.slice(1),
    `${id}0`,
    ` ${id}`,
    `${id}\n`,
    `(${id})`,
    id.replace('3', 'g'),
    id.replaceAll('-', '_'),
    id.replace('3', '３'),
    `http:${id}`,
  ];
  for (const text of bad) assert.equal(parseUuid(text), null, text);
});
