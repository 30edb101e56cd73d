/**
 * Email addresses: which are valid, and the forms in which they are stored and compared (spec 03, section 2). Pure. An
 * address is parsed once, at the endpoint.
 */
import { domainToASCII } from 'node:url';
import { clean } from './characters.ts';

declare const parsed: unique symbol;

/** A valid address; only `parseEmailAddress` makes one. */
export type EmailAddress = {
  readonly [parsed]: true;
  /** The stored form: cleaned, case kept. */
  readonly address: string;
  /** The form for search and comparison: `address` in lower case. */
  readonly normalised: string;
};

export type EmailOutcome = { ok: true; emailAddress: EmailAddress } | { ok: false; error: string };

/** The text for CSV cells, the v2 API and the internal API (spec 03, section 2). */
export const emailProblemText = 'Not a valid email address';

const addressPattern = /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@([^.@][^@\s]+)$/;
const asciiHost = /^[a-zA-Z0-9.-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all ASCII characters that a host may not have
const forbiddenInHost = /[\x00-\x2c\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]/;
const labelPattern = /^(?:xn|[a-z0-9]+)(?:--?[a-z0-9]+)*$/i;
const lastLabelPattern = /^(?:[a-z]{2,63}|xn--(?:[a-z0-9]+-)*[a-z0-9]+)$/i;

const maxAddressLength = 320;
const maxHostLength = 253;
const maxLabelLength = 63;

/** Parses typed text, ignoring surrounding whitespace; `error` is a text for callers (spec 03, section 2). */
export function parseEmailAddress(raw: string): EmailOutcome {
  const address = clean(raw);
  if (asciiForm(address) === null) return { ok: false, error: emailProblemText };
  const emailAddress = Object.freeze({ address, normalised: address.toLowerCase() }) as EmailAddress;
  return { ok: true, emailAddress };
}

/**
 * The form in which providers get an address, its host converted by IDNA; null if it is not valid. `address` is clean.
 * Accepting and sending both ask this function, so whatever is accepted can be sent to.
 */
export function asciiForm(address: string): string | null {
  const typed = isShortEnough(address) ? addressPattern.exec(address)?.[1] : undefined;
  const host = typed === undefined || address.includes('..') ? null : toAscii(typed);
  if (host === null || !isHost(host)) return null;
  const ascii = `${address.slice(0, address.lastIndexOf('@'))}@${host}`;
  return ascii.length > maxAddressLength ? null : ascii;
}

/** Counts code points, not UTF-16 units. */
function isShortEnough(address: string): boolean {
  if (address.length <= maxAddressLength) return true;
  // A code point takes at most two units, so a longer text need not be counted.
  return address.length <= 2 * maxAddressLength && Array.from(address).length <= maxAddressLength;
}

/** Whether an ASCII host is a domain name. */
function isHost(host: string): boolean {
  if (host.length > maxHostLength) return false;
  const labels = host.split('.');
  return (
    labels.length >= 2 &&
    labels.every((label) => label.length <= maxLabelLength && labelPattern.test(label)) &&
    lastLabelPattern.test(labels.at(-1)!)
  );
}

/**
 * The host converted by IDNA, or null. ASCII hosts are not converted, because Node's conversion is meant for URLs: it
 * would decode `%61` and read `10.1` as an IP address.
 */
function toAscii(host: string): string | null {
  if (asciiHost.test(host)) return host;
  if (forbiddenInHost.test(host)) return null;
  return domainToASCII(host) || null;
}
