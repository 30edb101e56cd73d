/**
 * White space in the sense of spec 02: the set of the reference, which differs from JavaScript's `\s` (it has
 * U+001C to U+001F and U+0085, and lacks U+FEFF). Every function is linear in its input.
 */

/** For use inside a character class. */
export const WHITE_SPACE =
  '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LINE_BREAKS = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';

// Spelt as alternatives: some of these join to their neighbours, which makes a class of them hard to read.
const INVISIBLE = /\u180e|\u200b|\u200c|\u200d|\u2060|\ufeff|\u2028|\u2029/g;
const OBSCURE = /\u180e|\u200b|\u200c|\u200d|\u2060|\ufeff|\u2028|\u2029|\xa0|\u202f/g;
const RUN = new RegExp(`[${WHITE_SPACE}]+`, 'g');
const OUTER = new RegExp(`^[${WHITE_SPACE}]+`);
const LINE_BREAK = new RegExp(`\\r\\n|[${LINE_BREAKS}]`);
const BEFORE_PUNCTUATION = /(?<![ \t])[ \t]+([,.])/g;
const ASCII_SPACE = new Set([9, 10, 11, 12, 13, 32]);
// Most lines need nothing done; this is cheaper than the doing.
const NEEDS_NORMALISING = /^ | $| {2}|[^ -~]/;

/** Takes spaces and tabs away from before a comma or a full stop (spec 02 section 3.2). */
export function trimBeforePunctuation(text: string): string {
  return text.replace(BEFORE_PUNCTUATION, '$1');
}

/** One line with single spaces, trimmed, invisible characters gone (spec 02 section 3.3). */
export function normaliseWhiteSpace(text: string): string {
  if (!NEEDS_NORMALISING.test(text)) return text;
  const spaced = text.replace(INVISIBLE, '').replace(RUN, ' ');
  const start = spaced.startsWith(' ') ? 1 : 0;
  return spaced.slice(start, spaced.length > start && spaced.endsWith(' ') ? -1 : undefined);
}

/** Each line through `normaliseWhiteSpace`, joined with LF (spec 02 section 3.4). */
export function normaliseLines(text: string): string {
  return text.split(LINE_BREAK).map(normaliseWhiteSpace).join('\n');
}

/** Three newlines or more become two (spec 02 section 3.5). */
export function squeezeNewlines(text: string): string {
  return text.replace(/\n{3,}/g, '\n\n');
}

/** White space gone from both ends. */
export function trim(text: string): string {
  let end = text.length;
  const start = OUTER.exec(text)?.[0].length ?? 0;
  while (end > start && isWhiteSpace(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

const WHITE_SPACE_CHARACTER = new RegExp(`[${WHITE_SPACE}]`);

function isWhiteSpace(text: string, index: number): boolean {
  return WHITE_SPACE_CHARACTER.test(text[index]!);
}

/** Invisible characters and odd spaces deleted everywhere, then ASCII white space trimmed (spec 02 section 3.15). */
export function stripObscure(text: string): string {
  const clean = text.replace(OBSCURE, '');
  let start = 0;
  let end = clean.length;
  while (start < end && ASCII_SPACE.has(clean.charCodeAt(start))) start += 1;
  while (end > start && ASCII_SPACE.has(clean.charCodeAt(end - 1))) end -= 1;
  return clean.slice(start, end);
}
