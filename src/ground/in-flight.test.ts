import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { InFlight } from './in-flight.ts';

const item = (name: string) => ({ place: -1, name });
const names = (items: readonly { name: string }[]) => items.map(({ name }) => name).toSorted();

suite('things in flight', () => {
  test('are those that were added and not deleted, whatever the order', () => {
    const inFlight = new InFlight<ReturnType<typeof item>>();
    const [one, two, three, four] = ['one', 'two', 'three', 'four'].map(item);
    for (const each of [one!, two!, three!]) inFlight.add(each);
    assert.ok(inFlight.delete(one!));
    inFlight.add(four!);
    assert.ok(inFlight.delete(four!));
    assert.deepEqual(names(inFlight.all()), ['three', 'two']);
    assert.equal(inFlight.size, 2);
    assert.ok(inFlight.delete(three!));
    assert.ok(inFlight.delete(two!));
    assert.deepEqual(inFlight.all(), []);
  });

  test('know whether they are', () => {
    const inFlight = new InFlight<ReturnType<typeof item>>();
    const one = item('one');
    assert.equal(inFlight.delete(one), false);
    inFlight.add(one);
    assert.equal(inFlight.has(one), true);
    assert.equal(inFlight.delete(one), true);
    assert.equal(inFlight.delete(one), false);
    assert.equal(inFlight.has(one), false);
  });

  test('can be deleted while they are gone through', () => {
    const inFlight = new InFlight<ReturnType<typeof item>>();
    for (const name of ['one', 'two', 'three']) inFlight.add(item(name));
    const seen: string[] = [];
    for (const each of inFlight.all()) {
      seen.push(each.name);
      inFlight.delete(each);
    }
    assert.deepEqual(seen, ['one', 'two', 'three']);
    assert.equal(inFlight.size, 0);
  });
});
