import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRates, parseRates, type Rates } from './international-rates.ts';
import { parsePhoneNumber } from './phone-number.ts';

function entry(units: number, attributes: Record<string, unknown> = {}) {
  return {
    names: ['Somewhere'],
    billable_units: units,
    attributes: { alpha: 'YES', dlr: 'YES', ...attributes },
  };
}

function ratesOf(content: unknown): Rates {
  const outcome = parseRates(JSON.stringify(content));
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.errors.join('; '));
  return outcome.rates;
}

function errorsOf(json: string): readonly string[] {
  const outcome = parseRates(json);
  return outcome.ok ? [] : outcome.errors;
}

test('the built-in rates have every country, by name and within reason, and no networks without a country', () => {
  for (const [prefix, { names, multiplier }] of defaultRates) {
    assert.ok(!prefix.startsWith('1') || prefix === '1' || /^1[2-9]\d\d$/.test(prefix), prefix);
    assert.ok(names.length > 0 && names.every((name) => /^\p{Lu}[\p{L}\p{P} ]+$/u.test(name)), prefix);
    assert.ok(multiplier >= 1 && multiplier <= 12, prefix);
  }
  const of = (code: string) => {
    const { multiplier, needsNumericSender, trustsReceipts } = defaultRates.get(code)!;
    return [multiplier, needsNumericSender, trustsReceipts];
  };
  assert.deepEqual(of('44'), [2, false, true]);
  assert.deepEqual(of('33'), [2, false, true]);
  assert.deepEqual(of('1'), [1, true, false]);
  assert.deepEqual(of('7'), [12, false, true]);
  assert.deepEqual(of('1664'), [3, false, false]);
  for (const code of ['881', '870', '979', '999']) assert.ok(!defaultRates.has(code), code);
});

test('a number is charged by prefix: UK numbers one unit, Crown dependencies as 44, North America by area code', () => {
  const rates = ratesOf({
    '44': entry(2),
    '1': entry(3, { alpha: 'NO' }),
    '1876': entry(9),
    '353': entry(4),
  });
  const charged = (raw: string) => {
    const outcome = parsePhoneNumber(raw, rates);
    assert.ok(outcome.ok, raw);
    const { prefix, rateMultiplier, needsNumericSender, isSupported } = outcome.phoneNumber;
    return [prefix, rateMultiplier, needsNumericSender, isSupported];
  };
  assert.deepEqual(charged('07400 123456'), ['44', 1, false, true]);
  assert.deepEqual(charged('07700 900123'), ['44', 1, false, true]);
  assert.deepEqual(charged('07797 712345'), ['44', 2, false, true]);
  assert.deepEqual(charged('+1 212 555 0123'), ['1', 3, true, true]);
  assert.deepEqual(charged('+1 876 210 1234'), ['1876', 9, false, true]);
  assert.deepEqual(charged('+353 86 123 4567'), ['353', 4, false, true]);
  assert.deepEqual(charged('+33 6 12 34 56 78'), ['33', null, null, false]);
});

test('receipts from a country are trusted only if dlr is yes', () => {
  const receipts: [dlr: unknown, trusted: boolean][] = [
    ['YES', true],
    ['yes', true],
    ['Carrier DLR', false],
    ['NO', false],
    ['', false],
    [null, false],
    [undefined, false],
  ];
  for (const [dlr, trusted] of receipts)
    assert.equal(ratesOf({ '44': entry(2, { dlr }) }).get('44')?.trustsReceipts, trusted, String(dlr));
});

test('an invalid rates file is refused with all its errors', () => {
  assert.match(errorsOf('{')[0]!, /^The rates are not JSON: /);
  assert.deepEqual(errorsOf('[]'), ['The rates must be an object from prefix to rate']);
  assert.deepEqual(errorsOf('{}'), [
    'Prefix "44" is missing: it holds the rate of Jersey, Guernsey and the Isle of Man',
  ]);
  const bad = {
    '44': entry(2),
    '+33': entry(1),
    '34': 1,
    '35': { names: 'Spain', billable_units: 0, attributes: {} },
    '36': { names: [], billable_units: 1.5 },
    '37': entry(1, { alpha: 1, dlr: true }),
  };
  assert.deepEqual(errorsOf(JSON.stringify(bad)), [
    'Prefix "34" must hold an object',
    'Prefix "35" must have names, a list of strings',
    'Prefix "35" must have billable_units, a whole number from 1',
    'Prefix "36" must have billable_units, a whole number from 1',
    'Prefix "36" must have attributes, an object',
    'Prefix "37" must have a string or null as attributes.alpha',
    'Prefix "37" must have a string or null as attributes.dlr',
    'Prefix "+33" must be 1 to 7 digits without plus, of which the first is not 0',
  ]);
});
