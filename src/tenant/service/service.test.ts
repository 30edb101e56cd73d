import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocalPart, normalisedName } from './service.ts';

test('names that differ only in case, accents, spaces and punctuation are alike', () => {
  for (const [name, normalised] of [
    ['Street  Parking (North)', 'street.parking.north'],
    ['street parking north', 'street.parking.north'],
    [' Café “Quay”\t', 'cafe.quay'],
    ['A. B . C', 'a.b.c'],
    ['...dots...', 'dots'],
    ['港湾 2', '港湾.2'],
    ['!?', ''],
  ] as const)
    assert.equal(normalisedName(name), normalised);
});

test('a local part is one that an address can have', () => {
  for (const good of ['street.parking', 'a', 'A-1_b+c', 'x'.repeat(64)]) assert.ok(isLocalPart(good), good);
  for (const bad of ['', '.a', 'a.', 'a..b', 'a b', 'a@b', 'é', 'a\n', 'x'.repeat(65)])
    assert.ok(!isLocalPart(bad), bad);
});
