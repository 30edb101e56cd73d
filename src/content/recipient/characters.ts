/**
 * The character sets and the two text operations that spec 03 section 0 defines for recipients: `clean`, which
 * makes the form that is stored, and `ascii`, which a badly typed phone number goes through before its second try.
 */

/** Invisible characters that people paste without knowing: zero-width ones, and the two odd spaces. */
const ZERO_WIDTH = '\\u180E\\u200B\\u200C\\u200D\\u2060\\uFEFF\\u2028\\u2029';
const ODD_SPACES = '\\u00A0\\u202F';
const ASCII_WHITESPACE = ' \\t\\n\\r\\v\\f';

/** All whitespace of spec 03 section 0, to be put inside a character class of a regular expression. */
export const ALL_WHITESPACE = `${ASCII_WHITESPACE}${ZERO_WIDTH}${ODD_SPACES}`;

const INVISIBLE = new RegExp(`[${ZERO_WIDTH}${ODD_SPACES}]`, 'g');
const NOTHING_TO_CLEAN = /^[!-~]*$/;

/**
 * The text as it is stored (spec 03 section 0, clean): every zero-width and odd-space character deleted wherever it
 * stands, then ASCII whitespace trimmed from both ends. Spaces, tabs and line breaks in the middle stay.
 */
export function clean(text: string): string {
  if (NOTHING_TO_CLEAN.test(text)) return text;
  const visible = text.replace(INVISIBLE, '');
  // By hand, because a pattern for trailing white space takes quadratic time on a long run of it.
  let start = 0;
  let end = visible.length;
  while (start < end && isAsciiWhitespace(visible.charCodeAt(start))) start += 1;
  while (end > start && isAsciiWhitespace(visible.charCodeAt(end - 1))) end -= 1;
  return visible.slice(start, end);
}

function isAsciiWhitespace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

const REPLACEMENTS: ReadonlyMap<string, string> = new Map([
  ...[...'\u2011\u2013\u2014\u2212'].map((dash) => [dash, '-'] as const),
  ...[...'\u2018\u2019\u201A'].map((quote) => [quote, "'"] as const),
  ...[...'\u201C\u201D\u201E'].map((quote) => [quote, '"'] as const),
  ...[...'\u180E\u200B\u200C\u200D\u2060\uFEFF\u2028\u2029'].map((nothing) => [nothing, ''] as const),
  ...[...'\u00A0\u202F\t'].map((space) => [space, ' '] as const),
  ['\u2026', '...'],
  ['\u0141', 'L'],
  ['\u0142', 'l'],
]);

const NOT_PRINTABLE = /[^ -~]/gu;

/**
 * The text in printable ASCII (spec 03 section 0, ascii): an accented letter loses its accent, typographic dashes,
 * quotes and spaces become plain ones, zero-width characters go, and everything else becomes `?`.
 */
export function ascii(text: string): string {
  return text.replace(NOT_PRINTABLE, asciiCharacter);
}

function asciiCharacter(character: string): string {
  const replacement = REPLACEMENTS.get(character);
  if (replacement !== undefined) return replacement;
  const base = character.normalize('NFD').charAt(0);
  return base >= ' ' && base <= '~' ? base : '?';
}
