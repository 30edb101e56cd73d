import { hash } from 'node:crypto';
import { comparable } from '../content/recipient/allow-list.ts';
import { parseEmailAddress } from '../content/recipient/email-address.ts';
import { parsePhoneNumber } from '../content/recipient/phone-number.ts';
import type { NotificationType } from '../database/tables.ts';

/** A recipient as messages name them, in whatever way it was written. */
export type Person = Readonly<{
  type: NotificationType;
  /** As `notifications.normalised_recipient`: digits with the country code, or an address in lower case. */
  normalised: string;
  /** As `upload_rows.recipients`. */
  shortHash: string;
}>;

/** null: it is neither a phone number nor an email address. */
export function readPerson(text: string): Person | null {
  const phone = parsePhoneNumber(text);
  const email = phone.ok ? null : parseEmailAddress(text);
  const normalised = phone.ok
    ? phone.phoneNumber.normalised
    : email?.ok
      ? email.emailAddress.normalised
      : null;
  if (normalised === null) return null;
  return {
    type: phone.ok ? 'sms' : 'email',
    normalised,
    shortHash: hash('sha256', normalised, 'base64url').slice(0, 11),
  };
}

/** No recipient is longer, however it is written. */
const longestRecipient = 1000;

/** Whether a value is this recipient, in any notation. */
export function isOf({ normalised }: Pick<Person, 'normalised'>, value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestRecipient && comparable(value) === normalised;
}

/** The digits of a number that are the same in every notation. */
const commonDigits = 9;

/** What a text must have somewhere if it names the recipient: part of an address in lower case, or of the digits. */
export function traceOf({ type, normalised }: Person): string {
  return type === 'sms' ? normalised.slice(-commonDigits) : normalised;
}

/** Whether a text names the recipient somewhere, or a number that ends like theirs. */
export function mayName(person: Person, text: string): boolean {
  const searched = person.type === 'sms' ? text.replace(/\D/g, '') : text.toLowerCase();
  return searched.includes(traceOf(person));
}

/** JSON with each value that is the recipient replaced; null if there is none. */
export function without(person: Pick<Person, 'normalised'>, value: unknown, instead: string): unknown {
  let found = false;
  const walk = (one: unknown): unknown => {
    if (typeof one === 'string' && isOf(person, one)) {
      found = true;
      return instead;
    }
    if (Array.isArray(one)) return one.map(walk);
    if (typeof one !== 'object' || one === null) return one;
    // Numbers that keep their digits are objects with a prototype of their own.
    if (Object.getPrototypeOf(one) !== Object.prototype) return one;
    return Object.fromEntries(Object.entries(one).map(([name, part]) => [name, walk(part)]));
  };
  const walked = walk(value);
  return found ? walked : null;
}
