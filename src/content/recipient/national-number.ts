/**
 * Reading dialled digits: which country a number is for and what its national number is, by the parsing rules of
 * the reference's numbering library (spec 03 section 1.2, rule 3). Whether the number exists is judged later.
 */
import { callingCodeOf, judgeLength, type NumberingPlan, plansOf } from './numbering-plan.ts';

/** A number split in two, both digits only; leading zeros of the national number count. */
export type SplitNumber = { readonly callingCode: string; readonly nationalNumber: string };

/** Where a number without a calling code is taken to be. */
const HOME = plansOf('44')[0]!;

const PLAIN = /^\+?\d{3,}$/;
const FIRST_DIGIT_OR_PLUS = /[+\d]/;
const AFTER_LAST_DIGIT = /\D+$/;
// The punctuation that the numbering library reads over; other white space in a number fails here, and the caller
// tries again without it.
const VIABLE = /^(?:\d{2}|\+*(?:[- \u00A0\u200B\u2060()]*\d){3,}[- \u00A0\u200B\u2060()\d]*)$/;
const NOT_DIGITS = /\D+/g;

const LONGEST_TEXT = 250;
const LONGEST_NATIONAL_NUMBER = 17;

/**
 * Reads text of digits, brackets, hyphens, pluses and white space. `home` false: only as an international number,
 * which then needs its plus. Answers null when the text cannot be read as a number at all.
 */
export function readNumber(text: string, { home }: { home: boolean }): SplitNumber | null {
  const digits = PLAIN.test(text) ? text : viableDigits(text);
  if (digits === null) return null;
  const plus = digits.startsWith('+');
  if (!plus && !home) return null;

  const read = plus ? readInternational(digits.slice(1)) : readAtHome(digits);
  if (read !== 'no such country') return read && strip(read);
  // A plus in front of a number that has no calling code: `+07…`, `+0044…`.
  if (!plus || !home) return null;
  const again = readAtHome(digits.slice(1));
  return again === 'no such country' || again === null || again.isDomestic ? null : strip(again);
}

type Unstripped = SplitNumber & { readonly isDomestic?: boolean };

/** The digits of the text, after a plus if it begins with one; null when it is not shaped like a phone number. */
function viableDigits(text: string): string | null {
  if (text.length > LONGEST_TEXT) return null;
  const from = text.search(FIRST_DIGIT_OR_PLUS);
  if (from < 0) return null;
  const trimmed = text.slice(from).replace(AFTER_LAST_DIGIT, '');
  if (!VIABLE.test(trimmed)) return null;
  const digits = trimmed.replace(NOT_DIGITS, '');
  return trimmed.startsWith('+') ? `+${digits}` : digits;
}

function readInternational(digits: string): Unstripped | 'no such country' | null {
  if (digits.length <= 2) return null;
  const callingCode = callingCodeOf(digits);
  return callingCode === null
    ? 'no such country'
    : { callingCode, nationalNumber: digits.slice(callingCode.length) };
}

/** Digits without plus, as dialled in the UK: after `00` a foreign number, or a British one with or without 44. */
function readAtHome(digits: string): Unstripped | 'no such country' | null {
  const prefix = HOME.internationalPrefix?.exec(digits)?.[0];
  // No calling code begins with 0, so a third zero means that this was no international prefix.
  if (prefix !== undefined && digits[prefix.length] !== '0')
    return readInternational(digits.slice(prefix.length));
  if (digits.startsWith(HOME.callingCode)) {
    const nationalNumber = withoutPrefix(digits.slice(HOME.callingCode.length), HOME);
    const better = !HOME.general.test(digits) && HOME.general.test(nationalNumber);
    if (better || judgeLength(digits, HOME) === 'too-long')
      return { callingCode: HOME.callingCode, nationalNumber };
  }
  return { callingCode: HOME.callingCode, nationalNumber: digits, isDomestic: true };
}

/** Takes off the trunk prefix (`0` in most of Europe) if what is left could be a number; null if out of bounds. */
function strip({ callingCode, nationalNumber }: SplitNumber): SplitNumber | null {
  if (nationalNumber.length < 2) return null;
  const plan = plansOf(callingCode)[0]!;
  const stripped = withoutPrefix(nationalNumber, plan);
  const verdict = stripped === nationalNumber ? 'possible' : judgeLength(stripped, plan);
  const kept = verdict === 'possible' || verdict === 'too-long' ? stripped : nationalNumber;
  if (kept.length < 2 || kept.length > LONGEST_NATIONAL_NUMBER) return null;
  return { callingCode, nationalNumber: kept };
}

function withoutPrefix(nationalNumber: string, plan: NumberingPlan): string {
  const match = plan.nationalPrefix?.exec(nationalNumber);
  if (!match || !plan.nationalPrefix) return nationalNumber;
  const transforms = plan.prefixTransform !== null && match.at(-1) !== undefined;
  const stripped = transforms
    ? nationalNumber.replace(plan.nationalPrefix, plan.prefixTransform!)
    : nationalNumber.slice(match[0].length);
  // The digit may belong to the number: only then does taking it off turn a valid number into an invalid one.
  if (plan.general.test(nationalNumber) && !plan.general.test(stripped)) return nationalNumber;
  return stripped;
}
