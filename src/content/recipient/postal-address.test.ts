import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postalAddressProblem } from './postal-address.ts';

const few = 'Address must be at least 3 lines';
const many = 'Address must be no more than 7 lines';
const empty = 'The first 2 lines of the address must both include at least one alphanumeric character';
const forces = 'The last line of a BFPO address must not be a country.';
const postcode = 'Must be a real UK postcode';
const anywhere = 'Last line of address must be a real UK postcode or another country';
const start = 'Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >';
const unreal = 'Must be a real address';

/** `|` between lines. */
const table: [address: string, home: string | null, abroad?: string | null][] = [
  ['Rowan Oak|2 Quay Street|BS1 4DJ', null],
  ['Rowan Oak|2 Quay Street|bs14dj', null],
  [' Rowan  Oak ,|, |2 Quay Street|||BS1  4DJ, ,', null],
  ['Rowan Oak|2 Quay Street|BS1 4DJ|United Kingdom', null],
  ['Rowan Oak|2 Quay Street|BS1 4DJ|U.K.', null],
  ['Rowan Oak|BS1 4DJ|United Kingdom', few],
  ['Rowan Oak|BS1 4DJ', few],
  ['', few],
  ['a\nb\nSW1A 1AA', null],
  ['a|b|c|d|e|f|SW1A 1AA', null],
  ['a|b|c|d|e|f|g|SW1A 1AA', many],
  ['a\nb|c|d|e|f|g|SW1A 1AA', many],
  ['-|b|SW1A 1AA', empty],
  ['a|…|SW1A 1AA', empty],
  ['é|٣|SW1A 1AA', null],
  ['a|b|not known', postcode, anywhere],
  ['a|b|QQ1 1AA', postcode, anywhere],
  ['a|b|SW1A 1AC', postcode, anywhere],
  ['a|b|SW1A1A 1AA', postcode, anywhere],
  ['a|b|EC1A 1BB', null],
  ['a|b|M1 1AE', null],
  ['a|b|GY1 1AA', null],
  ['a|b|France', postcode, null],
  ['a|b|CÔTE D’IVOIRE', postcode, null],
  ['a|France', few],
  ['a|b|BFPO 1234', null],
  ['a|b|bfpo c/o 12', null],
  ['a|BFPO 12|BF1 2AU', null],
  ['a|b|BFPO 12|France', forces],
  ['a|b|BFPO 12|United Kingdom', forces],
  ['BFPO 12', few],
  ['a|b|[c|SW1A 1AA', start],
  ['a|b|~c|SW1A 1AA', start],
  ['a|b|”c|SW1A 1AA', start],
  ['a|b|c [d|SW1A 1AA', null],
  ['a|nfa|SW1A 1AA', unreal],
  ['a|nfab|SW1A 1AA', null],
  ['Of No  Fixed Abode|b|SW1A 1AA', unreal],
  ['a|b, no fixed address|SW1A 1AA', unreal],
];

test('a postal address has no problem, or the first one found', () => {
  for (const [address, home, abroad = home] of table) {
    const lines = address.split('|');
    assert.equal(postalAddressProblem(lines, { international: false }), home, address);
    assert.equal(postalAddressProblem(lines, { international: true }), abroad, `abroad: ${address}`);
  }
});

test('a very long postal address is refused without a slow regular expression', () => {
  for (const text of [' ', ', ', 'a ', 'no fixed ', '\n', 'bfpo c/o '])
    assert.ok(postalAddressProblem([text.repeat(200_000)], { international: true }) !== null);
});

test('a country line of alternating combining marks is judged at once', () => {
  const started = performance.now();
  const country = `a${'\u0316\u0300'.repeat(100_000)}`;
  postalAddressProblem(['1 High Street', 'Town', country], { international: true });
  assert.ok(performance.now() - started < 2_000);
});
