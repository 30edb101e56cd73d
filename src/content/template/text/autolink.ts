import { whiteSpace } from './whitespace.ts';

/** The position of a URL in a text, in UTF-16 units; `end` is exclusive. */
export type Span = { readonly start: number; readonly end: number };

// The pattern of spec 02, section 3.12, takes quadratic time on a long run of hyphens when it is one expression. So it
// is read host by host: a candidate is labels joined by single dots, and the rest is decided at its two ends.
const hostCandidate = /[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*/gu;
const schemeBefore = /https?:\/\/$/i;
const wordCharacter = /[\p{L}\p{N}_]/u;
const topLevelDomain = /^[a-z]{2,63}$/iu;
const afterPath = new RegExp(`[<${whiteSpace}]`, 'g');
const knownScheme = /^(?:ftp|file|https?|mailto|tel):/i;
const unsafeInUrl = /[^A-Za-z0-9_.~:/?#=&;%-]/gu;

/**
 * Everything that looks like a web address, with or without a scheme, trailing punctuation included (the pattern of
 * spec 02, section 3.12), in order. Takes time linear in the length of the text.
 */
export function findUrls(text: string): Span[] {
  const spans: Span[] = [];
  let position = 0;
  let previousEnd = 0;
  for (;;) {
    hostCandidate.lastIndex = position;
    const candidate = hostCandidate.exec(text);
    if (!candidate) return spans;
    const host = findHost(text, candidate.index, candidate[0], previousEnd);
    position = candidate.index + candidate[0].length;
    if (!host) continue;
    previousEnd = endOfPath(text, host.end);
    position = previousEnd;
    spans.push({ start: host.start, end: previousEnd });
  }
}

/**
 * Links the URLs of a text that is already escaped HTML (spec 02, section 3.12). Trailing full stops, commas, colons
 * and unmatched closing brackets follow the link. `classes` is the class attribute of the links.
 */
export function autolink(text: string, { classes }: { classes?: string } = {}): string {
  let result = '';
  let position = 0;
  for (const { start, end } of findUrls(text)) {
    const url = withoutTrailingPunctuation(text.slice(start, end));
    result += text.slice(position, start) + makeLink(url, { classes });
    position = start + url.length;
  }
  return result + text.slice(position);
}

type LinkOptions = {
  /** HTML to show instead of the URL. */
  readonly text?: string | undefined;
  readonly classes?: string | undefined;
  readonly style?: string | undefined;
  readonly title?: string | undefined;
};

/**
 * An `a` element (spec 02, section 3.13). `url` and `text` are escaped HTML already. A URL without a known scheme gets
 * `http://` in front, and unsafe characters in it are percent-encoded. `title` may be any text (spec 02, section 12.3).
 */
export function makeLink(url: string, { text = url, classes, style, title }: LinkOptions = {}): string {
  const href = encodeUrl(knownScheme.test(url) ? url : `http://${url}`);
  const classAttribute = classes ? ` class="${classes}"` : '';
  const styleAttribute = style ? ` style="${style}"` : '';
  const titleAttribute = title ? ` title="${title.replaceAll('"', '&quot;')}"` : '';
  return `<a${classAttribute}${styleAttribute} href="${href}"${titleAttribute}>${text}</a>`;
}

/** Percent-encodes the UTF-8 of unsafe characters. `%` counts as safe, so nothing is encoded twice. */
function encodeUrl(url: string): string {
  return url.replace(unsafeInUrl, (character) => {
    let encoded = '';
    for (const byte of Buffer.from(character))
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}

/** The host in a candidate with the scheme before it, or null. `previousEnd` is where the URL before ended. */
function findHost(text: string, start: number, candidate: string, previousEnd: number): Span | null {
  const top = lastTopLevelDomain(text, start, candidate);
  if (!top) return null;
  const scheme = schemeBefore.exec(text.slice(Math.max(previousEnd, start - 8), start));
  if (scheme && mayStart(text, start - scheme[0].length)) {
    return { start: start - scheme[0].length, end: top.end };
  }
  for (let index = start; index < top.dot; index += 1) {
    if (text[index] !== '.' && mayStart(text, index)) return { start: index, end: top.end };
  }
  return null;
}

/** The last dot of a candidate that a top-level domain follows, and where that domain ends. */
function lastTopLevelDomain(
  text: string,
  start: number,
  candidate: string,
): { dot: number; end: number } | null {
  for (let dot = candidate.lastIndexOf('.'); dot > 0; dot = candidate.lastIndexOf('.', dot - 1)) {
    let end = dot + 1;
    while (end <= dot + 64 && isWordCharacter(candidate, end)) end += 1;
    const bounded = !isWordCharacter(candidate, end) && text[start + end] !== '@';
    if (bounded && topLevelDomain.test(candidate.slice(dot + 1, end)))
      return { dot: start + dot, end: start + end };
  }
  return null;
}

/** A URL starts at a word boundary that does not follow `@` or a dot. */
function mayStart(text: string, index: number): boolean {
  const before = text[index - 1];
  return (
    before !== '@' && before !== '.' && isWordCharacter(text, index - 1) !== isWordCharacter(text, index)
  );
}

/** Whether the UTF-16 unit at `index` belongs to a word character. */
function isWordCharacter(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  if (unit < 128) return wordCharacter.test(text[index]!);
  if (Number.isNaN(unit)) return false;
  const start = unit >= 0xdc00 && unit <= 0xdfff ? index - 1 : index;
  return wordCharacter.test(String.fromCodePoint(text.codePointAt(Math.max(0, start))!));
}

function endOfPath(text: string, start: number): number {
  if (!'/?#'.includes(text[start] ?? ' ')) return start;
  afterPath.lastIndex = start;
  return afterPath.exec(text)?.index ?? text.length;
}

const openerOf = new Map([
  [')', '('],
  [']', '['],
]);

function withoutTrailingPunctuation(url: string): string {
  const unmatched = new Map<string, number>();
  for (const [closer, opener] of openerOf) {
    unmatched.set(closer, url.split(closer).length - url.split(opener).length);
  }
  let end = url.length;
  for (; end > 0; end -= 1) {
    const last = url[end - 1]!;
    if ('.,:'.includes(last)) continue;
    const surplus = unmatched.get(last) ?? 0;
    if (surplus <= 0) break;
    unmatched.set(last, surplus - 1);
  }
  return url.slice(0, end);
}
