/**
 * What can be wrong with a phone number, and its texts: one set for CSV files, the admin pages and the internal API,
 * one for the public v2 API (spec 03, section 1.8), and the five reasons of v1 (spec 01, section 2.1).
 */

/** Stable code of a phone number error. */
export type PhoneProblem =
  | 'INVALID_NUMBER'
  | 'TOO_LONG'
  | 'TOO_SHORT'
  | 'NOT_A_UK_MOBILE'
  | 'UNKNOWN_CHARACTER'
  | 'UNSUPPORTED_COUNTRY_CODE'
  | 'UNSUPPORTED_EMERGENCY_NUMBER';

const notValid = 'Number is not valid – double check the phone number you entered';

const texts: Readonly<Record<PhoneProblem, { readonly admin: string; readonly v2: string }>> = {
  INVALID_NUMBER: { admin: notValid, v2: notValid },
  TOO_LONG: { admin: 'Mobile number is too long', v2: 'Too many digits' },
  TOO_SHORT: { admin: 'Mobile number is too short', v2: 'Not enough digits' },
  NOT_A_UK_MOBILE: {
    admin: 'This does not look like a UK mobile number – double check the mobile number you entered',
    v2: 'Not a UK mobile number',
  },
  UNKNOWN_CHARACTER: {
    admin: 'Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -',
    v2: 'Must not contain letters or symbols',
  },
  UNSUPPORTED_COUNTRY_CODE: {
    admin: 'Country code not found - double check the mobile number you entered',
    v2: 'Not a valid country prefix',
  },
  UNSUPPORTED_EMERGENCY_NUMBER: {
    admin: 'Phone number cannot be an emergency number',
    v2: 'Phone number cannot be an emergency number',
  },
};

/** The text for CSV cells, the admin pages and the internal API (spec 03, section 1.8). */
export function phoneProblemText(problem: PhoneProblem): string {
  return texts[problem].admin;
}

/** The text for the public v2 API, whose schema stage puts `phone_number ` in front (spec 03, section 1.8). */
export function phoneProblemV2Text(problem: PhoneProblem): string {
  return texts[problem].v2;
}

/** Replaces the `NOT_A_UK_MOBILE` text for foreign numbers, in v1, v2 and the internal API (spec 03, section 1.8). */
export const noInternationalText = 'Cannot send to international mobile numbers';

/**
 * The v2 error for a valid number that this service may not send to: status 400 with this `error` and `message`.
 * `isForeign`: the calling code is not 44 (spec 03, section 1.8).
 */
export function v2PermissionError(
  problem: PhoneProblem,
  { isForeign }: { isForeign: boolean },
): { error: 'BadRequestError' | 'InvalidPhoneError'; message: string } {
  return problem === 'NOT_A_UK_MOBILE' && isForeign
    ? { error: 'BadRequestError', message: noInternationalText }
    : { error: 'InvalidPhoneError', message: texts[problem].v2 };
}

/**
 * The v1 error text of a number, which has one of five reasons (spec 01, section 2.1 row 4). v1 did not know numbering
 * plans, so the reason for an `INVALID_NUMBER` is guessed from `text`, the number as it was typed.
 */
export function phoneProblemV1Text(problem: PhoneProblem, text: string): string {
  return `Invalid phone number: ${phoneProblemV2Text(problem === 'INVALID_NUMBER' ? guessProblem(text) : problem)}`;
}

function guessProblem(text: string): PhoneProblem {
  const typed = text.replace(/\D/g, '');
  const digits = typed.replace(/^0+/, '');
  const isBritish =
    /^0(?!0)/.test(typed) || digits.startsWith('44') || (digits.startsWith('7') && digits.length < 11);
  if (!isBritish) {
    if (digits.length < 8) return 'TOO_SHORT';
    return digits.length > 15 ? 'TOO_LONG' : 'UNSUPPORTED_COUNTRY_CODE';
  }
  const national = digits.replace(/^44/, '').replace(/^0+/, '');
  if (!national.startsWith('7') || national.length === 10) return 'NOT_A_UK_MOBILE';
  return national.length < 10 ? 'TOO_SHORT' : 'TOO_LONG';
}
