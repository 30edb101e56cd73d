import { parsePhoneNumber } from '../../../content/recipient/phone-number.ts';

/**
 * An inbound number as stored and looked up: `447700900456` becomes `07700900456`, any other stays as it is (spec 05,
 * section 7.2).
 */
export function ownNumber(text: string): string {
  return text.startsWith('44') ? `0${text.slice(2)}` : text;
}

/**
 * Parses an inbound number as operators write it, with spaces or a plus; short codes are allowed. null: not a number.
 */
export function parseOwnNumber(text: string): string | null {
  const digits = text.replace(/[\s()-]/g, '').replace(/^\+/, '');
  return /^\d{3,15}$/.test(digits) ? ownNumber(digits) : null;
}

/**
 * A text's sender as digits with country code; null if it is not a phone number but, for instance, a name. Providers
 * omit the plus before the country code, so digits that do not begin with a zero are first read as if it were there.
 */
export function parseSender(text: string): string | null {
  const outcome = parsePhoneNumber(/^\s*[1-9]/.test(text) ? `+${text.trim()}` : text);
  return outcome.ok ? outcome.phoneNumber.normalised : null;
}
