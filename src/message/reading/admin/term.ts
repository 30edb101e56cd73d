import { clean } from '../../../content/recipient/characters.ts';
import { parsePhoneNumber } from '../../../content/recipient/phone-number.ts';
import { parseUuid } from '../../../ground/id.ts';

/** What a person searches for, in every form in which it can be stored. A message matches if one of them does. */
export type Term = Readonly<{
  id: string | null;
  /** The whole of the caller's or the provider's reference. */
  reference: string;
  /** Of the normalised recipient; a whole recipient is a beginning too. */
  beginnings: readonly string[];
  endings: readonly string[];
}>;

const least = 4;
export const tooShort = `Too short: search for at least ${least} characters of a recipient, or ${least} digits of a phone number, such as the last ones.`;

/**
 * Reads a search term: an id, a reference, or the whole, the beginning or the end of a phone number or email address, in
 * any notation (spec 04, section 7.1). null: it is too short, and would match too much.
 */
export function readTerm(text: string): Term | null {
  const reference = cleaned(text);
  const id = parseUuid(reference);
  if (id !== null) return { id, reference, beginnings: [], endings: [] };
  if (/^[+\d\s().-]+$/.test(reference)) {
    const digits = reference.replace(/\D/g, '');
    return digits.length < least ? null : { id, reference, ...phoneForms(reference, digits) };
  }
  const recipient = reference.toLowerCase().replace(/\s/g, '');
  if ([...recipient].length < least) return null;
  const beginnings = recipient.startsWith('@') ? [] : [recipient];
  return { id, reference, beginnings, endings: [recipient] };
}

export const leastOfReference = least;
export const tooShortReference = `Too short: search for at least ${leastOfReference} characters of a reference.`;

/** A part of a reference, as it is searched for (spec 04, section 7.1); null: it is too short. */
export function readReferencePart(text: string): string | null {
  const part = cleaned(text);
  return [...part].length < leastOfReference ? null : part;
}

/** PostgreSQL rejects null characters in text, so nothing stored contains one. */
function cleaned(text: string): string {
  return clean(text.replaceAll('\0', ''));
}

/** Numbers are stored as digits with their country code; people leave it out, or write a zero in its place. */
function phoneForms(text: string, digits: string): Pick<Term, 'beginnings' | 'endings'> {
  const parsed = parsePhoneNumber(text);
  const whole = parsed.ok ? [parsed.phoneNumber.normalised] : [];
  const isInternational = /^[\s(]*(\+|0\s*0)/.test(text);
  if (isInternational) {
    const beginning = digits.replace(/^00/, '');
    // Four zeros and the like can be the last digits, too.
    const endings = text.includes('+') ? [] : [digits];
    return { beginnings: distinct([...whole, ...(beginning.length < least ? [] : [beginning])]), endings };
  }
  const british = `44${digits.replace(/^0/, '')}`;
  return {
    beginnings: distinct([...whole, ...(digits.startsWith('0') ? [] : [digits]), british]),
    endings: [digits],
  };
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
