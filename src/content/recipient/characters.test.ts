import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ascii, clean } from './characters.ts';

test('cleaning deletes what cannot be seen and trims what can', () => {
  assert.equal(clean(' \t\r\n\v\fa\u200B b\u00A0c\td \u202F'), 'a bc\td');
  assert.equal(clean('\u180E\u200C\u200D\u2060\uFEFF\u2028\u2029'), '');
  assert.equal(clean('plain'), 'plain');
  // Not white space of this set: stays.
  assert.equal(clean('\u3000a\u0085'), '\u3000a\u0085');
});

test('a long run of white space costs no more than its length', () => {
  const started = performance.now();
  clean(`a${' '.repeat(1_000_000)}b`);
  assert.ok(performance.now() - started < 1000);
});

test('text becomes ASCII by losing accents and typographic dress', () => {
  assert.equal(ascii('Łódź łasi – “já” ‘x’… 1−2\u2011'), 'Lodz lasi - "ja" \'x\'... 1-2-');
  assert.equal(ascii('a\u00A0b\tc\u200Bd\n'), 'a b cd?');
  assert.equal(ascii('１😀☎'), '???');
});
