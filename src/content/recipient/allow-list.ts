/**
 * Who a service may send to: its team members and guest list in trial mode or with a team key, otherwise anyone
 * (spec 03, section 3; spec 01, section 5.3).
 */
import { parseEmailAddress } from './email-address.ts';
import { parsePhoneNumber } from './phone-number.ts';

/**
 * The form in which recipients are compared: normalised digits for a phone number, cleaned and lower-cased for an email
 * address, any other string unchanged, `''` for anything but a string (spec 03, section 3.1).
 */
export function comparable(recipient: unknown): string {
  if (typeof recipient !== 'string') return '';
  const phone = parsePhoneNumber(recipient);
  if (phone.ok) return phone.phoneNumber.normalised;
  const email = parseEmailAddress(recipient);
  return email.ok ? email.emailAddress.normalised : recipient;
}

/** Recipients in comparable form: `set.has(phoneNumber.normalised)`. */
export type RecipientSet = ReadonlySet<string>;

/**
 * The set of these recipients in comparable form. Null entries are skipped, so that a team member without a mobile
 * number does not make a missing recipient allowed (spec 03, section 3.1).
 */
export function recipientSet(entries: Iterable<unknown>): RecipientSet {
  const set = new Set<string>();
  for (const entry of entries) if (typeof entry === 'string') set.add(comparable(entry));
  return set;
}

const sets = new WeakMap<readonly string[], RecipientSet>();

/** The set for a service's list, made only once per list object. */
function cachedSet(entries: readonly string[]): RecipientSet {
  const known = sets.get(entries);
  if (known) return known;
  const made = recipientSet(entries);
  sets.set(entries, made);
  return made;
}

export type KeyType = 'normal' | 'team' | 'test';

/**
 * Whether a key of this type may send to the recipient, given in comparable form (spec 03, section 3.2). `allowed` has
 * the phone numbers and addresses of the team and, except for one-off and the platform's own messages, the guest list.
 */
export function maySendTo(
  recipient: string,
  { keyType, restricted, allowed }: { keyType: KeyType; restricted: boolean; allowed: readonly string[] },
): boolean {
  if (keyType === 'test' || (keyType === 'normal' && !restricted)) return true;
  return cachedSet(allowed).has(recipient);
}

/**
 * The v2 message for a recipient who is not allowed; the page at `trialModeUrl` explains why (spec 03, section 3.2).
 */
export function notAllowedText(keyType: KeyType, trialModeUrl: string): string {
  return keyType === 'team'
    ? 'Can’t send to this recipient using a team-only API key'
    : `Can’t send to this recipient when service is in trial mode – see ${trialModeUrl}`;
}
