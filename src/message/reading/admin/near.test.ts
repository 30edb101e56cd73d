import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersNear } from './near.ts';
import { readTerm } from './term.ts';

const near = (text: string) => numbersNear(readTerm(text)!);

test('near a whole number are those with one digit changed, left out or added, or two neighbours swapped', () => {
  const table: [text: string, what: string, number: string][] = [
    ['07700 900123', 'the last digit', '447700900128'],
    ['07700 900123', 'one in the middle', '447701900123'],
    ['07700 900123', 'one of the country code', '457700900123'],
    ['(+44) 7700-900-123', 'another notation', '447700900128'],
    ['447700900123', 'as it is stored', '447700900128'],
    ['07700 900123', 'one too many was typed', '44770090012'],
    ['07700 900123', 'one was left out', '4477009001234'],
    ['07700 900123', 'neighbours', '447700901023'],
    ['0770090012', 'a number that is too short', '447700900123'],
    ['077009001233', 'a number that is too long', '447700900123'],
    ['+33 6 12 34 56 78', 'of another country', '33612345679'],
    ['0033 6 12 34 56 78', 'of another country', '33612345679'],
    ['+33 6 12 34 56 7', 'of another country, too short', '33612345678'],
    ['020 7946 0018', 'a landline', '442079460019'],
    ['02079460018', 'a landline', '442079640018'],
  ];
  for (const [text, what, number] of table) assert.ok(near(text).includes(number), `${text}: ${what}`);
});

test('near a number is never the number itself, nothing twice, and few', () => {
  for (const text of ['07700 900123', '+33 6 12 34 56 78', '020 7946 0018', '0770090012', '7700900123']) {
    const numbers = near(text);
    assert.equal(new Set(numbers).size, numbers.length, text);
    assert.ok(numbers.length > 200 && numbers.length <= 750, `${text}: ${numbers.length}`);
    for (const number of numbers) assert.match(number, /^\d{8,15}$/);
  }
  assert.ok(!near('07700 900123').includes('447700900123'));
  assert.ok(!near('07700 900123').includes('447700900145'), 'two digits differ');
});

test('part of a number, an address, an id and a reference are near nothing', () => {
  for (const text of [
    ...['0123', '900 123', '+44 77', 'rowan@example.com', 'order-7', '1'.repeat(17), '1'.repeat(400)],
    '0199a0ce-0000-7000-8000-000000000001',
  ])
    assert.deepEqual(near(text), [], text);
});
