import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emailLocalPart, fileSize, formattedList, htmlId, trimInvisible } from './wording.ts';

test('formatted lists wrap, join and escape their items', () => {
  assert.equal(formattedList([]), '');
  assert.equal(formattedList(['a'], { prefix: 'one', prefixPlural: 'many' }), 'one ‘a’');
  assert.equal(formattedList(['a', 'b'], { prefix: 'one', prefixPlural: 'many' }), 'many ‘a’ and ‘b’');
  assert.equal(formattedList(['<', 'b', 'c'], { conjunction: 'or', separator: '; ' }), '‘&lt;’; ‘b’ or ‘c’');
});

test('long formatted lists end in a word for the items left out', () => {
  const others = { wordForOthers: 'more' };
  assert.equal(formattedList([1, 2, 3], { maxItems: 3, ...others }), '‘1’, ‘2’ and ‘3’');
  assert.equal(formattedList([1, 2, 3, 4], { maxItems: 3, ...others }), '‘1’, ‘2’ and more');
  assert.equal(formattedList([1, 2], { maxItems: 1, ...others }), '‘1’ and more');
  assert.throws(() => formattedList([1], { maxItems: 1 }), RangeError);
});

test('file sizes have at most one decimal', () => {
  const sizes = [0, 52, 512, 1024, 1536, 10_240, 102_400, 52_428, 52_429, 1_048_576, 10_485_760].map(
    fileSize,
  );
  assert.deepEqual(sizes, [
    '0.1KB',
    '0.1KB',
    '0.5KB',
    '1KB',
    '1.5KB',
    '10KB',
    '0.1MB',
    '51.2KB',
    '0.1MB',
    '1MB',
    '10MB',
  ]);
});

test('names become email local parts and HTML ids', () => {
  assert.equal(emailLocalPart('  Café & Bar — Müller, Ltd. '), 'cafe.bar.muller.ltd');
  assert.equal(emailLocalPart('...'), '');
  assert.equal(htmlId(' A - b.c '), 'a---bc');
});

test('invisible characters are removed at both ends only', () => {
  assert.equal(trimInvisible('\u200b \xa0a\u200bb\u2060\n'), 'a\u200bb');
});

test('combining marks cost no more than other characters', () => {
  const marks = `a${'\u0316\u0300'.repeat(100_000)}`;
  const started = performance.now();
  assert.equal(htmlId(marks), 'a');
  assert.equal(emailLocalPart(`${'\u302e\u{1d165}'.repeat(100_000)}b`), 'b');
  assert.ok(performance.now() - started < 2_000);
});
