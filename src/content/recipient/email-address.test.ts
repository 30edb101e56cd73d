import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseEmailAddress } from './email-address.ts';

describe('a valid email address is accepted', () => {
  const label63 = 'a'.repeat(63);
  const accepted = [
    'sam@example.org',
    'Sam.Smith+tag@sub.Example.co.uk',
    "o'hara@example.org",
    '.sam.@example.org',
    "!#$%&'*+/=?^_`{|}~-@example.org",
    'sam@a--b.org',
    'sam@xn--e1afmkfd.xn--p1ai',
    'sam@bücher.example',
    'sam@例え.jp',
    'sam@例え。jp',
    'sam@１２.org',
    'sam@simulator.notify',
    `sam@${label63}.org`,
    `${'a'.repeat(308)}@example.org`,
  ];
  for (const address of accepted) test(address.slice(0, 40), () => assert.ok(parseEmailAddress(address).ok));
});

describe('an invalid email address is refused', () => {
  const label63 = 'a'.repeat(63);
  const refused = [
    '',
    '@',
    'sam',
    'sam@',
    '@example.org',
    'sam@org',
    'sam@o',
    'sam@@example.org',
    'sam@sam@example.org',
    'sa m@example.org',
    'sam@exam ple.org',
    'sam\n@example.org',
    'sam..smith@example.org',
    'sam@example..org',
    'sam@.example.org',
    'sam@example.org.',
    'sam@-example.org',
    'sam@example-.org',
    'sam@a---b.org',
    'sam@exam_ple.org',
    'sam@example.o',
    'sam@example.0rg',
    'sam@192.168.0.1',
    'sam@[192.168.0.1]',
    'sam@example.org:587',
    'sam@%65xample.org',
    'sam@%65xämple.org',
    'sam@exämple.org/path',
    'sam@exä%mple.org',
    '"sam"@example.org',
    'Sam <sam@example.org>',
    'sam@example.org;max@example.org',
    'säm@example.org',
    'sam’s@example.org',
    `sam@${label63}a.org`,
    `sam@${`${label63}.`.repeat(4)}org`,
    `${'a'.repeat(309)}@example.org`,
    `${'a'.repeat(100_000)}@example.org`,
    // 320 characters as typed, but after conversion each label is too long for DNS.
    `sam@${'ü'.repeat(60)}.${'例'.repeat(40)}`,
    // 320 characters as typed, and more after conversion.
    `${'a'.repeat(306)}@büc.example`,
  ];
  for (const address of refused)
    test(JSON.stringify(address.slice(0, 40)), () =>
      assert.deepEqual(parseEmailAddress(address), { ok: false, error: 'Not a valid email address' }),
    );
});

test('surrounding whitespace and invisible characters are removed from an email address, case is kept', () => {
  const outcome = parseEmailAddress(' \t\uFEFFSam\u200B@Example.\u00A0ORG\r\n');
  assert.ok(outcome.ok);
  assert.deepEqual(
    { ...outcome.emailAddress },
    { address: 'Sam@Example.ORG', normalised: 'sam@example.org' },
  );
  assert.ok(Object.isFrozen(outcome.emailAddress));
});

test('parsing any text as an email address does not throw, and an accepted address is accepted again', () => {
  const addressish = fc.string({
    unit: fc.constantFrom(...'abZ09.-_@@+', 'é', '。', '\u200B', ' ', '例'),
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), addressish, fc.emailAddress()), (raw) => {
      const outcome = parseEmailAddress(raw);
      if (!outcome.ok) return;
      assert.deepEqual(parseEmailAddress(outcome.emailAddress.address), outcome);
    }),
  );
});
