import { WHITE_SPACE } from '../whitespace.ts';
import { Cursor } from './cursor.ts';
import { keyOf, type LinkTarget } from './definitions.ts';
import { bracketedAt, keyedLinkAt, linkAt } from './links.ts';
import { inlineHtmlAt } from './raw-html.ts';

/**
 * A piece of running text. `text` is still to be escaped by a renderer; `html` is raw and never escaped; an
 * `address` shows and links to itself. Images leave no piece.
 */
export type Inline =
  | { readonly kind: 'text' | 'html' | 'address'; readonly text: string }
  | { readonly kind: 'lineBreak' }
  | {
      readonly kind: 'link';
      readonly inlines: readonly Inline[];
      readonly address: string;
      readonly title: string | null;
    };

/** What a text may refer to. `footnote` takes a reference, or says that there is no such footnote. */
export type References = {
  readonly links: ReadonlyMap<string, LinkTarget>;
  readonly footnote: (key: string) => boolean;
};

type Piece = { readonly inline: Inline | null; readonly end: number };

const NEXT_MARK = /[\\<[\n]|!(?=\[)|https?:\/\//g;
const ESCAPABLE = /[\\`*{}[\]()#+\-.!_>~|]/;
const BARE_ADDRESS = new RegExp(`https?://([^${WHITE_SPACE}<]+)`, 'y');
const NOT_LAST_IN_ADDRESS = /[<.,:"')\]]/;
// A key longer than this is a hostile text, not a reference.
const LONGEST_KEY = 1000;

/** The pieces of the text of one block (spec 02 section 6.4). */
export function parseInline(source: string, references: References): Inline[] {
  let length = source.length;
  while (source[length - 1] === '\n') length -= 1;
  return parsePieces(source.slice(0, length), references, false);
}

function parsePieces(text: string, references: References, insideLink: boolean): Inline[] {
  const pieces: Inline[] = [];
  let cursor: Cursor | undefined;
  let shown = 0;
  NEXT_MARK.lastIndex = 0;
  for (let mark = NEXT_MARK.exec(text); mark !== null; mark = NEXT_MARK.exec(text)) {
    const position = mark.index;
    cursor ??= new Cursor(text);
    const piece = pieceAt(cursor, position, references, insideLink);
    // Parsing the text of a link has moved the shared expression.
    NEXT_MARK.lastIndex = piece ? piece.end : position + 1;
    if (!piece) continue;
    let before = position;
    if (piece.inline?.kind === 'lineBreak') while (before > shown && text[before - 1] === ' ') before -= 1;
    if (before > shown) pieces.push({ kind: 'text', text: text.slice(shown, before) });
    if (piece.inline) pieces.push(piece.inline);
    shown = piece.end;
  }
  if (shown < text.length) pieces.push({ kind: 'text', text: text.slice(shown) });
  return pieces;
}

function pieceAt(
  cursor: Cursor,
  position: number,
  references: References,
  insideLink: boolean,
): Piece | null {
  const { text } = cursor;
  switch (text[position]) {
    case '\n':
      return cursor.isBlankFrom(position) ? null : { inline: { kind: 'lineBreak' }, end: position + 1 };
    case '\\':
      return escapeAt(text, position);
    case '<':
      return htmlAt(cursor, position) ?? angleAddressAt(cursor, position, insideLink);
    case 'h':
      return bareAddressAt(text, position, insideLink);
    default:
      return bracketAt(cursor, position, references, insideLink);
  }
}

function escapeAt(text: string, position: number): Piece | null {
  const escaped = text[position + 1];
  if (escaped === undefined || !ESCAPABLE.test(escaped)) return null;
  return { inline: { kind: 'text', text: escaped }, end: position + 2 };
}

function htmlAt(cursor: Cursor, position: number): Piece | null {
  const end = inlineHtmlAt(cursor, position);
  return end === -1 ? null : { inline: { kind: 'html', text: cursor.text.slice(position, end) }, end };
}

/** `<http://…>` or `<a@b>`. */
function angleAddressAt(cursor: Cursor, position: number, insideLink: boolean): Piece | null {
  const { text } = cursor;
  const end = cursor.next('>', position + 1);
  if (end === -1) return null;
  const space = cursor.next(' ', position + 1);
  if (space !== -1 && space < end) return null;
  // The last @ or colon with a character behind it decides, and has to have one before it.
  const sign = cursor.remember('angle sign', end, () => {
    let at = end - 2;
    while (at > position && text[at] !== '@' && text[at] !== ':') at -= 1;
    return at;
  });
  if (sign < position + 2) return null;
  const inside = text.slice(position + 1, end);
  const kind = text[sign] === '@' || insideLink ? 'text' : 'address';
  return { inline: { kind, text: inside }, end: end + 1 };
}

function bareAddressAt(text: string, position: number, insideLink: boolean): Piece | null {
  BARE_ADDRESS.lastIndex = position;
  const rest = BARE_ADDRESS.exec(text)?.[1];
  if (rest === undefined) return null;
  let end = BARE_ADDRESS.lastIndex;
  const shortest = end - rest.length + 2;
  while (end >= shortest && NOT_LAST_IN_ADDRESS.test(text[end - 1]!)) end -= 1;
  if (end < shortest) return null;
  return { inline: { kind: insideLink ? 'text' : 'address', text: text.slice(position, end) }, end };
}

/** A footnote mark, link, image or reference. */
function bracketAt(
  cursor: Cursor,
  position: number,
  references: References,
  insideLink: boolean,
): Piece | null {
  const { text } = cursor;
  const isImage = text[position] === '!';
  const open = isImage ? position + 1 : position;
  if (!isImage && text[open + 1] === '^') {
    const close = cursor.next(']', open + 2);
    const isMark = close > open + 2 && close - open < LONGEST_KEY;
    if (isMark && references.footnote(keyOf(text.slice(open + 2, close))))
      return { inline: null, end: close + 1 };
  }
  // A link in a link is no link, so its text is looked at only for what is inside: the outer one wins.
  if (insideLink && !isImage) return null;
  const found = linkAt(cursor, open) ?? referenceAt(cursor, open, references.links);
  if (!found) return null;
  if (isImage) return { inline: null, end: found.end };
  const inlines = parsePieces(text.slice(open + 1, found.textEnd), references, true);
  return { inline: { kind: 'link', inlines, address: found.address, title: found.title }, end: found.end };
}

/** `[text][key]` or `[key]`, if the key is defined. */
function referenceAt(
  cursor: Cursor,
  open: number,
  links: ReadonlyMap<string, LinkTarget>,
): (LinkTarget & { readonly textEnd: number; readonly end: number }) | null {
  if (links.size === 0) return null;
  const targetOf = (key: string) => (key.length > LONGEST_KEY ? undefined : links.get(keyOf(key)));
  const keyed = keyedLinkAt(cursor, open);
  if (keyed) {
    const target = targetOf(keyed.key || cursor.text.slice(open + 1, keyed.textEnd));
    if (target) return { ...target, textEnd: keyed.textEnd, end: keyed.end };
  }
  const textEnd = bracketedAt(cursor, open);
  const target = textEnd === -1 ? undefined : targetOf(cursor.text.slice(open + 1, textEnd));
  return target ? { ...target, textEnd, end: textEnd + 1 } : null;
}
