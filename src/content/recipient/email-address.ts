/**
 * Email addresses: which ones a message can go to, and the forms they are stored and compared in (spec 03
 * section 2). Pure; an address is parsed once, at the endpoint.
 */
import { domainToASCII } from 'node:url';
import { clean } from './characters.ts';

declare const parsed: unique symbol;

/** A valid address; only `parseEmailAddress` makes one. */
export type EmailAddress = {
  readonly [parsed]: true;
  /** As stored and sent to: cleaned, case kept. */
  readonly address: string;
  /** As searched for and compared: `address` in lower case. */
  readonly normalised: string;
};

export type EmailOutcome = { ok: true; emailAddress: EmailAddress } | { ok: false; error: string };

/** Said wherever an address is refused: CSV cells, the v2 API, the internal API. */
export const EMAIL_PROBLEM_TEXT = 'Not a valid email address';

const SHAPE = /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@([^.@][^@\s]+)$/;
const ASCII_HOST = /^[a-zA-Z0-9.-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: everything in ASCII that a host may not have
const FORBIDDEN_IN_HOST = /[\x00-\x2c\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]/;
const LABEL = /^(?:xn|[a-z0-9]+)(?:--?[a-z0-9]+)*$/i;
const LAST_LABEL = /^(?:[a-z]{2,63}|xn--(?:[a-z0-9]+-)*[a-z0-9]+)$/i;

const LONGEST_ADDRESS = 320;
const LONGEST_HOST = 253;
const LONGEST_LABEL = 63;

/** Parses what somebody typed, whatever white space surrounds it. Spec 03 section 2; the error is the text to say. */
export function parseEmailAddress(raw: string): EmailOutcome {
  const address = clean(raw);
  const host = isShortEnough(address) ? SHAPE.exec(address)?.[1] : undefined;
  if (host === undefined || address.includes('..') || !isHost(host))
    return { ok: false, error: EMAIL_PROBLEM_TEXT };
  const emailAddress = Object.freeze({ address, normalised: address.toLowerCase() }) as EmailAddress;
  return { ok: true, emailAddress };
}

/**
 * The form that an unchecked address is searched for and compared in: cleaned, lower case. Rows of a CSV file are
 * stored with it whether or not they hold an address.
 */
export function normaliseEmailText(text: string): string {
  return clean(text).toLowerCase();
}

/** Counts characters, not UTF-16 units. */
function isShortEnough(address: string): boolean {
  if (address.length <= LONGEST_ADDRESS) return true;
  // No character takes more than two units, so nothing longer needs to be counted.
  return address.length <= 2 * LONGEST_ADDRESS && Array.from(address).length <= LONGEST_ADDRESS;
}

function isHost(typed: string): boolean {
  const host = toAscii(typed);
  if (host === null || host.length > LONGEST_HOST) return false;
  const labels = host.split('.');
  return (
    labels.length >= 2 &&
    labels.every((label) => label.length <= LONGEST_LABEL && LABEL.test(label)) &&
    LAST_LABEL.test(labels.at(-1)!)
  );
}

/**
 * The host as the domain name system knows it, or null. A host in ASCII stays as it is, because the conversion is
 * one of URLs: it would decode `%61` and read `10.1` as a network address.
 */
function toAscii(host: string): string | null {
  if (ASCII_HOST.test(host)) return host;
  if (FORBIDDEN_IN_HOST.test(host)) return null;
  return domainToASCII(host) || null;
}
