import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReferencePart, readTerm } from './term.ts';

test('a number is searched by its beginning and its end in any notation, as it is stored', () => {
  const table: [text: string, beginnings: string[], endings: string[]][] = [
    ['07700 900123', ['447700900123'], ['07700900123']],
    ['+44 (0) 7700 900123', ['447700900123', '4407700900123'], []],
    ['447700900123', ['447700900123', '44447700900123'], ['447700900123']],
    ['+33 1 12 34 56 78', ['33112345678'], []],
    ['0033 1 12 34 56 78', ['33112345678'], ['0033112345678']],
    ['0123', ['44123'], ['0123']],
    ['900 123', ['900123', '44900123'], ['900123']],
    ['07700-9', ['4477009'], ['077009']],
    ['0000', [], ['0000']],
  ];
  for (const [text, beginnings, endings] of table)
    assert.deepEqual(readTerm(text), { id: null, reference: text, beginnings, endings }, text);
});

test('an address is searched by its beginning and its end whatever its case, a domain by the end alone', () => {
  const table: [text: string, beginnings: string[], endings: string[]][] = [
    [' Rowan@Example.com\u200b', ['rowan@example.com'], ['rowan@example.com']],
    ['@Harbour.example', [], ['@harbour.example']],
    ['.gov.uk', ['.gov.uk'], ['.gov.uk']],
    ['rowan', ['rowan'], ['rowan']],
  ];
  for (const [text, beginnings, endings] of table) {
    const term = readTerm(text);
    assert.deepEqual([term?.beginnings, term?.endings], [beginnings, endings], text);
  }
});

test('an id is searched as an id, any text as a reference, and too little as nothing', () => {
  const id = '0199A0CE-0000-7000-8000-000000000001';
  assert.deepEqual(readTerm(id), { id: id.toLowerCase(), reference: id, beginnings: [], endings: [] });
  assert.equal(readTerm('Order 7\0 Ä')?.reference, 'Order 7 Ä');
  for (const text of ['', '   ', '123', '+44', '(12) 3', 'row', '@ab', '\0\0\0\0', '💧💧💧'])
    assert.equal(readTerm(text), null, text);
});

test('a part of a reference has at least 4 characters, spaces within it and any sign', () => {
  const table: [text: string, part: string | null][] = [
    [' Case 7 ', 'Case 7'],
    ['12/3', '12/3'],
    ['0-\u00001-', '0-1-'],
    ['a  b', 'a  b'],
    ['💧💧💧💧', '💧💧💧💧'],
    ...['', '   ', 'abc', ' abc ', '\0\0\0\0', '💧💧💧'].map((text): [string, null] => [text, null]),
  ];
  for (const [text, part] of table) assert.equal(readReferencePart(text), part, JSON.stringify(text));
});
