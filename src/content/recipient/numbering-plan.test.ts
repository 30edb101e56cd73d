/**
 * Compares our numbering plans and parser with google-libphonenumber, the JavaScript edition of the library that the
 * reference uses (spec 03, section 1.1). Each brings its own copy of the numbering data, of different dates:
 * `changedRanges` lists what changed in between, and nothing else may differ.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import google from 'google-libphonenumber';
import { allWhitespace, ascii } from './characters.ts';
import { defaultRates } from './international-rates.ts';
import { callingCodeOf, checkLength, plansOf, regionAndTypeOf } from './numbering-plan.ts';
import { humanReadable, parsePhoneNumber } from './phone-number.ts';

/**
 * Ranges whose entry in the numbering data changed between the data of google-libphonenumber 3.2 (September 2026) and
 * that of libphonenumber-js 1.13 (November 2026), which we use. `example` is a national number that still differs: when
 * it no longer does, after an update of either package, the entry has to go.
 */
const changedRanges: readonly { code: string; national: RegExp; example: string; what: string }[] = [
  { code: '1', national: /^472/, example: '4725551234', what: 'North Carolina: a new area code' },
  { code: '40', national: /^6/, example: '600123456', what: 'Romania: mobiles with 6 withdrawn' },
  { code: '45', national: /^37/, example: '37123456', what: 'Denmark: 37 withdrawn' },
  { code: '57', national: /^910/, example: '9101234567', what: 'Colombia: mobiles with 910 withdrawn' },
  { code: '61', national: /^496/, example: '496012345', what: 'Australia: new mobiles' },
  {
    code: '86',
    national: /^(?:378|41[034]|634|807|85[23])/,
    example: '4101234567',
    what: 'China: area codes withdrawn',
  },
  { code: '91', national: /^796/, example: '7960123456', what: 'India: landlines made mobiles' },
  { code: '98', national: /^9992/, example: '9992012345', what: 'Iran: new mobiles' },
  { code: '229', national: /^\d{8}$/, example: '81123456', what: 'Benin: eight digits withdrawn' },
  { code: '229', national: /^\d{9}$/, example: '811234567', what: 'Benin: ten digits are the only length' },
  { code: '233', national: /^3/, example: '308345678', what: 'Ghana: new landlines' },
  { code: '234', national: /^910/, example: '9101234567', what: 'Nigeria: new mobiles' },
  { code: '238', national: /^57/, example: '5772967', what: 'Cape Verde: new mobiles' },
  { code: '251', national: /^7000/, example: '700012345', what: 'Ethiopia: new mobiles' },
  { code: '254', national: /^1(?:3[5-9]|46)/, example: '137474908', what: 'Kenya: new mobiles' },
  { code: '263', national: /^(?!80)\d{7}$/, example: '1312345', what: 'Zimbabwe: seven digits withdrawn' },
  { code: '263', national: /^751/, example: '751123456', what: 'Zimbabwe: new mobiles' },
  { code: '267', national: /^[2-6]\d{6}$/, example: '2101234', what: 'Botswana: new landlines' },
  { code: '267', national: /^321\d{5}$/, example: '32138659', what: 'Botswana: mobiles with 321 withdrawn' },
  { code: '267', national: /^79\d{6}$/, example: '79123456', what: 'Botswana: VoIP made mobile' },
  { code: '290', national: /^9\d{4}$/, example: '92158', what: 'Saint Helena: new mobiles' },
  { code: '358', national: /^4946/, example: '494673', what: 'Finland: mobiles with 4946 withdrawn' },
  { code: '506', national: /^20/, example: '20123456', what: 'Costa Rica: landlines with 20 withdrawn' },
  { code: '592', national: /^(?:516|768|781)/, example: '5161234', what: 'Guyana: new numbers' },
  { code: '593', national: /^93[0-2]/, example: '931234567', what: 'Ecuador: new mobiles' },
  { code: '595', national: /^9881/, example: '988123456', what: 'Paraguay: new mobiles' },
  { code: '675', national: /^206/, example: '2061234', what: 'Papua New Guinea: new VoIP numbers' },
  { code: '856', national: /^30[24]/, example: '3023123456', what: 'Laos: mobiles with 302, 304 withdrawn' },
  { code: '965', national: /^5999/, example: '59991234', what: 'Kuwait: new mobiles' },
];

const changed = (code: string, national: string) =>
  changedRanges.some((range) => range.code === code && range.national.test(national));

/** Functions that the package has, but its types lack. */
type Untyped = {
  getSupportedCallingCodes(): number[];
  getSupportedGlobalNetworkCallingCodes(): number[];
  getExampleNumberForNonGeoEntity(callingCode: number): google.PhoneNumber;
};

const { PhoneNumberFormat: formats, PhoneNumberType: types } = google;
const library = google.PhoneNumberUtil.getInstance() as google.PhoneNumberUtil & Untyped;
const results = google.PhoneNumberUtil.ValidationResult;
const callingCodes = library.getSupportedCallingCodes().map(String);
const typeNames = new Map<unknown, string>(Object.entries(types).map(([name, type]) => [type, name]));

const lengthNames = new Map<number, string>([
  [results.IS_POSSIBLE, 'possible'],
  [results.IS_POSSIBLE_LOCAL_ONLY, 'local-only'],
  [results.TOO_SHORT, 'too-short'],
  [results.TOO_LONG, 'too-long'],
  [results.INVALID_LENGTH, 'invalid'],
]);

function googleNumber(code: string, national: string) {
  const number = new google.PhoneNumber();
  number.setCountryCode(Number(code));
  number.setNationalNumber(Number(national));
  const zeros = /^0*(?=\d)/.exec(national)?.[0].length ?? 0;
  if (zeros > 0) number.setItalianLeadingZero(true);
  if (zeros > 1) number.setNumberOfLeadingZeros(zeros);
  return number;
}

/** A number as Google's library reads it: its length, region and type. */
function googleFacts(code: string, national: string): string {
  const number = googleNumber(code, national);
  const length = lengthNames.get(library.isPossibleNumberWithReason(number));
  if (!library.isValidNumber(number)) return `${length}, not valid`;
  const region: string | undefined = library.getRegionCodeForNumber(number);
  const type = typeNames.get(library.getNumberType(number));
  return `${length}, ${type} in ${region === '001' ? code : region}`;
}

/** The same facts from our plans. */
function ourFacts(code: string, national: string): string {
  const length = checkLength(national, plansOf(code)[0]!);
  const found = regionAndTypeOf(code, national);
  return found ? `${length}, ${found.type} in ${found.region}` : `${length}, not valid`;
}

/** The example numbers of every region and type, and of the calling codes without a region. */
const examples = [
  ...library
    .getSupportedRegions()
    .flatMap((region) =>
      Object.values(types).map((type) =>
        library.getExampleNumberForType(region, type as google.PhoneNumberType),
      ),
    ),
  ...library
    .getSupportedGlobalNetworkCallingCodes()
    .map((code) => library.getExampleNumberForNonGeoEntity(code)),
].filter((number) => number !== undefined && number !== null);

/** A number and those that differ from it in one digit, or lack the last, or have one more. */
function neighbours(national: string): string[] {
  const others = [...national].flatMap((_, place) =>
    [...'0123456789'].map((digit) => national.slice(0, place) + digit + national.slice(place + 1)),
  );
  return [...others, national.slice(0, -1), `${national}0`];
}

/** Pseudo-random digits, the same in every run. */
function digitSource(): (length: number) => string {
  let seed = 1;
  return (length) => {
    let digits = '';
    while (digits.length < length) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      digits += Math.floor((seed / 2 ** 32) * 10);
    }
    return digits;
  };
}

/** Numbers on which the two differ, outside the changed ranges; only a few, to stay readable. */
function differences(numbers: Iterable<readonly [code: string, national: string]>): string[] {
  const found: string[] = [];
  for (const [code, national] of numbers) {
    if (changed(code, national)) continue;
    const [ours, theirs] = [ourFacts(code, national), googleFacts(code, national)];
    if (ours !== theirs) found.push(`+${code} ${national}: ours ${ours}; Google's ${theirs}`);
  }
  return found.slice(0, 20);
}

test('the calling codes are exactly those of libphonenumber, and the built-in rates have those of countries', () => {
  assert.deepEqual(
    callingCodes.filter((code) => plansOf(code).length === 0),
    [],
  );
  const without = new Set(library.getSupportedGlobalNetworkCallingCodes().map(String));
  assert.deepEqual(
    [...defaultRates.keys()].filter((code) => !/^1\d/.test(code)).toSorted(),
    callingCodes.filter((code) => !without.has(code)).toSorted(),
  );
  for (let code = 1; code <= 999; code += 1) {
    const isKnown = callingCodes.some((known) => String(code).startsWith(known));
    assert.equal(callingCodeOf(String(code)) !== null, isKnown, String(code));
  }
});

test('a national number of any length is possible, local-only, too short or too long as in libphonenumber', () => {
  const digits = digitSource();
  const numbers = callingCodes.flatMap((code) =>
    Array.from({ length: 15 }, (_, index) => [code, `1${digits(index)}`] as const),
  );
  assert.deepEqual(differences(numbers), []);
});

test('the example numbers of every region and their neighbours are valid, with the same type, as in libphonenumber', () => {
  const all = examples.flatMap((number) =>
    neighbours(library.getNationalSignificantNumber(number)).map(
      (national) => `${number.getCountryCode()} ${national}`,
    ),
  );
  const numbers = [...new Set(all)].map((text) => text.split(' ') as [string, string]);
  assert.ok(numbers.length > 50_000, `${numbers.length} numbers`);
  assert.deepEqual(differences(numbers), []);
});

test('random national numbers of every possible length are valid, with the same type, as in libphonenumber', () => {
  const digits = digitSource();
  const numbers = callingCodes.flatMap((code) => {
    const lengths = new Set(plansOf(code).flatMap((plan) => plan.lengths));
    return [...lengths].flatMap((length) =>
      Array.from({ length: 50 }, () => [code, digits(length)] as const),
    );
  });
  assert.deepEqual(differences(numbers), []);
});

const known = new RegExp(`^[0-9()+\\-${allWhitespace}]*$`);
const sendable = new Set([
  types.MOBILE,
  types.FIXED_LINE,
  types.FIXED_LINE_OR_MOBILE,
  types.UAN,
  types.PERSONAL_NUMBER,
]);

function googleParse(text: string, region: 'GB' | undefined): google.PhoneNumber | null {
  try {
    return library.parse(text, region);
  } catch {
    return null;
  }
}

/** One pass of spec 03, section 1.2, written with Google's library: the normalised number or the error. */
function googlePass(text: string): string {
  if (!known.test(text)) return 'UNKNOWN_CHARACTER';
  if (text === '') return 'TOO_SHORT';
  let number = googleParse(text, 'GB');
  if (!number) return 'INVALID_NUMBER';
  const length = library.isPossibleNumberWithReason(number);
  if (length !== results.IS_POSSIBLE) {
    number = googleParse(`+${text}`, undefined);
    const other = number && library.isPossibleNumberWithReason(number);
    if (!number || (other !== results.IS_POSSIBLE && other !== results.IS_POSSIBLE_LOCAL_ONLY)) {
      if (length === results.TOO_LONG) return 'TOO_LONG';
      return length === results.INVALID_LENGTH ? 'INVALID_NUMBER' : 'TOO_SHORT';
    }
  }
  const normalised = library.format(number, formats.E164).slice(1);
  const isValid = library.isValidNumber(number) && sendable.has(library.getNumberType(number));
  return isValid || /^447700900\d{3}$/.test(normalised) ? normalised : 'INVALID_NUMBER';
}

const errorCode = /^[A-Z]/;

function googleOutcome(raw: string): string {
  const first = googlePass(raw);
  return errorCode.test(first) ? googlePass(ascii(raw.replaceAll('+', '').replace(/^0+/, ''))) : first;
}

function ourOutcome(raw: string): string {
  const outcome = parsePhoneNumber(raw);
  return outcome.ok ? outcome.phoneNumber.normalised : outcome.error;
}

/** Whether the digits of a text can be read as a number of a changed range, with or without a trunk zero. */
function isInChangedRange(raw: string): boolean {
  const digits = raw.replace(/\D/g, '').replace(/^0+/, '');
  return changedRanges.some(({ code, national }) => {
    const rest = digits.slice(code.length);
    return digits.startsWith(code) && (national.test(rest) || national.test(rest.replace(/^0/, '')));
  });
}

function outcomeDifferences(texts: Iterable<string>): string[] {
  const found: string[] = [];
  for (const text of texts) {
    if (isInChangedRange(text)) continue;
    const [ours, theirs] = [ourOutcome(text), googleOutcome(text)];
    if (ours !== theirs) found.push(`${JSON.stringify(text)}: ours ${ours}, the reference's ${theirs}`);
  }
  return found.slice(0, 20);
}

test('digits of any length after any calling code have the outcome of the two passes with libphonenumber', () => {
  const digits = digitSource();
  const texts = callingCodes.flatMap((code) =>
    Array.from({ length: 17 }, (_, length) => ['', '+', '00'].map((start) => start + code + digits(length))),
  );
  assert.deepEqual(outcomeDifferences(texts.flat()), []);
});

test('the example numbers in every format have the outcome of the two passes with libphonenumber', () => {
  const texts = examples.flatMap((number) =>
    [formats.E164, formats.INTERNATIONAL, formats.NATIONAL].map((format) => library.format(number, format)),
  );
  assert.deepEqual(outcomeDifferences(texts), []);
});

test('British digits and unusual characters have the outcome of the two passes with libphonenumber', () => {
  const digits = digitSource();
  const characters = [...'0123456789', ...'04447', ...' ()-+\t\n\u00A0\u200B\u2060'];
  const random = (length: number) => digits(2 * length).match(/../g) ?? [];
  const texts = Array.from({ length: 6000 }, (_, index) => {
    const length = index % 19;
    const unusual = random(length).map((pair) => characters[Number(pair) % characters.length]);
    const start = ['', '0', '+0', '440', '00'][index % 5]!;
    return [unusual.join(''), start + digits(length)];
  });
  assert.deepEqual(outcomeDifferences(texts.flat()), []);
});

test('numbers are displayed in the format of libphonenumber', () => {
  for (const example of examples) {
    const outcome = parsePhoneNumber(library.format(example, formats.E164));
    if (!outcome.ok) continue;
    const { normalised, isUk } = outcome.phoneNumber;
    const format = isUk ? formats.NATIONAL : formats.INTERNATIONAL;
    const displayed = library.format(library.parse(`+${normalised}`), format);
    assert.equal(humanReadable(outcome.phoneNumber), displayed, normalised);
  }
});

test('every changed range still differs from libphonenumber', () => {
  for (const { code, national, example, what } of changedRanges) {
    assert.match(example, national, what);
    assert.notEqual(ourFacts(code, example), googleFacts(code, example), what);
  }
});
