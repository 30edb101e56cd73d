import { whiteSpace } from '../text/whitespace.ts';
import { Cursor } from './cursor.ts';
import {
  type InlineLink,
  type LinkTarget,
  labelEndAt,
  labelledLinkAt,
  linkAt,
  normaliseLabel,
} from './links.ts';
import { inlineHtmlAt } from './raw-html.ts';

/**
 * A piece of running text. `text` is still to be escaped by a renderer, `html` is raw and never escaped, a `url` links
 * to itself. Images leave no piece.
 */
export type Inline =
  | { readonly kind: 'text' | 'html' | 'url'; readonly text: string }
  | { readonly kind: 'lineBreak' }
  | {
      readonly kind: 'link';
      readonly inlines: readonly Inline[];
      readonly url: string;
      readonly title: string | null;
    };

/** What a text may refer to. `footnote` takes a reference; it returns false when there is no such footnote. */
export type References = {
  readonly links: ReadonlyMap<string, LinkTarget>;
  readonly footnote: (label: string) => boolean;
};

/** What was parsed at a position; `inline` is null when it renders to nothing. */
type Piece = { readonly inline: Inline | null; readonly end: number };

const nextMark = /[\\<[\n]|!(?=\[)|https?:\/\//g;
const escapable = /[\\`*{}[\]()#+\-.!_>~|]/;
const bareUrl = new RegExp(`https?://([^${whiteSpace}<]+)`, 'y');
const notLastInUrl = /[<.,:"')\]]/;
/** In UTF-16 units. Longer labels occur only in hostile texts. */
const maxLabelLength = 1000;

/** The pieces of the text of one block (spec 02, section 6.4). */
export function parseInline(source: string, references: References): Inline[] {
  let length = source.length;
  while (source[length - 1] === '\n') length -= 1;
  return parsePieces(source.slice(0, length), references, false);
}

function parsePieces(text: string, references: References, insideLink: boolean): Inline[] {
  const pieces: Inline[] = [];
  let cursor: Cursor | undefined;
  let done = 0;
  nextMark.lastIndex = 0;
  for (let mark = nextMark.exec(text); mark !== null; mark = nextMark.exec(text)) {
    const position = mark.index;
    cursor ??= new Cursor(text);
    const piece = pieceAt(cursor, position, references, insideLink);
    // Parsing the text of a link has moved the shared expression.
    nextMark.lastIndex = piece ? piece.end : position + 1;
    if (!piece) continue;
    let before = position;
    if (piece.inline?.kind === 'lineBreak') while (before > done && text[before - 1] === ' ') before -= 1;
    if (before > done) pieces.push({ kind: 'text', text: text.slice(done, before) });
    if (piece.inline) pieces.push(piece.inline);
    done = piece.end;
  }
  if (done < text.length) pieces.push({ kind: 'text', text: text.slice(done) });
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
      return htmlAt(cursor, position) ?? angleLinkAt(cursor, position, insideLink);
    case 'h':
      return bareUrlAt(text, position, insideLink);
    default:
      return bracketAt(cursor, position, references, insideLink);
  }
}

function escapeAt(text: string, position: number): Piece | null {
  const escaped = text[position + 1];
  if (escaped === undefined || !escapable.test(escaped)) return null;
  return { inline: { kind: 'text', text: escaped }, end: position + 2 };
}

function htmlAt(cursor: Cursor, position: number): Piece | null {
  const end = inlineHtmlAt(cursor, position);
  return end === -1 ? null : { inline: { kind: 'html', text: cursor.text.slice(position, end) }, end };
}

/** `<http://…>` or `<a@b>`. */
function angleLinkAt(cursor: Cursor, position: number, insideLink: boolean): Piece | null {
  const { text } = cursor;
  const end = cursor.next('>', position + 1);
  if (end === -1) return null;
  const space = cursor.next(' ', position + 1);
  if (space !== -1 && space < end) return null;
  // The last @ or colon that has a character on either side distinguishes an email address from a URL.
  const sign = cursor.remember('angle sign', end, () => {
    let at = end - 2;
    while (at > position && text[at] !== '@' && text[at] !== ':') at -= 1;
    return at;
  });
  if (sign < position + 2) return null;
  const kind = text[sign] === '@' || insideLink ? 'text' : 'url';
  return { inline: { kind, text: text.slice(position + 1, end) }, end: end + 1 };
}

function bareUrlAt(text: string, position: number, insideLink: boolean): Piece | null {
  bareUrl.lastIndex = position;
  const rest = bareUrl.exec(text)?.[1];
  if (rest === undefined) return null;
  let end = bareUrl.lastIndex;
  const shortest = end - rest.length + 2;
  while (end >= shortest && notLastInUrl.test(text[end - 1]!)) end -= 1;
  if (end < shortest) return null;
  return { inline: { kind: insideLink ? 'text' : 'url', text: text.slice(position, end) }, end };
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
    const isMark = close > open + 2 && close - open < maxLabelLength;
    if (isMark && references.footnote(normaliseLabel(text.slice(open + 2, close))))
      return { inline: null, end: close + 1 };
  }
  // Links do not nest: inside a link only images are recognised.
  if (insideLink && !isImage) return null;
  const found = linkAt(cursor, open) ?? referenceAt(cursor, open, references.links);
  if (!found) return null;
  if (isImage) return { inline: null, end: found.end };
  const inlines = parsePieces(text.slice(open + 1, found.textEnd), references, true);
  return { inline: { kind: 'link', inlines, url: found.url, title: found.title }, end: found.end };
}

/** `[text][label]` or `[label]`, if the label is defined. */
function referenceAt(
  cursor: Cursor,
  open: number,
  links: ReadonlyMap<string, LinkTarget>,
): InlineLink | null {
  if (links.size === 0) return null;
  const targetOf = (label: string) =>
    label.length > maxLabelLength ? undefined : links.get(normaliseLabel(label));
  const labelled = labelledLinkAt(cursor, open);
  if (labelled) {
    const target = targetOf(labelled.label || cursor.text.slice(open + 1, labelled.textEnd));
    if (target) return { ...target, textEnd: labelled.textEnd, end: labelled.end };
  }
  const textEnd = labelEndAt(cursor, open);
  const target = textEnd === -1 ? undefined : targetOf(cursor.text.slice(open + 1, textEnd));
  return target ? { ...target, textEnd, end: textEnd + 1 } : null;
}
