/**
 * Headers of an email in a form that is safe to send: one line, ASCII addresses, encoded names (spec 05, section 3.3).
 */

import { domainToASCII } from 'node:url';
import type { EmailMessage } from '../contract.ts';

/** An address with its domain in ASCII; null if it cannot be written into a header without changing its meaning. */
export function asciiAddress(address: string): string | null {
  // Anything that could end the address, or begin another one or a new header.
  if (/[\p{C}\s<>,;:"()[\]\\]/u.test(address)) return null;
  const at = address.lastIndexOf('@');
  const host = address.slice(at + 1);
  // An ASCII host is left alone: the conversion is meant for URLs and would read `10.1` as an IP address.
  const domain = /^[a-zA-Z0-9.-]+$/.test(host) ? host : domainToASCII(host);
  return at < 1 || domain === '' ? null : `${address.slice(0, at)}@${domain}`;
}

/** Text for a header: control characters become spaces, so that it cannot begin another header. */
export function headerText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}

/** UTF-8 bytes per encoded word: base64 turns them into 60 characters, and a word may have 75 (RFC 2047). */
const wordBytes = 45;

/** Whether a header can hold this text as it is: ASCII, and no part that a mail program could take for encoded. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is meant
const isLiteral = (text: string) => /^[\x00-\x7f]*$/.test(text) && !text.includes('=?');

function encodedWords(text: string): string {
  const words: string[] = [];
  let word = '';
  for (const character of text.toWellFormed()) {
    if (Buffer.byteLength(word + character) > wordBytes) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
}

/** `"name" <address>`: quotes and backslashes are escaped, a name outside ASCII is encoded. `address` is ASCII. */
export function mailbox(name: string, address: string): string {
  const text = headerText(name);
  if (text === '') return `<${address}>`;
  if (isLiteral(text)) return `"${text.replace(/["\\]/g, '\\$&')}" <${address}>`;
  return `${encodedWords(text)} <${address}>`;
}

/**
 * A subject as header text. One with a part that looks like an encoded word is itself encoded, so that a mail program
 * shows it as it was written (RFC 2047, section 5). Other text may be outside ASCII: that is for the sender to encode.
 */
export function subjectText(subject: string): string {
  const text = headerText(subject);
  return text.includes('=?') ? encodedWords(text) : text;
}

/** One-click unsubscribe (RFC 8058); empty if the message has none, or an invalid URL. */
export function unsubscribeHeaders(
  message: Pick<EmailMessage, 'unsubscribeUrl'>,
): Readonly<Record<string, string>> {
  if (message.unsubscribeUrl === null || !URL.canParse(message.unsubscribeUrl)) return {};
  return {
    'List-Unsubscribe': `<${new URL(message.unsubscribeUrl).href}>`,
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
