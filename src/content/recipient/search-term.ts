/** Search text as typed, turned into the form that recipients are stored in (spec 03, section 3.4). */
import { normaliseEmailText, parseEmailAddress } from './email-address.ts';
import { parsePhoneNumber } from './phone-number.ts';

/**
 * The substring to look for in `normalised_to`; the caller escapes it for LIKE. Email addresses are normalised. Phone
 * numbers, whole or partial, become digits without calling code, plus and trunk zero. Without a type, whitespace is
 * removed (spec 03, section 3.4).
 */
export function searchTerm(type: 'sms' | 'email' | null, text: string): string {
  if (type === 'email') return parseEmailAddress(text).ok ? normaliseEmailText(text) : text.toLowerCase();
  if (type === null) return text.replace(/\s+/g, '').toLowerCase();
  const outcome = parsePhoneNumber(text);
  const number = outcome.ok ? outcome.phoneNumber.nationalNumber : text;
  return number.replace(/[() -]/g, '').replace(/^[+0]+/, '');
}
