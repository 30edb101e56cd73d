/**
 * Phone numbers: from what somebody typed to a number a message can go to, or the reason why not (spec 03
 * section 1). Pure; a number is parsed once, at the endpoint, and inner code takes only `PhoneNumber`.
 */
import { ALL_WHITESPACE, ascii } from './characters.ts';
import { DEFAULT_RATES, prefixOf, type Rates } from './international-rates.ts';
import { readNumber, type SplitNumber } from './national-number.ts';
import { judgeLength, type LengthVerdict, type NumberKind, placeOf, plansOf } from './numbering-plan.ts';
import type { PhoneProblem } from './phone-problem.ts';

declare const parsed: unique symbol;

/** A valid number; only `parsePhoneNumber` makes one. */
export type PhoneNumber = {
  readonly [parsed]: true;
  /**
   * E.164 digits without plus, `447723456789`: stored as `normalised_to`, given to providers. Parse it again only
   * with a plus in front: bare digits are read as British, and `2911113356` of Eritrea is a Cardiff number then.
   */
  readonly normalised: string;
  /** The country's calling code, `44`; digits. */
  readonly callingCode: string;
  /** The digits after the calling code. */
  readonly nationalNumber: string;
  /** Calling code 44, which includes Jersey, Guernsey and the Isle of Man. */
  readonly isUk: boolean;
  /** Billed as international: everything but Great Britain and Northern Ireland, Crown dependencies included. */
  readonly isInternational: boolean;
  /** Jersey, Guernsey or Isle of Man: needs no permission, is charged as international. */
  readonly isCrownDependency: boolean;
  /** A fixed line or an 03 or 055 number with calling code 44: needs the landline permission. */
  readonly isUkLandline: boolean;
  /** Key into the rates, stored as `phone_prefix`: the calling code, or `1` with an area code (`1664`). */
  readonly prefix: string;
  /** Billable units per fragment; null when the rates do not have the prefix. */
  readonly rateMultiplier: number | null;
  /** Names as senders do not arrive there; null when the rates do not have the prefix. */
  readonly needsNumericSender: boolean | null;
  /** Whether the rates have the calling code, without which nothing is sent. */
  readonly isSupported: boolean;
};

export type PhoneOutcome = { ok: true; phoneNumber: PhoneNumber } | { ok: false; error: PhoneProblem };

type Read<Value> = Value | PhoneProblem;

const KNOWN_CHARACTERS = new RegExp(`^[0-9()+\\-${ALL_WHITESPACE}]*$`);
const LEADING_ZEROS = /^0+/;

/** Reserved for fiction, and so not in the numbering data, but made for examples (spec 03 section 1.4). */
const DRAMA_NUMBER = /^7700900\d{3}$/;

const SENDABLE: ReadonlySet<NumberKind> = new Set([
  'MOBILE',
  'FIXED_LINE',
  'FIXED_LINE_OR_MOBILE',
  'UAN',
  'PERSONAL_NUMBER',
]);
const LANDLINE: ReadonlySet<NumberKind> = new Set(['FIXED_LINE', 'FIXED_LINE_OR_MOBILE', 'UAN']);

/** A number in its country, as the passes hand it on. */
type PlacedNumber = SplitNumber & { readonly region: string; readonly kind: NumberKind };

/**
 * Parses what somebody typed (spec 03 section 1.2): spaces, brackets, hyphens, a plus, `00`, a superfluous trunk
 * zero and a missing plus are all understood; a number without calling code is British. `rates` says what the
 * number costs; it decides nothing about validity. The error is a code, its texts are in phone-problem.ts.
 */
export function parsePhoneNumber(raw: string, rates: Rates = DEFAULT_RATES): PhoneOutcome {
  const placed = twice(raw, onePass);
  return typeof placed === 'string'
    ? { ok: false, error: placed }
    : { ok: true, phoneNumber: describe(placed, rates) };
}

/**
 * The published contact number of a service, which nothing is sent to: as `parsePhoneNumber`, but numbers of three
 * digits are welcome, save the emergency ones. Answers the national number. Spec 03 section 1.7.
 */
export function parseServiceContactNumber(
  raw: string,
): { ok: true; nationalNumber: string } | { ok: false; error: PhoneProblem } {
  const read = twice(raw, contactPass);
  return typeof read === 'string'
    ? { ok: false, error: read }
    : { ok: true, nationalNumber: read.nationalNumber };
}

/** Tries the text as it stands, then a cleaned-up version; the error is that of the second try. */
function twice<Value extends object>(raw: string, pass: (text: string) => Read<Value>): Read<Value> {
  const first = pass(raw);
  if (typeof first !== 'string') return first;
  const second = ascii(raw.replaceAll('+', '').replace(LEADING_ZEROS, ''));
  // The same text would fail in the same way.
  return second === raw ? first : pass(second);
}

function onePass(text: string): Read<PlacedNumber> {
  const split = read(text);
  return typeof split === 'string' ? split : settle(text, split);
}

function contactPass(text: string): Read<SplitNumber> {
  const split = read(text);
  if (typeof split === 'string') return split;
  const shortNumber = split.nationalNumber.replace(LEADING_ZEROS, '');
  if (shortNumber === '999' || shortNumber === '112') return 'UNSUPPORTED_EMERGENCY_NUMBER';
  if (shortNumber.length === 3) return { callingCode: split.callingCode, nationalNumber: shortNumber };
  return settle(text, split);
}

/** Rules 1 to 3 of a pass. */
function read(text: string): Read<SplitNumber> {
  if (!KNOWN_CHARACTERS.test(text)) return 'UNKNOWN_CHARACTER';
  if (text === '') return 'TOO_SHORT';
  return readNumber(text, { home: true }) ?? 'INVALID_NUMBER';
}

/** Rules 4 and 5 of a pass. */
function settle(text: string, split: SplitNumber): Read<PlacedNumber> {
  let number = split;
  const verdict = lengthOf(split);
  if (verdict !== 'possible') {
    const international = readNumber(`+${text}`, { home: false });
    const other = international && lengthOf(international);
    if (!international || (other !== 'possible' && other !== 'local-only')) return lengthProblem(verdict);
    number = international;
  }
  const { callingCode, nationalNumber } = number;
  const place = placeOf(callingCode, nationalNumber);
  if (place && SENDABLE.has(place.kind)) return { ...number, ...place };
  if (callingCode === '44' && DRAMA_NUMBER.test(nationalNumber))
    return { ...number, region: 'GB', kind: 'MOBILE' };
  return 'INVALID_NUMBER';
}

function lengthOf({ callingCode, nationalNumber }: SplitNumber): LengthVerdict {
  return judgeLength(nationalNumber, plansOf(callingCode)[0]!);
}

function lengthProblem(verdict: LengthVerdict): PhoneProblem {
  if (verdict === 'too-long') return 'TOO_LONG';
  return verdict === 'invalid' ? 'INVALID_NUMBER' : 'TOO_SHORT';
}

function describe({ callingCode, nationalNumber, region, kind }: PlacedNumber, rates: Rates): PhoneNumber {
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
    isUkLandline: isUk && LANDLINE.has(kind),
    prefix,
    rateMultiplier: isInternational ? (rate?.multiplier ?? null) : 1,
    needsNumericSender: rate?.needsNumericSender ?? null,
    isSupported: rates.has(callingCode),
  }) as PhoneNumber;
}

/** What a caller may send to; the columns of the table in spec 03 section 1.3. */
export type PhonePermissions = {
  /** Numbers whose country code is not 44: the service permission `international_sms`. */
  readonly international: boolean;
  /** British fixed lines: the service permission `sms_to_uk_landlines`. */
  readonly ukLandlines: boolean;
};

/** For the schema of the v2 API: only an unsupported country is refused. */
export const ANY_NUMBER: PhonePermissions = { international: true, ukLandlines: true };

/** For a user's mobile number and a guest list entry. */
export const ANY_MOBILE: PhonePermissions = { international: true, ukLandlines: false };

/** Why a valid number may not be sent to, or null when it may. Spec 03 section 1.3, in its order. */
export function checkPermissions(
  phoneNumber: PhoneNumber,
  permissions: PhonePermissions,
): PhoneProblem | null {
  if (!phoneNumber.isUk && !permissions.international) return 'NOT_A_UK_MOBILE';
  if (phoneNumber.isUkLandline && !permissions.ukLandlines) return 'NOT_A_UK_MOBILE';
  return phoneNumber.isSupported ? null : 'UNSUPPORTED_COUNTRY_CODE';
}

/**
 * The number as people read it: national with country code 44 (`07723 456789`), else international
 * (`+33 1 12 34 56 78`). Spec 03 section 1.4.
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

/**
 * A recipient or sender as people read it: a phone number in its human form, and unchanged whatever is not a valid
 * number, such as the name of a sender. Spec 03 section 1.4.
 */
export function displayPhoneNumber(text: string): string {
  const outcome = parsePhoneNumber(text);
  return outcome.ok ? humanReadable(outcome.phoneNumber) : text;
}
