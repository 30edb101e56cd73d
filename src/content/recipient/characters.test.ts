import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ascii, clean, keyOf } from './characters.ts';

test('cleaning deletes invisible characters and trims whitespace', () => {
  assert.equal(clean(' \t\r\n\v\fa\u200B b\u00A0c\td \u202F'), 'a bc\td');
  assert.equal(clean('\u180E\u200C\u200D\u2060\uFEFF\u2028\u2029'), '');
  assert.equal(clean('plain'), 'plain');
  // Not in the set of the spec, so it stays.
  assert.equal(clean('\u3000a\u0085'), '\u3000a\u0085');
});

test('cleaning takes linear time on a long run of whitespace', () => {
  const started = performance.now();
  clean(`a${' '.repeat(1_000_000)}b`);
  assert.ok(performance.now() - started < 1000);
});

test('text is made ASCII by dropping accents and typographic punctuation', () => {
  assert.equal(ascii('Łódź łasi – “já” ‘x’… 1−2\u2011'), 'Lodz lasi - "ja" \'x\'... 1-2-');
  assert.equal(ascii('a\u00A0b\tc\u200Bd\n'), 'a b cd?');
  assert.equal(ascii('１😀☎'), '???');
});

test('names are compared without case, spaces, underscores and hyphens, but with other whitespace', () => {
  assert.equal(keyOf('Date-of_ Birth '), 'dateofbirth');
  assert.notEqual(keyOf('date\tof\u00A0birth'), 'dateofbirth');
});
