import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sanitisePersonalisation, sanitiseText } from './sanitise.ts';

const texts: readonly (readonly [value: string, sanitised: string])[] = [
  ['Sam', 'Sam'],
  ['Dr.Brown', 'Dr\\. Brown'],
  ['Sam [prize](https://win.example)', 'Sam \\[prize\\]\\(\\)'],
  ['see www.shop.example and http://shop.example', 'see www\\. shop\\. example and '],
  ['Flat 3-4, (rear)', 'Flat 3\\-4, \\(rear\\)'],
  ['win.example/path', ''],
  ['bücher.example', ''],
  ['HTTPS://win.example', ''],
  ['a@b.example', 'a@b\\.example'],
  ['# one\n* two', '\\# one\n\\* two'],
  ['1. one', '1\\. one'],
  ['back\\slash', 'back\\\\slash'],
  ['http://localhost/x', ''],
  ['http://10.0.0.1/x', ''],
  ['http://[::1]/x', ''],
  ['http://[ x', ' x'],
  ['😀win.example', '😀win\\. example'],
];

for (const [value, sanitised] of texts) {
  test(`sanitises ${JSON.stringify(value)}`, () => assert.equal(sanitiseText(value), sanitised));
}

test('keys to sanitise match as placeholders do, and only changed values are reported', () => {
  const values = { 'First Name': 'a.b', last_name: 'Brown', other: 'c*' };
  assert.deepEqual(sanitisePersonalisation(values, ['first-name', 'LASTNAME', 'absent']), {
    personalisation: { 'First Name': 'a\\.b', last_name: 'Brown', other: 'c*' },
    changes: { 'First Name': { unsanitised: 'a.b', sanitised: 'a\\.b' } },
    notText: [],
  });
});

test('values to sanitise that are not strings are named and not changed', () => {
  const values = { a: 1, b: ['x'], c: null, d: 'x' };
  const { personalisation, changes, notText } = sanitisePersonalisation(values, ['a', 'b', 'c', 'd']);
  assert.deepEqual(personalisation, values);
  assert.deepEqual(changes, {});
  assert.deepEqual(notText, ['a', 'b']);
});

test('a key such as __proto__ is sanitised like any other', () => {
  const values = JSON.parse('{"__proto__": "a*"}');
  const { personalisation, changes } = sanitisePersonalisation(values, ['__proto__']);
  assert.equal(JSON.stringify(personalisation), '{"__proto__":"a\\\\*"}');
  assert.deepEqual(Object.keys(changes), ['__proto__']);
});
