import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countExtensionCharacters,
  downgradeToAscii,
  downgradeToSms,
  unicodeLetters,
  unsupportedCharacters,
} from './sms-alphabet.ts';

test('a character outside the alphabet becomes its nearest equivalent, or a question mark', () => {
  const table: [string, string][] = [
    ['Hello [world] {€5} ^~|\\', 'Hello [world] {€5} ^~|\\'],
    ['\x1b\r\n', '\x1b\r\n'],
    ['ŵêl àéÿ ŸẄ', 'ŵêl àéÿ ŸẄ'],
    ['çśãőẹ', 'csaoe'],
    ['≠≮≯\u037e\u212a\u212b', '=<>;KÅ'],
    ['\u2126ΏῼὨ', 'ΩΩΩΩ'],
    ['ǣǿǻḈǖȫǟ', 'æøåÇüöä'],
    ['ấếồḯ', 'âêôï'],
    ['ệḗ', '??'],
    ['\u2011–—\u2212…‘’‚“”„', '----...\'\'\'"""'],
    ['a\u200bb\ufeffc\u2028', 'abc'],
    ['\u00a0\u202f\t', '   '],
    ['Łódź', 'Lódz'],
    ['`™½©ﬁ', '?????'],
    ['Жя你한', '????'],
    ['👨‍👩‍👧‍👦', '????'],
    ['☎️', '??'],
    ['\ud800', '?'],
    ['\u{2f800}\u{1d15e}', '??'],
  ];
  for (const [text, expected] of table) assert.equal(downgradeToSms(text), expected, text);
});

test('the same rules downgrade a text to printable ASCII', () => {
  assert.equal(downgradeToAscii('Łŵ é “q” £\n€…'), 'Lw e "q" ???...');
});

test('unsupported characters are those that become question marks, each once, by code point', () => {
  assert.deepEqual(unsupportedCharacters('?🔔a🐮é🔔Ж'), ['Ж', '🐮', '🔔']);
  assert.deepEqual(unsupportedCharacters('plain? “quotes” ŵ'), []);
});

test('only Welsh letters outside GSM 7-bit force UCS-2', () => {
  assert.deepEqual(unicodeLetters('à ŷ é ÿ ŷ 😀 ế'), ['ŷ', 'ÿ']);
  const welsh = [...'aeiouwyAEIOUWY'].flatMap((vowel) =>
    [...'\u0300\u0301\u0308\u0302'].map((accent) => (vowel + accent).normalize('NFC')),
  );
  assert.equal(unicodeLetters(welsh.join('')).length, 43);
  assert.equal(downgradeToSms(welsh.join('')), welsh.join(''));
  assert.equal(countExtensionCharacters('a^{}\\[~]|€b(-'), 9);
});
