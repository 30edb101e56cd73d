/** The recipient of one row: spec 03 section 4.4, the errors of cells, rule 2. */
import { comparable, type RecipientSet } from './allow-list.ts';
import type { TemplateType } from './csv-columns.ts';
import { spreadsheetDamage } from './csv-damage.ts';
import type { CellValue } from './csv-row.ts';
import { parseEmailAddress } from './email-address.ts';
import type { Rates } from './international-rates.ts';
import { checkPermissions, type PhonePermissions, parsePhoneNumber } from './phone-number.ts';
import { phoneProblemText } from './phone-problem.ts';

/** The error of an empty cell that a message needs. */
export const MISSING = 'Missing';

export type RecipientRules = {
  /** What the service may send to; both are service permissions. */
  readonly permissions: PhonePermissions;
  /** false for a file from a saved emergency contact list, whose phone numbers are taken as they are. */
  readonly validatePhoneNumbers: boolean;
  /** Who a service on trial may send to; null or empty is everybody. */
  readonly allowed: RecipientSet | null;
  readonly rates: Rates;
};

export type JudgedRecipient = {
  /** The exact text of spec 03 section 1.8 or 2, `Missing`, or null when the recipient is good. */
  readonly error: string | null;
  /** What a spreadsheet did to the number, where that is known; only with an error. */
  readonly hint: string | null;
  /** The form in which two rows are compared; null for what is no recipient. */
  readonly normalised: string | null;
  /** A phone number whose country code is not 44, permitted or not. */
  readonly isForeign: boolean;
  /** Whether the allow-list lets a message go there. */
  readonly isAllowed: boolean;
};

/** Judges a cleaned recipient cell; an address of a letter is not looked at yet. */
export function judgeRecipient(type: TemplateType, value: CellValue, rules: RecipientRules): JudgedRecipient {
  if (type === 'letter')
    return { error: null, hint: null, normalised: null, isForeign: false, isAllowed: true };
  if (typeof value !== 'string') return { ...NOBODY, isAllowed: isAllowed(null, null, rules) };
  return type === 'sms' ? judgePhone(value, rules) : judgeEmail(value, rules);
}

const NOBODY = { error: MISSING, hint: null, normalised: null, isForeign: false };

function judgeEmail(text: string, rules: RecipientRules): JudgedRecipient {
  const email = parseEmailAddress(text);
  const normalised = email.ok ? email.emailAddress.normalised : null;
  return {
    error: email.ok ? null : email.error,
    hint: null,
    normalised,
    isForeign: false,
    // An address that reads as a phone number too does not exist, so it needs no second look.
    isAllowed: isAllowed(text, normalised, rules),
  };
}

function judgePhone(text: string, rules: RecipientRules): JudgedRecipient {
  const { permissions, rates, validatePhoneNumbers } = rules;
  const phone = parsePhoneNumber(text, rates);
  const normalised = phone.ok ? phone.phoneNumber.normalised : null;
  const problem = phone.ok ? checkPermissions(phone.phoneNumber, permissions) : phone.error;
  const isWrong = validatePhoneNumbers && problem !== null;
  const isSendable = (number: string) => {
    const other = parsePhoneNumber(number, rates);
    return other.ok && checkPermissions(other.phoneNumber, permissions) === null;
  };
  return {
    error: isWrong ? phoneProblemText(problem) : null,
    hint: isWrong && !phone.ok ? spreadsheetDamage(text, isSendable) : null,
    normalised,
    isForeign: phone.ok && !phone.phoneNumber.isUk,
    isAllowed: isAllowed(text, normalised, rules),
  };
}

/** Spec 03 section 3.1; somebody absent is on no list. */
function isAllowed(text: string | null, normalised: string | null, { allowed }: RecipientRules): boolean {
  if (allowed === null || allowed.size === 0) return true;
  return text !== null && allowed.has(normalised ?? comparable(text));
}
