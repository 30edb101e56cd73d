import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moveRefusal } from './folder.ts';

test('a folder cannot be moved into itself or what is in it, or if the service lacks it', () => {
  // a > b > c, and d
  const parents = new Map([
    ['a', null],
    ['b', 'a'],
    ['c', 'b'],
    ['d', null],
  ]);
  const itself = 'You cannot move a folder to itself';
  const below = 'You cannot move a folder to one of its subfolders';
  const unknown = 'No folder found with id x for service s';
  const cases: [ids: string[], target: string | null, refusal: string | null][] = [
    [[], 'a', null],
    [['a', 'c'], null, null],
    [['b'], 'd', null],
    [['b'], 'a', null],
    [['c'], 'a', null],
    [['a'], 'a', itself],
    [['a'], 'b', below],
    [['d', 'a'], 'c', below],
    [['x'], null, unknown],
    [['d', 'x', 'a'], 'a', unknown],
    [['a', 'x'], 'a', itself],
  ];
  for (const [ids, target, refusal] of cases)
    assert.equal(moveRefusal(parents, 's', ids, target), refusal, `${ids} into ${target}`);
});
