import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePhoneNumber } from './phone-number.ts';
import { phoneProblemV1Text } from './phone-problem-v1.ts';

const reasons = [
  'Must not contain letters or symbols',
  'Not enough digits',
  'Too many digits',
  'Not a UK mobile number',
  'Not a valid country prefix',
];

/** What v1 says of a number that is none. */
function told(text: string): string {
  const outcome = parsePhoneNumber(text);
  assert.ok(!outcome.ok, text);
  return phoneProblemV1Text(outcome.error, text);
}

test('a number that is none is told by one of the reasons of v1', () => {
  const table: [text: string, reason: string][] = [
    ['07700 90012x', 'Must not contain letters or symbols'],
    ['', 'Not enough digits'],
    ['07700 900', 'Not enough digits'],
    ['0770090012', 'Not enough digits'],
    ['+44 7700 90012', 'Not enough digits'],
    ['0770090012345678', 'Too many digits'],
    ['0800 111 222 33', 'Not a UK mobile number'],
    ['09012 345678', 'Not a UK mobile number'],
    ['07600000001', 'Not a UK mobile number'],
    ['+1 000 000 0000', 'Not a valid country prefix'],
    ['+33 1', 'Not enough digits'],
  ];
  for (const [text, reason] of table) assert.equal(told(text), `Invalid phone number: ${reason}`, text);
});

test('no other reason is ever given', () => {
  const all = reasons.map((reason) => `Invalid phone number: ${reason}`);
  const text = fc.string({ unit: fc.constantFrom(...'0123456789+ -()x'), maxLength: 20 });
  fc.assert(
    fc.property(text, (number) => {
      if (!parsePhoneNumber(number).ok) assert.ok(all.includes(told(number)), number);
    }),
    { numRuns: 1000 },
  );
});
