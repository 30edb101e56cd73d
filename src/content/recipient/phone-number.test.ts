import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  anyNumber,
  checkPermissions,
  humanReadable,
  type PhoneNumber,
  parsePhoneNumber,
  parseServiceContactNumber,
} from './phone-number.ts';

function parsed(raw: string): PhoneNumber {
  const outcome = parsePhoneNumber(raw);
  assert.ok(outcome.ok, `${JSON.stringify(raw)} should parse, but: ${outcome.ok || outcome.error}`);
  return outcome.phoneNumber;
}

function errorOf(raw: string): string {
  const outcome = parsePhoneNumber(raw);
  return outcome.ok ? outcome.phoneNumber.normalised : outcome.error;
}

describe('a phone number is understood in every usual spelling', () => {
  const spellings: [normalised: string, ...raw: string[]][] = [
    [
      '447400123456',
      '07400123456',
      '7400123456',
      '+44 7400 123456',
      '0044 (0)7400-123-456',
      '44 07400 123456',
      '0+447400123456',
      '+07400123456',
      '++447400123456',
      '+0044 7400 123456',
      '00007400123456',
      '(07400) 123456',
      ' \r\n07400123456\n',
      '07400\u00A0123\u202F456',
      '07400\t123456',
      '07400–123—456',
      '\uFEFF0\u200B7400123456',
    ],
    ['442079460123', '020 7946 0123', '+44(0)2079460123'],
    ['353861234567', '+353 86 123 4567', '00353861234567', '353861234567', '+353 (0)86 1234567'],
    ['12125550123', '+1 (212) 555-0123', '0012125550123', '12125550123'],
    ['393331234567', '+39 333 123 4567'],
    // The zero belongs to an Italian fixed line, so it stays.
    ['390612345678', '+39 06 1234 5678'],
    // An old Argentine mobile, dialled with 15, becomes one with 9.
    ['5491123456789', '+54 11 15 2345 6789'],
  ];
  for (const [normalised, ...raws] of spellings)
    for (const raw of raws)
      test(`${JSON.stringify(raw)} is ${normalised}`, () => assert.equal(parsed(raw).normalised, normalised));
});

describe('an invalid phone number has an error', () => {
  const errors: [raw: string, error: string][] = [
    ['', 'TOO_SHORT'],
    ['   ', 'INVALID_NUMBER'],
    ['000', 'TOO_SHORT'],
    ['7', 'INVALID_NUMBER'],
    ['07400', 'TOO_SHORT'],
    ['0740012', 'TOO_SHORT'],
    // Eight digits are dialled within a British town; with a plus it may be a local number elsewhere.
    ['84001234', 'TOO_SHORT'],
    ['12125550', 'INVALID_NUMBER'],
    ['+263 1234', 'INVALID_NUMBER'],
    ['0740012345', 'INVALID_NUMBER'],
    ['074001234567891', 'TOO_LONG'],
    ['07400 12345a', 'UNKNOWN_CHARACTER'],
    ['07400.123456', 'UNKNOWN_CHARACTER'],
    ['07400/123456', 'UNKNOWN_CHARACTER'],
    ['07400123456;ext=1', 'UNKNOWN_CHARACTER'],
    ['０７４００１２３４５６', 'UNKNOWN_CHARACTER'],
    ['07400\n123456', 'UNKNOWN_CHARACTER'],
    ['0740012345\n', 'UNKNOWN_CHARACTER'],
    ['+999 1234567', 'INVALID_NUMBER'],
    ['0800 123 4567', 'INVALID_NUMBER'],
    ['07640 123456', 'INVALID_NUMBER'],
    ['056 1234 5678', 'INVALID_NUMBER'],
    ['+1 900 234 5678', 'INVALID_NUMBER'],
    ['1'.repeat(300), 'INVALID_NUMBER'],
  ];
  for (const [raw, error] of errors)
    test(`${JSON.stringify(raw.slice(0, 20))}: ${error}`, () => assert.equal(errorOf(raw), error));
});

describe('the country and type of a number decide how it is billed and permitted', () => {
  type Facts = [raw: string, uk: boolean, international: boolean, crown: boolean, landline: boolean];
  const facts: Facts[] = [
    ['07400 123456', true, false, false, false],
    ['07700 900456', true, false, false, false],
    ['07012 345678', true, false, false, false],
    ['020 7946 0123', true, false, false, true],
    ['0300 123 4567', true, false, false, true],
    ['055 1234 5678', true, false, false, true],
    ['07797 712345', true, true, true, false],
    ['07624 412345', true, true, true, false],
    ['07781 123456', true, true, true, false],
    ['01534 456789', true, true, true, true],
    ['+353 86 123 4567', false, true, false, false],
    ['+353 1 234 5678', false, true, false, false],
  ];
  for (const [raw, uk, international, crown, landline] of facts)
    test(raw, () => {
      const { isUk, isInternational, isCrownDependency, isUkLandline } = parsed(raw);
      assert.deepEqual(
        [isUk, isInternational, isCrownDependency, isUkLandline],
        [uk, international, crown, landline],
      );
    });
});

test('drama numbers are those of 07700 900 only, and only with calling code 44', () => {
  assert.equal(parsed('07700 900000').normalised, '447700900000');
  assert.equal(parsed('+44 7700 900999').normalised, '447700900999');
  assert.equal(errorOf('07700 212345'), 'INVALID_NUMBER');
  assert.equal(errorOf('07700 9001234'), '77009001234');
  const indian = parsed('+91 77009 12345');
  assert.deepEqual([indian.isUk, indian.isInternational, indian.prefix], [false, true, '91']);
});

test('permissions are checked in order: international, landline, supported country', () => {
  const none = { international: false, ukLandlines: false };
  const rates = new Map([
    ['44', { names: [], multiplier: 2, needsNumericSender: false, trustsReceipts: true }],
  ]);
  const check = (raw: string, permissions: typeof none) => {
    const outcome = parsePhoneNumber(raw, rates);
    return outcome.ok ? checkPermissions(outcome.phoneNumber, permissions) : outcome.error;
  };
  assert.equal(check('07400123456', none), null);
  assert.equal(check('07797712345', none), null);
  assert.equal(check('07012345678', none), null);
  assert.equal(check('020 7946 0123', none), 'NOT_A_UK_MOBILE');
  assert.equal(check('020 7946 0123', { international: true, ukLandlines: false }), 'NOT_A_UK_MOBILE');
  assert.equal(check('020 7946 0123', anyNumber), null);
  assert.equal(check('+353861234567', none), 'NOT_A_UK_MOBILE');
  assert.equal(check('+353861234567', anyNumber), 'UNSUPPORTED_COUNTRY_CODE');
});

test('satellite networks are not in the built-in rates, so they are unsupported', () => {
  assert.equal(checkPermissions(parsed('+881 6 312 34567'), anyNumber), 'UNSUPPORTED_COUNTRY_CODE');
});

test('British numbers are shown in national format, others in international format', () => {
  const forms: [raw: string, display: string][] = [
    ['447400123456', '07400 123456'],
    ['442079460123', '020 7946 0123'],
    ['+441387355123', '013873 55123'],
    ['12125550123', '+1 212-555-0123'],
    ['+353861234567', '+353 86 123 4567'],
    ['+74951230000', '+7 495 123-00-00'],
    ['+5491123456789', '+54 9 11 2345-6789'],
  ];
  for (const [raw, display] of forms) assert.equal(humanReadable(parsed(raw)), display);
});

test('a service contact number may have three digits, but may not be an emergency number', () => {
  const contact = (raw: string) => {
    const outcome = parseServiceContactNumber(raw);
    return outcome.ok ? outcome.nationalNumber : outcome.error;
  };
  assert.equal(contact('111'), '111');
  assert.equal(contact('101'), '101');
  assert.equal(contact('020 7946 0123'), '2079460123');
  assert.equal(contact('999'), 'UNSUPPORTED_EMERGENCY_NUMBER');
  assert.equal(contact(' 112 '), 'UNSUPPORTED_EMERGENCY_NUMBER');
  assert.equal(contact('0999'), 'UNSUPPORTED_EMERGENCY_NUMBER');
  assert.equal(contact('11'), 'TOO_SHORT');
  assert.equal(contact('1111'), 'TOO_SHORT');
  assert.equal(contact('call us'), 'UNKNOWN_CHARACTER');
});

test('a parsed phone number is frozen', () => {
  assert.ok(Object.isFrozen(parsed('07400123456')));
});

describe('for any text as a phone number', () => {
  const digitish = fc.string({
    unit: fc.constantFrom(
      ...'0123456789',
      ...'0447',
      '+',
      '(',
      ')',
      '-',
      ' ',
      '\t',
      '\u00A0',
      '\u200B',
      '–',
      '.',
    ),
    maxLength: 20,
  });
  const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), digitish);

  test('parsing does not throw', () => {
    fc.assert(
      fc.property(anything, (raw) => {
        const outcome = parsePhoneNumber(raw);
        if (outcome.ok) assert.match(outcome.phoneNumber.normalised, /^[1-9]\d+$/);
        parseServiceContactNumber(raw);
        if (outcome.ok) humanReadable(outcome.phoneNumber);
      }),
    );
  });

  test('the normalised form with a plus parses to the same number', () => {
    const mobile = fc.tuple(
      fc.constantFrom('44', '353', '1', '39', '54', '91', '7'),
      fc.stringMatching(/^\d{7,11}$/),
    );
    const raws = fc.oneof(
      digitish,
      mobile.map(([code, rest]) => `+${code}${rest}`),
    );
    fc.assert(
      fc.property(raws, (raw) => {
        const outcome = parsePhoneNumber(raw);
        fc.pre(outcome.ok);
        assert.deepEqual(parsed(`+${outcome.phoneNumber.normalised}`), outcome.phoneNumber);
      }),
      { numRuns: 200 },
    );
  });

  test('the digits and the displayed form of a British number parse to the same number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^07[1-57-9]\d{8}$/), (raw) => {
        const outcome = parsePhoneNumber(raw);
        fc.pre(outcome.ok);
        const { phoneNumber } = outcome;
        assert.deepEqual(parsed(phoneNumber.normalised), phoneNumber);
        assert.deepEqual(parsed(humanReadable(phoneNumber)), phoneNumber);
      }),
    );
  });
});
