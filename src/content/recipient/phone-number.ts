/**
 * Phone numbers: from typed text to a number that messages can be sent to, or the reason why not (spec 03, section 1).
 * Pure. A number is parsed once, at the endpoint; inner code takes only `PhoneNumber`.
 */
import { allWhitespace, ascii } from './characters.ts';
import { defaultRates, prefixOf, type Rates } from './international-rates.ts';
import {
  callingCodeOf,
  checkLength,
  type LengthResult,
  type NumberingPlan,
  type NumberType,
  plansOf,
  regionAndTypeOf,
} from './numbering-plan.ts';
import type { PhoneProblem } from './phone-problem.ts';

declare const parsed: unique symbol;

/** A valid number; only `parsePhoneNumber` makes one. */
export type PhoneNumber = {
  readonly [parsed]: true;
  /**
   * E.164 digits without the plus, `447723456789`: stored as `normalised_to` and given to providers. To parse it again,
   * put a plus in front: bare digits are read as British, so that Eritrea's `2911113356` would be a Cardiff number.
   */
  readonly normalised: string;
  /** Country calling code, digits: `44`. */
  readonly callingCode: string;
  /** The digits after the calling code. */
  readonly nationalNumber: string;
  /** Calling code 44, including Jersey, Guernsey and the Isle of Man. */
  readonly isUk: boolean;
  /** Billed as international: everything outside the UK proper, including the Crown dependencies. */
  readonly isInternational: boolean;
  /** Jersey, Guernsey or Isle of Man: needs no permission, but is billed as international. */
  readonly isCrownDependency: boolean;
  /** Calling code 44 and a fixed line, 03 or 055 number: needs the landline permission. */
  readonly isUkLandline: boolean;
  /** Key into the rates, stored as `phone_prefix`: the calling code, or `1` with an area code (`1664`). */
  readonly prefix: string;
  /** Billable units per fragment; null if the rates lack the prefix. */
  readonly rateMultiplier: number | null;
  /** Whether alphanumeric senders are not possible there; null if the rates lack the prefix. */
  readonly needsNumericSender: boolean | null;
  /** Whether the rates have the calling code; if not, nothing can be sent there. */
  readonly isSupported: boolean;
};

export type PhoneOutcome = { ok: true; phoneNumber: PhoneNumber } | { ok: false; error: PhoneProblem };

/** A number in two parts, digits only; leading zeros of the national number are significant. */
type SplitNumber = { readonly callingCode: string; readonly nationalNumber: string };

type ValidNumber = SplitNumber & { readonly region: string; readonly type: NumberType };

const knownCharacters = new RegExp(`^[0-9()+\\-${allWhitespace}]*$`);
const leadingZeros = /^0+/;

/** Reserved for fiction, so missing from the numbering data, but accepted for examples (spec 03, section 1.4). */
const dramaNumber = /^7700900\d{3}$/;

const sendableTypes: ReadonlySet<NumberType> = new Set([
  'MOBILE',
  'FIXED_LINE',
  'FIXED_LINE_OR_MOBILE',
  'UAN',
  'PERSONAL_NUMBER',
]);
const landlineTypes: ReadonlySet<NumberType> = new Set(['FIXED_LINE', 'FIXED_LINE_OR_MOBILE', 'UAN']);

/** UTF-16 units: no number is longer, with all its punctuation, so more need not be parsed. */
export const longestPhoneNumber = 500;

/**
 * Parses typed text in any usual spelling: spaces, brackets, hyphens, a plus, `00`, a superfluous trunk zero or a
 * missing plus are all understood, and a number without a calling code is British (spec 03, section 1.2). `rates` gives
 * the price and whether the country is supported; it does not decide validity.
 */
export function parsePhoneNumber(raw: string, rates: Rates = defaultRates): PhoneOutcome {
  const number = tryTwice(raw, parseOnce);
  return typeof number === 'string'
    ? { ok: false, error: number }
    : { ok: true, phoneNumber: describe(number, rates) };
}

/**
 * Parses the published contact number of a service, which is never sent to: also accepts three digits, except the
 * emergency numbers (spec 03, section 1.7). Returns the national number, digits only.
 */
export function parseServiceContactNumber(
  raw: string,
): { ok: true; nationalNumber: string } | { ok: false; error: PhoneProblem } {
  const number = tryTwice(raw, parseContactOnce);
  return typeof number === 'string'
    ? { ok: false, error: number }
    : { ok: true, nationalNumber: number.nationalNumber };
}

/** Tries the text as it is, then a cleaned-up version; the error is that of the second try. */
function tryTwice<Value extends object>(
  raw: string,
  parse: (text: string) => Value | PhoneProblem,
): Value | PhoneProblem {
  const first = parse(raw);
  if (typeof first !== 'string') return first;
  const second = ascii(raw.replaceAll('+', '').replace(leadingZeros, ''));
  // The same text would fail in the same way.
  return second === raw ? first : parse(second);
}

function parseOnce(text: string): ValidNumber | PhoneProblem {
  const split = splitText(text);
  return typeof split === 'string' ? split : validate(text, split);
}

function parseContactOnce(text: string): SplitNumber | PhoneProblem {
  const split = splitText(text);
  if (typeof split === 'string') return split;
  const shortNumber = split.nationalNumber.replace(leadingZeros, '');
  if (shortNumber === '999' || shortNumber === '112') return 'UNSUPPORTED_EMERGENCY_NUMBER';
  if (shortNumber.length === 3) return { callingCode: split.callingCode, nationalNumber: shortNumber };
  return validate(text, split);
}

/** Rules 1 to 3 of a pass (spec 03, section 1.2). */
function splitText(text: string): SplitNumber | PhoneProblem {
  if (!knownCharacters.test(text)) return 'UNKNOWN_CHARACTER';
  if (text === '') return 'TOO_SHORT';
  return splitNumber(text, { defaultToUk: true }) ?? 'INVALID_NUMBER';
}

/** Rules 4 and 5 of a pass (spec 03, section 1.2). */
function validate(text: string, split: SplitNumber): ValidNumber | PhoneProblem {
  let number = split;
  const length = lengthOf(split);
  if (length !== 'possible') {
    const international = splitNumber(`+${text}`, { defaultToUk: false });
    const otherLength = international && lengthOf(international);
    if (!international || (otherLength !== 'possible' && otherLength !== 'local-only'))
      return lengthProblem(length);
    number = international;
  }
  const { callingCode, nationalNumber } = number;
  const found = regionAndTypeOf(callingCode, nationalNumber);
  if (found && sendableTypes.has(found.type)) return { ...number, ...found };
  if (callingCode === '44' && dramaNumber.test(nationalNumber))
    return { ...number, region: 'GB', type: 'MOBILE' };
  return 'INVALID_NUMBER';
}

function lengthOf({ callingCode, nationalNumber }: SplitNumber): LengthResult {
  return checkLength(nationalNumber, plansOf(callingCode)[0]!);
}

function lengthProblem(length: LengthResult): PhoneProblem {
  if (length === 'too-long') return 'TOO_LONG';
  return length === 'invalid' ? 'INVALID_NUMBER' : 'TOO_SHORT';
}

function describe({ callingCode, nationalNumber, region, type }: ValidNumber, rates: Rates): PhoneNumber {
  const isUk = callingCode === '44';
  const isInternational = region !== 'GB';
  const prefix = prefixOf(callingCode, nationalNumber, rates);
  const rate = rates.get(prefix);
  return Object.freeze({
    normalised: callingCode + nationalNumber,
    callingCode,
    nationalNumber,
    isUk,
    isInternational,
    isCrownDependency: isUk && isInternational,
    isUkLandline: isUk && landlineTypes.has(type),
    prefix,
    rateMultiplier: isInternational ? (rate?.multiplier ?? null) : 1,
    needsNumericSender: rate?.needsNumericSender ?? null,
    isSupported: rates.has(callingCode),
  }) as PhoneNumber;
}

// From here to `withoutNationalPrefix`: splitting typed text into calling code and national number, by the parsing
// rules of libphonenumber (spec 03, section 1.2 rule 3). Whether the number exists is not checked.

/** Numbers without a calling code are assumed to be British. */
const ukPlan = plansOf('44')[0]!;

const plainDigits = /^\+?\d{3,}$/;
const firstDigitOrPlus = /[+\d]/;
const afterLastDigit = /\D+$/;
// The punctuation that libphonenumber ignores; other whitespace inside a number fails here, and the second try has
// none.
const viableNumber = /^(?:\d{2}|\+*(?:[- \u00A0\u200B\u2060()]*\d){3,}[- \u00A0\u200B\u2060()\d]*)$/;
const nonDigits = /\D+/g;

const maxTextLength = 250;
const maxNationalNumberLength = 17;

/**
 * Splits text of digits, brackets, hyphens, pluses and whitespace; null if it cannot be read as a number at all. With
 * `defaultToUk` false only an international number with its plus is read.
 */
function splitNumber(text: string, { defaultToUk }: { defaultToUk: boolean }): SplitNumber | null {
  const digits = plainDigits.test(text) ? text : viableDigits(text);
  if (digits === null) return null;
  const plus = digits.startsWith('+');
  if (!plus && !defaultToUk) return null;

  const split = plus ? splitInternational(digits.slice(1)) : splitDialled(digits);
  if (split !== 'no such country') return split && finish(split);
  // A plus in front of a number without a calling code: `+07…`, `+0044…`.
  if (!plus || !defaultToUk) return null;
  const again = splitDialled(digits.slice(1));
  return again === 'no such country' || again === null || again.isDomestic ? null : finish(again);
}

type UnfinishedSplit = SplitNumber & { readonly isDomestic?: boolean };

/** The digits of the text, after a plus if it starts with one; null if it does not look like a phone number. */
function viableDigits(text: string): string | null {
  if (text.length > maxTextLength) return null;
  const from = text.search(firstDigitOrPlus);
  if (from < 0) return null;
  const trimmed = text.slice(from).replace(afterLastDigit, '');
  if (!viableNumber.test(trimmed)) return null;
  const digits = trimmed.replace(nonDigits, '');
  return trimmed.startsWith('+') ? `+${digits}` : digits;
}

function splitInternational(digits: string): UnfinishedSplit | 'no such country' | null {
  if (digits.length <= 2) return null;
  const callingCode = callingCodeOf(digits);
  return callingCode === null
    ? 'no such country'
    : { callingCode, nationalNumber: digits.slice(callingCode.length) };
}

/** Digits as dialled in the UK: a foreign number after `00`, or a British one with or without 44. */
function splitDialled(digits: string): UnfinishedSplit | 'no such country' | null {
  const prefix = ukPlan.internationalPrefix?.exec(digits)?.[0];
  // No calling code starts with 0, so a third zero means that this was not an international prefix.
  if (prefix !== undefined && digits[prefix.length] !== '0')
    return splitInternational(digits.slice(prefix.length));
  if (digits.startsWith(ukPlan.callingCode)) {
    const nationalNumber = withoutNationalPrefix(digits.slice(ukPlan.callingCode.length), ukPlan);
    const isBetter = !ukPlan.general.test(digits) && ukPlan.general.test(nationalNumber);
    if (isBetter || checkLength(digits, ukPlan) === 'too-long')
      return { callingCode: ukPlan.callingCode, nationalNumber };
  }
  return { callingCode: ukPlan.callingCode, nationalNumber: digits, isDomestic: true };
}

/** Removes the national prefix (`0` in most of Europe) if the rest could be a number; null if out of bounds. */
function finish({ callingCode, nationalNumber }: SplitNumber): SplitNumber | null {
  if (nationalNumber.length < 2) return null;
  const plan = plansOf(callingCode)[0]!;
  const stripped = withoutNationalPrefix(nationalNumber, plan);
  const length = stripped === nationalNumber ? 'possible' : checkLength(stripped, plan);
  const kept = length === 'possible' || length === 'too-long' ? stripped : nationalNumber;
  if (kept.length < 2 || kept.length > maxNationalNumberLength) return null;
  return { callingCode, nationalNumber: kept };
}

function withoutNationalPrefix(nationalNumber: string, plan: NumberingPlan): string {
  const match = plan.nationalPrefix?.exec(nationalNumber);
  if (!match || !plan.nationalPrefix) return nationalNumber;
  const transforms = plan.prefixTransform !== null && match.at(-1) !== undefined;
  const stripped = transforms
    ? nationalNumber.replace(plan.nationalPrefix, plan.prefixTransform!)
    : nationalNumber.slice(match[0].length);
  // If removing the digit makes a valid number invalid, it was part of the number.
  if (plan.general.test(nationalNumber) && !plan.general.test(stripped)) return nationalNumber;
  return stripped;
}

/** What a caller may send to, as in the table of spec 03, section 1.3. */
export type PhonePermissions = {
  /** Calling codes other than 44: the service permission `international_sms`. */
  readonly international: boolean;
  /** British landlines: the service permission `sms_to_uk_landlines`. */
  readonly ukLandlines: boolean;
};

/** For the request schema of the v2 API, which refuses only unsupported countries (spec 03, section 1.3). */
export const anyNumber: PhonePermissions = { international: true, ukLandlines: true };

/** Why a valid number may not be sent to, or null if it may; checked in the order of spec 03, section 1.3. */
export function checkPermissions(
  phoneNumber: PhoneNumber,
  permissions: PhonePermissions,
): PhoneProblem | null {
  if (!phoneNumber.isUk && !permissions.international) return 'NOT_A_UK_MOBILE';
  if (phoneNumber.isUkLandline && !permissions.ukLandlines) return 'NOT_A_UK_MOBILE';
  return phoneNumber.isSupported ? null : 'UNSUPPORTED_COUNTRY_CODE';
}

/**
 * The number as shown to people: national format for calling code 44 (`07723 456789`), otherwise international
 * (`+33 1 12 34 56 78`) (spec 03, section 1.4).
 */
export function humanReadable({ callingCode, nationalNumber, isUk }: PhoneNumber): string {
  const format = plansOf(callingCode)[0]?.formats.find(
    ({ leadingDigits, pattern }) =>
      (!leadingDigits || leadingDigits.test(nationalNumber)) && pattern.test(nationalNumber),
  );
  const national = format
    ? nationalNumber.replace(format.pattern, isUk ? format.national : format.international)
    : nationalNumber;
  return isUk ? national : `+${callingCode} ${national}`;
}
