import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownNumber, parseOwnNumber, parseSender } from './number.ts';

test('an inbound number is looked up with its leading 44 replaced by 0', () => {
  const table: [string, string][] = [
    ['447700900456', '07700900456'],
    ['07700900456', '07700900456'],
    ['444477009004', '04477009004'],
    ['+447700900456', '+447700900456'],
    ['80123', '80123'],
    ['33612345678', '33612345678'],
    ['', ''],
  ];
  for (const [given, kept] of table) assert.equal(ownNumber(given), kept, given);
});

test('an operator may write an inbound number with spaces or a plus', () => {
  const table: [string, string | null][] = [
    ['07700900456', '07700900456'],
    ['07700 900 456', '07700900456'],
    ['+44 7700 900456', '07700900456'],
    ['447700900456', '07700900456'],
    ['80123', '80123'],
    ['12', null],
    ['1234567890123456', null],
    ['Harbour', null],
    ['', null],
    ['++447700900456', null],
    ['07700900456\u0000', null],
  ];
  for (const [given, kept] of table) assert.equal(parseOwnNumber(given), kept, given);
});

test('a sender is normalised to digits with country code; a name is not a number', () => {
  const table: [string, string | null][] = [
    ['447700900001', '447700900001'],
    ['07700 900 001', '447700900001'],
    ['+44 7700 900001', '447700900001'],
    ['00447700900001', '447700900001'],
    ['7700900001', '447700900001'],
    ['33612345678', '33612345678'],
    // With a country code that looks like the beginning of a British number.
    ['2917112345', '2917112345'],
    ['Harbour', null],
    ['80123', null],
    ['', null],
    ['\u0000', null],
  ];
  for (const [given, sender] of table) assert.equal(parseSender(given), sender, given);
});
