import { isUtf8 } from 'node:buffer';

const outsideAscii = /[^\p{ASCII}]/gu;

/**
 * The decomposition of each character by itself, in time linear in the length. `normalize` also puts the marks on one
 * letter in order, which takes quadratic time where they alternate. So this is for callers that drop the marks.
 */
export function decomposed(text: string, form: 'NFD' | 'NFKD'): string {
  return text.replace(outsideAscii, (character) => character.normalize(form));
}

const mark = Buffer.from('\ufeff');

/** The text of bytes in UTF-8, without a byte order mark; null if they are not UTF-8, so that nothing is replaced. */
export function readUtf8(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  const start = bytes.subarray(0, mark.length).equals(mark) ? mark.length : 0;
  return bytes.toString('utf8', start);
}
