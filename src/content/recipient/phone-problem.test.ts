import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePhoneNumber } from './phone-number.ts';
import {
  phoneProblemText,
  phoneProblemV1Text,
  phoneProblemV2Text,
  v2PermissionError,
} from './phone-problem.ts';

test('the texts have the dashes that callers compare with', () => {
  assert.match(phoneProblemText('INVALID_NUMBER'), /valid \u2013 double/);
  assert.match(phoneProblemV2Text('INVALID_NUMBER'), /valid \u2013 double/);
  assert.match(phoneProblemText('NOT_A_UK_MOBILE'), /mobile number \u2013 double/);
  assert.match(phoneProblemText('UNSUPPORTED_COUNTRY_CODE'), /found - double/);
});

test('a foreign number is refused with a text of its own', () => {
  const international = 'Cannot send to international mobile numbers';
  assert.deepEqual(v2PermissionError('NOT_A_UK_MOBILE', { isForeign: true }), {
    error: 'BadRequestError',
    message: international,
  });
  assert.deepEqual(v2PermissionError('NOT_A_UK_MOBILE', { isForeign: false }), {
    error: 'InvalidPhoneError',
    message: 'Not a UK mobile number',
  });
});

const v1Reasons = [
  'Must not contain letters or symbols',
  'Not enough digits',
  'Too many digits',
  'Not a UK mobile number',
  'Not a valid country prefix',
];

/** The v1 text of an invalid number. */
function v1TextOf(text: string): string {
  const outcome = parsePhoneNumber(text);
  assert.ok(!outcome.ok, text);
  return phoneProblemV1Text(outcome.error, text);
}

test('v1 guesses the reason for an invalid number from its spelling', () => {
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
  for (const [text, reason] of table) assert.equal(v1TextOf(text), `Invalid phone number: ${reason}`, text);
});

test('v1 gives an invalid number only its five reasons', () => {
  const all = v1Reasons.map((reason) => `Invalid phone number: ${reason}`);
  const text = fc.string({ unit: fc.constantFrom(...'0123456789+ -()x'), maxLength: 20 });
  fc.assert(
    fc.property(text, (number) => {
      if (!parsePhoneNumber(number).ok) assert.ok(all.includes(v1TextOf(number)), number);
    }),
    { numRuns: 1000 },
  );
});
