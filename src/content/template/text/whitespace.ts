/**
 * White space as spec 02 defines it. The set differs from JavaScript's `\s`: it has U+001C to U+001F and U+0085, and
 * lacks U+FEFF. Every function takes time linear in the length of its input.
 */

/** The characters of white space, for use inside a character class. */
export const whiteSpace =
  '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const lineBreaks = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';

// Written as alternatives because some of these combine with their neighbours, and a character class would be
// unreadable.
const invisible = /\u180e|\u200b|\u200c|\u200d|\u2060|\ufeff|\u2028|\u2029/g;
const spaceCharacter = new RegExp(`[${whiteSpace}]`);
const spaceRun = new RegExp(`[${whiteSpace}]+`, 'g');
const leadingSpace = new RegExp(`^[${whiteSpace}]+`);
const lineBreak = new RegExp(`\\r\\n|[${lineBreaks}]`);
const beforePunctuation = /(?<![ \t])[ \t]+([,.])/g;
// Most lines are normal already, and testing is cheaper than replacing.
const needsNormalising = /^ | $| {2}|[^ -~]/;

/** Removes spaces and tabs before a comma or a full stop (spec 02, section 3.2). */
export function trimBeforePunctuation(text: string): string {
  return text.replace(beforePunctuation, '$1');
}

/** Puts a text on one line: single spaces, trimmed, no invisible characters (spec 02, section 3.3). */
export function normaliseWhiteSpace(text: string): string {
  if (!needsNormalising.test(text)) return text;
  const spaced = collapseSpaces(text.replace(invisible, ''));
  const start = spaced.startsWith(' ') ? 1 : 0;
  return spaced.slice(start, spaced.length > start && spaced.endsWith(' ') ? -1 : undefined);
}

/** Normalises each line and joins the lines with LF (spec 02, section 3.4). */
export function normaliseLines(text: string): string {
  return text.split(lineBreak).map(normaliseWhiteSpace).join('\n');
}

/** Turns three or more newlines into two (spec 02, section 3.5). */
export function squeezeNewlines(text: string): string {
  return text.replace(/\n{3,}/g, '\n\n');
}

/** Turns every run of white space into one space. */
export function collapseSpaces(text: string): string {
  return text.replace(spaceRun, ' ');
}

/** Removes white space at the start. */
export function trimStart(text: string): string {
  return text.replace(leadingSpace, '');
}

/** Removes white space at the end. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && spaceCharacter.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

/** Removes white space at both ends. */
export function trim(text: string): string {
  return trimStart(trimEnd(text));
}
