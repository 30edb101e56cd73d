import { WHITE_SPACE } from './whitespace.ts';

/** Where something that reads like a web address stands in a text: from `start` up to, not including, `end`. */
export type Span = { readonly start: number; readonly end: number };

// The pattern of spec 02 section 3.12, read host by host: as one expression it takes quadratic time on a long run of
// hyphens. A candidate is labels joined by single dots; all the rest of the pattern is decided at its ends.
const CANDIDATE = /[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*/gu;
const SCHEME_BEFORE = /https?:\/\/$/i;
const WORD = /[\p{L}\p{N}_]/u;
const TOP_LEVEL = /^[a-z]{2,63}$/iu;
const PATH_END = new RegExp(`[<${WHITE_SPACE}]`, 'g');
const HAS_SCHEME = /^(?:ftp|file|https?|mailto|tel):/i;
const UNSAFE_IN_ADDRESS = /[^A-Za-z0-9_.~:/?#=&;%-]/gu;

/**
 * Everything that looks like a web address, with or without a scheme (the pattern of spec 02 section 3.12, trailing
 * punctuation included), in order. Linear in the length of the text.
 */
export function findAddresses(text: string): Span[] {
  const spans: Span[] = [];
  let position = 0;
  let from = 0;
  for (;;) {
    CANDIDATE.lastIndex = position;
    const candidate = CANDIDATE.exec(text);
    if (!candidate) return spans;
    const host = findHost(text, candidate.index, candidate[0], from);
    position = candidate.index + candidate[0].length;
    if (!host) continue;
    from = pathEnd(text, host.end);
    position = from;
    spans.push({ start: host.start, end: from });
  }
}

/**
 * The text with a link around each of its addresses (spec 02 section 3.12); `text` is HTML already escaped.
 * Trailing full stops, commas and colons, and closing brackets without their opening ones, follow the link.
 * `classes` is the class attribute of the links.
 */
export function linkAddresses(text: string, { classes }: { classes?: string } = {}): string {
  let result = '';
  let position = 0;
  for (const { start, end } of findAddresses(text)) {
    const address = withoutTrailingPunctuation(text.slice(start, end));
    result += text.slice(position, start) + makeLink(address, { classes });
    position = start + address.length;
  }
  return result + text.slice(position);
}

type LinkOptions = {
  /** HTML to show instead of the address. */
  readonly text?: string | undefined;
  readonly classes?: string | undefined;
  readonly style?: string | undefined;
  readonly title?: string | undefined;
};

/**
 * A link (spec 02 section 3.13). `address` and `text` are HTML already escaped; `http://` goes before an address
 * without a known scheme, and what is not safe in an address is percent-encoded. A title is any text.
 */
export function makeLink(
  address: string,
  { text = address, classes, style, title }: LinkOptions = {},
): string {
  const href = encodeAddress(HAS_SCHEME.test(address) ? address : `http://${address}`);
  const styled = style ? ` style="${style}"` : '';
  const titled = title ? ` title="${title.replaceAll('"', '&quot;')}"` : '';
  const classed = classes ? ` class="${classes}"` : '';
  return `<a${classed}${styled} href="${href}"${titled}>${text}</a>`;
}

/** Percent-encodes the UTF-8 of whatever section 3.13 does not call safe; `%` is safe, so nothing is done twice. */
export function encodeAddress(address: string): string {
  return address.replace(UNSAFE_IN_ADDRESS, (character) => {
    let encoded = '';
    for (const byte of Buffer.from(character))
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}

/** The host name in a candidate, its scheme included, or null. `from` is where the address before ended. */
function findHost(text: string, start: number, candidate: string, from: number): Span | null {
  const top = lastTopLevel(text, start, candidate);
  if (!top) return null;
  const scheme = SCHEME_BEFORE.exec(text.slice(Math.max(from, start - 8), start));
  if (scheme && mayStart(text, start - scheme[0].length)) {
    return { start: start - scheme[0].length, end: top.end };
  }
  for (let index = start; index < top.dot; index += 1) {
    if (text[index] !== '.' && mayStart(text, index)) return { start: index, end: top.end };
  }
  return null;
}

/** The last dot of a candidate that a top-level domain follows, and where that domain ends. */
function lastTopLevel(text: string, start: number, candidate: string): { dot: number; end: number } | null {
  for (let dot = candidate.lastIndexOf('.'); dot > 0; dot = candidate.lastIndexOf('.', dot - 1)) {
    let end = dot + 1;
    while (end <= dot + 64 && isWord(candidate, end)) end += 1;
    const bounded = !isWord(candidate, end) && text[start + end] !== '@';
    if (bounded && TOP_LEVEL.test(candidate.slice(dot + 1, end)))
      return { dot: start + dot, end: start + end };
  }
  return null;
}

/** An address starts at a word boundary that neither `@` nor a dot comes before. */
function mayStart(text: string, index: number): boolean {
  const before = text[index - 1];
  return before !== '@' && before !== '.' && isWord(text, index - 1) !== isWord(text, index);
}

/** Whether the character that has the UTF-16 unit at `index` is a word character. */
function isWord(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  if (unit < 128) return WORD.test(text[index]!);
  if (Number.isNaN(unit)) return false;
  const start = unit >= 0xdc00 && unit <= 0xdfff ? index - 1 : index;
  return WORD.test(String.fromCodePoint(text.codePointAt(Math.max(0, start))!));
}

function pathEnd(text: string, start: number): number {
  if (!'/?#'.includes(text[start] ?? ' ')) return start;
  PATH_END.lastIndex = start;
  return PATH_END.exec(text)?.index ?? text.length;
}

const PAIRS = new Map([
  [')', '('],
  [']', '['],
]);

function withoutTrailingPunctuation(address: string): string {
  const surplus = new Map<string, number>();
  for (const [closer, opener] of PAIRS) {
    surplus.set(closer, address.split(closer).length - address.split(opener).length);
  }
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1]!;
    if ('.,:'.includes(last)) continue;
    const over = surplus.get(last) ?? 0;
    if (over <= 0) break;
    surplus.set(last, over - 1);
  }
  return address.slice(0, end);
}
