import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Duplicates } from './csv-duplicates.ts';

test('rows with the recipient of an earlier row are counted, and the first of them shown', () => {
  const duplicates = new Duplicates(6, 2);
  for (const [index, recipient] of ['a', 'b', 'a', 'c', 'b', 'a'].entries()) duplicates.add(recipient, index);
  assert.equal(duplicates.count, 3);
  assert.deepEqual(duplicates.shown, [
    { index: 2, firstIndex: 0 },
    { index: 4, firstIndex: 1 },
  ]);
});

test('100,000 different recipients are different', () => {
  const duplicates = new Duplicates(200_000, 20);
  for (let index = 0; index < 100_000; index += 1) {
    duplicates.add(`4474${String(index).padStart(8, '0')}`, 2 * index);
    duplicates.add(`person.${index}@example.com`, 2 * index + 1);
  }
  assert.equal(duplicates.count, 0);
});

test('a full table remembers nothing new', () => {
  const duplicates = new Duplicates(1, 20);
  for (const recipient of ['a', 'b', 'c', 'b', 'a']) duplicates.add(recipient, 0);
  assert.equal(duplicates.count, 1);
});
