/**
 * What can be wrong with a phone number, and the texts that say so (spec 03 section 1.8). There are two sets: one
 * for people who look at a CSV file or the admin pages, one for callers of the public v2 API.
 */

/** Stable code of a phone error. */
export type PhoneProblem =
  | 'INVALID_NUMBER'
  | 'TOO_LONG'
  | 'TOO_SHORT'
  | 'NOT_A_UK_MOBILE'
  | 'UNKNOWN_CHARACTER'
  | 'UNSUPPORTED_COUNTRY_CODE'
  | 'UNSUPPORTED_EMERGENCY_NUMBER';

const NOT_VALID = 'Number is not valid – double check the phone number you entered';

const TEXTS: Readonly<Record<PhoneProblem, { readonly admin: string; readonly v2: string }>> = {
  INVALID_NUMBER: { admin: NOT_VALID, v2: NOT_VALID },
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

/** The text of CSV cells, the admin pages and the internal API. */
export function phoneProblemText(problem: PhoneProblem): string {
  return TEXTS[problem].admin;
}

/** The text of the public v2 API; its schema stage puts `phone_number ` in front. */
export function phoneProblemV2Text(problem: PhoneProblem): string {
  return TEXTS[problem].v2;
}

/** Said instead of the `NOT_A_UK_MOBILE` text to a service that may not send abroad, by v2 and the internal API. */
export const NO_INTERNATIONAL_TEXT = 'Cannot send to international mobile numbers';

/**
 * The v2 error of a number that parses but that this service may not send to (spec 03 section 1.8): status 400 with
 * this `error` and `message`. `isForeign`: the country code is not 44.
 */
export function v2PermissionError(
  problem: PhoneProblem,
  { isForeign }: { isForeign: boolean },
): { error: 'BadRequestError' | 'InvalidPhoneError'; message: string } {
  return problem === 'NOT_A_UK_MOBILE' && isForeign
    ? { error: 'BadRequestError', message: NO_INTERNATIONAL_TEXT }
    : { error: 'InvalidPhoneError', message: TEXTS[problem].v2 };
}

/** The message of the internal API's send endpoints for a refused number (spec 03 section 1.8). */
export function internalPermissionText(problem: PhoneProblem, { isForeign }: { isForeign: boolean }): string {
  return problem === 'NOT_A_UK_MOBILE' && isForeign ? NO_INTERNATIONAL_TEXT : TEXTS[problem].admin;
}
