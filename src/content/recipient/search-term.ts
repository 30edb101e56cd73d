/**
 * What somebody searches the messages of a service for (spec 03 section 3.4).
 */
import { normaliseEmailText, parseEmailAddress } from './email-address.ts';
import { parsePhoneNumber } from './phone-number.ts';

/**
 * The text to look for inside `normalised_to`, which may be part of a recipient. The caller escapes it for LIKE.
 * An address is brought to its normalised form; of a phone number, whole or in part, the digits that are stored,
 * without calling code, plus and trunk zero; for no type at all, white space goes.
 */
export function searchTerm(type: 'sms' | 'email' | null, text: string): string {
  if (type === 'email') return parseEmailAddress(text).ok ? normaliseEmailText(text) : text.toLowerCase();
  if (type === null) return text.replace(/\s+/g, '').toLowerCase();
  const outcome = parsePhoneNumber(text);
  const number = outcome.ok ? outcome.phoneNumber.nationalNumber : text;
  return number.replace(/[() -]/g, '').replace(/^[+0]+/, '');
}
