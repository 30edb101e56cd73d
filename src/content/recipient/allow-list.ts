/**
 * Who a service may send to (spec 03 section 3, spec 01 section 5): its team members and its guest list while it is
 * on trial or a team key is used, anyone otherwise. Also the entries of the guest list.
 */
import { parseEmailAddress } from './email-address.ts';
import { DEFAULT_RATES, type Rates } from './international-rates.ts';
import { ANY_MOBILE, checkPermissions, parsePhoneNumber } from './phone-number.ts';

/**
 * The form in which two recipients are compared (spec 03 section 3.1): a phone number in its normalised digits, an
 * email address cleaned and in lower case, any other text as it is, anything but text the empty string.
 */
export function comparable(recipient: unknown): string {
  if (typeof recipient !== 'string') return '';
  const phone = parsePhoneNumber(recipient);
  if (phone.ok) return phone.phoneNumber.normalised;
  const email = parseEmailAddress(recipient);
  return email.ok ? email.emailAddress.normalised : recipient;
}

/** Recipients in comparable form, made once and asked often: `set.has(phoneNumber.normalised)`. */
export type RecipientSet = ReadonlySet<string>;

/**
 * The set of such recipients. Entries that are null are skipped, so that a team member without a mobile number does
 * not make an absent recipient an allowed one.
 */
export function recipientSet(entries: Iterable<unknown>): RecipientSet {
  const set = new Set<string>();
  for (const entry of entries) if (typeof entry === 'string') set.add(comparable(entry));
  return set;
}

const sets = new WeakMap<readonly string[], RecipientSet>();

/** The set of a service's own list, made once for as long as the list is the same object. */
function setOf(entries: readonly string[]): RecipientSet {
  const known = sets.get(entries);
  if (known) return known;
  const made = recipientSet(entries);
  sets.set(entries, made);
  return made;
}

export type KeyType = 'normal' | 'team' | 'test';

/**
 * Whether a message with a key of this type may go to the recipient, given in comparable form. `allowed` holds the
 * phone numbers and addresses of the team and, save for one-off messages and the platform's own, the guest list.
 */
export function maySendTo(
  recipient: string,
  { keyType, restricted, allowed }: { keyType: KeyType; restricted: boolean; allowed: readonly string[] },
): boolean {
  if (keyType === 'test' || (keyType === 'normal' && !restricted)) return true;
  return setOf(allowed).has(recipient);
}

/** The v2 message for a recipient who may not be sent to; `trialModeUrl` explains trial mode. */
export function notAllowedText(keyType: KeyType, trialModeUrl: string): string {
  return keyType === 'team'
    ? 'Can’t send to this recipient using a team-only API key'
    : `Can’t send to this recipient when service is in trial mode – see ${trialModeUrl}`;
}

const LONGEST_ENTRY = 255;

/**
 * Whether text may stand on a guest list, where it is kept as typed (spec 03 section 3.3): at most 255 characters;
 * phones may be foreign, but not British fixed lines.
 */
export function isGuestListEntry(
  type: 'mobile' | 'email',
  entry: string,
  rates: Rates = DEFAULT_RATES,
): boolean {
  if (entry.length > LONGEST_ENTRY) return false;
  if (type === 'email') return parseEmailAddress(entry).ok;
  const phone = parsePhoneNumber(entry, rates);
  return phone.ok && checkPermissions(phone.phoneNumber, ANY_MOBILE) === null;
}

/** The message about a bad entry of a guest list. */
export function guestListProblemText(entry: string): string {
  return `Invalid guest list: "${entry}" is not a valid email address or phone number`;
}
