import { parsePhoneNumber } from '../../../content/recipient/phone-number.ts';

/**
 * A number of ours as it is kept and looked up: `447700900456` is `07700900456`, any other stays as it is (spec 05,
 * section 7.2).
 */
export function ownNumber(text: string): string {
  return text.startsWith('44') ? `0${text.slice(2)}` : text;
}

/** A number of ours as an operator writes it, with spaces or a plus; a short code is fine. null: it is not a number. */
export function parseOwnNumber(text: string): string | null {
  const digits = text.replace(/[\s()-]/g, '').replace(/^\+/, '');
  return /^\d{3,15}$/.test(digits) ? ownNumber(digits) : null;
}

/**
 * The sender of a text, as digits with country code. null: it is not a phone number but, for instance, a name. Providers
 * write the country code without its plus, so digits that do not begin with a zero are first read that way.
 */
export function parseSender(text: string): string | null {
  const outcome = parsePhoneNumber(/^\s*[1-9]/.test(text) ? `+${text.trim()}` : text);
  return outcome.ok ? outcome.phoneNumber.normalised : null;
}
