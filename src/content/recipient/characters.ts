/**
 * Character sets and text operations for recipients and column names (spec 03, section 0): `clean` gives the stored
 * form, `ascii` prepares a phone number for its second parse, `keyOf` gives the form in which names are compared.
 */

const asciiWhitespace = ' \\t\\n\\r\\v\\f';
const zeroWidth = '\\u180E\\u200B\\u200C\\u200D\\u2060\\uFEFF\\u2028\\u2029';
const oddSpaces = '\\u00A0\\u202F';

/** "All whitespace" as the source of a regular-expression character class (spec 03, section 0). */
export const allWhitespace = `${asciiWhitespace}${zeroWidth}${oddSpaces}`;

const invisible = new RegExp(`[${zeroWidth}${oddSpaces}]`, 'g');
const alreadyClean = /^[!-~]*$/;

/**
 * Deletes zero-width characters and unusual spaces everywhere, then trims ASCII whitespace at both ends; spaces, tabs
 * and line breaks in the middle stay (spec 03, section 0, clean; spec 02, section 3.15).
 */
export function clean(text: string): string {
  if (alreadyClean.test(text)) return text;
  const visible = text.replace(invisible, '');
  // Not a regular expression: one for trailing whitespace takes quadratic time on a long run of it.
  let start = 0;
  let end = visible.length;
  while (start < end && isAsciiWhitespace(visible.charCodeAt(start))) start += 1;
  while (end > start && isAsciiWhitespace(visible.charCodeAt(end - 1))) end -= 1;
  return visible.slice(start, end);
}

function isAsciiWhitespace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

const ignoredInNames = /[ _-]/g;

/**
 * The form in which column and placeholder names are compared, `Date-of_Birth` as `dateofbirth`
 * (spec 03, section 0, key).
 */
export function keyOf(name: string): string {
  return name.replace(ignoredInNames, '').toLowerCase();
}

/** Plain characters for typographic ones (spec 02, section 4.3; spec 03, section 0). */
export const replacements: ReadonlyMap<string, string> = new Map([
  ...[...'\u2011\u2013\u2014\u2212'].map((dash) => [dash, '-'] as const),
  ...[...'\u2018\u2019\u201A'].map((quote) => [quote, "'"] as const),
  ...[...'\u201C\u201D\u201E'].map((quote) => [quote, '"'] as const),
  ...[...'\u180E\u200B\u200C\u200D\u2060\uFEFF\u2028\u2029'].map((character) => [character, ''] as const),
  ...[...'\u00A0\u202F\t'].map((space) => [space, ' '] as const),
  ['\u2026', '...'],
  ['\u0141', 'L'],
  ['\u0142', 'l'],
]);

const notPrintable = /[^ -~]/gu;

/**
 * The text in printable ASCII: accents are dropped, typographic dashes, quotes and spaces become plain ones, zero-width
 * characters are deleted, and anything else becomes `?` (spec 03, section 0, ascii).
 */
export function ascii(text: string): string {
  return text.replace(notPrintable, asciiCharacter);
}

function asciiCharacter(character: string): string {
  const replacement = replacements.get(character);
  if (replacement !== undefined) return replacement;
  const base = character.normalize('NFD').charAt(0);
  return base >= ' ' && base <= '~' ? base : '?';
}
