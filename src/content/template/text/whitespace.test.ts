import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clean } from '../../recipient/characters.ts';
import {
  normaliseLines,
  normaliseWhiteSpace,
  squeezeNewlines,
  trim,
  trimBeforePunctuation,
} from './whitespace.ts';

function check(rule: (text: string) => string, table: [string, string][]): void {
  for (const [text, expected] of table) assert.equal(rule(text), expected, JSON.stringify(text));
}

test('spaces and tabs before commas and full stops are removed, and nothing else', () => {
  check(trimBeforePunctuation, [
    ['a \t, b .', 'a, b.'],
    ['a\n, b ! \u00a0.', 'a\n, b ! \u00a0.'],
  ]);
});

test('white space in a line becomes single spaces and invisible characters are removed', () => {
  check(normaliseWhiteSpace, [
    ['', ''],
    [' ', ''],
    ['a b', 'a b'],
    ['  a \t b\u3000\u0085c ', 'a b c'],
    ['a\u00a0\u202fb', 'a b'],
    ['a\u200b\u2028b\ufeff', 'ab'],
    ['a \u200d b', 'a b'],
    ['\u001fa\u001c', 'a'],
  ]);
});

test('every kind of line break ends a line, and lines join with LF', () => {
  check(normaliseLines, [
    ['a\r\nb\rc\n\rd', 'a\nb\nc\n\nd'],
    [' a \v b\fc\u001dd\u0085e\u2028f\u2029g', 'a\nb\nc\nd\ne\nf\ng'],
    ['a\u001fb', 'a b'],
  ]);
  check(squeezeNewlines, [['a\n\n\n\nb\n\nc\nd', 'a\n\nb\n\nc\nd']]);
});

test('trimming removes all white space but not the byte order mark', () => {
  check(trim, [
    [' \n\u0085a b\u001c\u3000', 'a b'],
    ['\ufeffa', '\ufeffa'],
    [' \t', ''],
  ]);
  check(clean, [
    [' \u00a0 a\u200bb \u2060', 'ab'],
    ['\u3000a', '\u3000a'],
  ]);
});

test('a million spaces are handled within a second', () => {
  const text = `a${' '.repeat(1_000_000)}b`;
  const started = performance.now();
  assert.equal(trim(normaliseLines(trimBeforePunctuation(text))), 'a b');
  assert.equal(trim(' '.repeat(1_000_000)), '');
  assert.ok(performance.now() - started < 1000);
});
