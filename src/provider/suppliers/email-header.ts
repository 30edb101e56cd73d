/**
 * Headers of an email in a form that is safe to send: one line, ASCII addresses, encoded names (spec 05, section 3.3).
 */

import { asciiForm } from '../../content/recipient/email-address.ts';
import type { EmailMessage } from '../contract.ts';

/**
 * An address with its domain in ASCII; null if acceptance would refuse it. A local part that begins or ends with a dot
 * is quoted, as it may stand nowhere else (RFC 5322, section 3.4.1).
 */
export function asciiAddress(address: string): string | null {
  return asciiForm(address)?.replace(/^(\..*|.*\.)@/, '"$1"@') ?? null;
}

/** Text for a header: control characters become spaces, so that it cannot begin another header. */
export function headerText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}

/**
 * UTF-8 bytes per encoded word. Base64 and its frame make 64 characters of them: a word may have 75, and the line that
 * it is on 76, with `Subject: ` (RFC 2047, section 2).
 */
const wordBytes = 39;

/** A header can be folded at spaces only, and its lines may have 998 characters (RFC 5322, section 2.1.1). */
const longestUnfolded = 900;

/**
 * Whether a header can hold this text as it is: printable ASCII that can be folded, and no part that a mail program
 * could take for encoded.
 */
function isLiteral(text: string): boolean {
  if (!/^[!-~]+(?: [!-~]+)*$/.test(text) || text.includes('=?')) return false;
  return text.length <= longestUnfolded || text.split(' ').every((part) => part.length <= longestUnfolded);
}

function encodedWords(text: string): string {
  const words: string[] = [];
  let word = '';
  let bytes = 0;
  for (const character of text.toWellFormed()) {
    const size = Buffer.byteLength(character);
    if (bytes + size > wordBytes) {
      words.push(word);
      word = '';
      bytes = 0;
    }
    word += character;
    bytes += size;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
}

/** `"name" <address>`: quotes and backslashes are escaped, a name outside ASCII is encoded. `address` is ASCII. */
export function mailbox(name: string, address: string): string {
  const text = headerText(name);
  if (text === '') return `<${address}>`;
  // As written: each quote and backslash takes two characters.
  const quoted = text.replace(/["\\]/g, '\\$&');
  if (isLiteral(quoted)) return `"${quoted}" <${address}>`;
  return `${encodedWords(text)} <${address}>`;
}

/**
 * A subject in ASCII. One that is not, or that has a part that looks like an encoded word, is encoded, so that a mail
 * program shows it as it was written (RFC 2047, section 5).
 */
export function subjectText(subject: string): string {
  const text = headerText(subject);
  return text === '' || isLiteral(text) ? text : encodedWords(text);
}

/**
 * One-click unsubscribe (RFC 8058); empty if the message has none, or an invalid URL. A URL that needs no change is
 * written as it was given, so that it is no longer than acceptance allowed.
 */
export function unsubscribeHeaders(
  message: Pick<EmailMessage, 'unsubscribeUrl'>,
): Readonly<Record<string, string>> {
  const { unsubscribeUrl: url } = message;
  if (url === null || !URL.canParse(url)) return {};
  return {
    'List-Unsubscribe': `<${/^https:\/\/[!-;=?-~]+$/.test(url) ? url : new URL(url).href}>`,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
}

/** The addresses of a message as they are sent; a string names the one that is invalid. */
export function addressesOf(
  message: EmailMessage,
): Readonly<{ to: string; from: string; replyTo: string | null }> | 'recipient' | 'sender' | 'reply-to' {
  const to = asciiAddress(message.to);
  const from = asciiAddress(message.fromAddress);
  const replyTo = message.replyTo === null ? null : asciiAddress(message.replyTo);
  if (to === null) return 'recipient';
  if (from === null) return 'sender';
  if (message.replyTo !== null && replyTo === null) return 'reply-to';
  return { to, from, replyTo };
}
