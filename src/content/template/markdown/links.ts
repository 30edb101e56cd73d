import { whiteSpace } from '../text/whitespace.ts';
import { type Cursor, firstFrom, indexFrom } from './cursor.ts';

/**
 * The syntax of links (spec 02, section 6.4, items 6 and 7) and of what they refer to (section 6.2, items 11 and 12).
 */

export type LinkTarget = { readonly url: string; readonly title: string | null };

const spaceRun = new RegExp(`[${whiteSpace}]+`, 'g');
const targetPattern = new RegExp(`^ *<?([^${whiteSpace}>]+)>?(?: +["(](.+)[")])? *$`, 's');

/** The form in which labels are compared: neither case nor the kind of white space matters. */
export function normaliseLabel(label: string): string {
  return label.toLowerCase().replace(spaceRun, ' ');
}

/** `[label]: url "title"` at `position`, up to the end of its line; null when there is none. */
export function linkDefinitionAt(
  cursor: Cursor,
  position: number,
): { readonly label: string; readonly target: LinkTarget; readonly end: number } | null {
  const { text } = cursor;
  const open = cursor.skip(position, ' ');
  if (text[open] !== '[') return null;
  const close = cursor.next(']', open + 1);
  if (close <= open + 1 || text[close + 1] !== ':') return null;
  const caret = cursor.next('^', open + 1);
  if (caret !== -1 && caret < close) return null;
  const target = cursor.remember('definition', close, () => {
    const match = targetPattern.exec(text.slice(close + 2, cursor.lineEnd(close)));
    return match && { url: match[1]!, title: match[2] ?? null };
  });
  if (!target) return null;
  return { label: normaliseLabel(text.slice(open + 1, close)), target, end: cursor.lineEnd(close) };
}

/** Whether `[^label]:` is at `position`. */
export function isFootnoteDefinition(cursor: Cursor, position: number): boolean {
  if (!cursor.text.startsWith('[^', position)) return false;
  const close = cursor.next(']', position + 2);
  return close > position + 2 && cursor.text[close + 1] === ':';
}

/** `[^label]: text` at `position`, with the indented lines that follow; null when there is none. */
export function footnoteDefinitionAt(
  cursor: Cursor,
  position: number,
): { readonly label: string; readonly content: string; readonly end: number } | null {
  if (!isFootnoteDefinition(cursor, position)) return null;
  const { text } = cursor;
  const close = cursor.next(']', position + 2);
  const start = cursor.skip(close + 2, ' ');
  let end = cursor.afterLine(start);
  while (text[end] === ' ') end = cursor.afterLine(end);
  const [first = '', ...rest] = text.slice(start, end).split('\n');
  const indents = rest.map((line) => line.length - line.trimStart().length).filter((indent) => indent > 0);
  const indent = indents.reduce((least, next) => Math.min(least, next), Number.POSITIVE_INFINITY);
  const outdented = indent === Number.POSITIVE_INFINITY ? rest : rest.map((line) => line.slice(indent));
  return {
    label: normaliseLabel(text.slice(position + 2, close)),
    content: [first, ...outdented].join('\n'),
    end,
  };
}

/** `[text](url "title")`. `textEnd` is the position of the bracket that closes the text. */
export type InlineLink = LinkTarget & { readonly textEnd: number; readonly end: number };

const space = new RegExp(`[${whiteSpace}]`);
const titleEnd = new RegExp(`["'][${whiteSpace}]*\\)`, 'g');
const titleStart = new RegExp(`(?<![${whiteSpace}])[${whiteSpace}]+["']`, 'g');

/** The link or image whose text starts after the bracket at `open`; null when there is none. */
export function linkAt(cursor: Cursor, open: number): InlineLink | null {
  const textEnd = endOfText(cursor, open, 'withUrl');
  return textEnd === -1 ? null : { textEnd, ...targetAfter(cursor, textEnd)! };
}

/** `[text][label]` from the bracket at `open`; null when there is none. */
export function labelledLinkAt(
  cursor: Cursor,
  open: number,
): { readonly textEnd: number; readonly label: string; readonly end: number } | null {
  const textEnd = endOfText(cursor, open, 'withLabel');
  if (textEnd === -1) return null;
  const labelStart = skipSpace(cursor.text, textEnd + 1) + 1;
  const labelEnd = cursor.text.indexOf(']', labelStart);
  return { textEnd, label: cursor.text.slice(labelStart, labelEnd), end: labelEnd + 1 };
}

/** Where the text of `[label]` from the bracket at `open` ends, or -1. */
export function labelEndAt(cursor: Cursor, open: number): number {
  return endOfText(cursor, open, 'plain');
}

/** For each bracket of a text, the closing bracket that ends a link text which reaches this bracket, or -1. */
type Brackets = {
  readonly positions: readonly number[];
  /** The last closing bracket that `(url)` follows. */
  readonly withUrl: Int32Array;
  /** The last closing bracket that `[label]` follows. */
  readonly withLabel: Int32Array;
  /** The closing bracket of a text that may hold bracketed texts but no other bracket. */
  readonly plain: Int32Array;
};

function endOfText(cursor: Cursor, open: number, kind: 'withUrl' | 'withLabel' | 'plain'): number {
  const brackets = cursor.remember('brackets', 0, () => readBrackets(cursor));
  // The text starts after this bracket, so the next bracket is the first one inside.
  return brackets[kind][indexFrom(brackets.positions, open) + 1] ?? -1;
}

/**
 * Which closing bracket ends a text depends only on the first bracket inside it: a bracketed text is skipped; a closing
 * bracket may end the text or, if another one comes before the next opening one, be part of it. So one walk from the
 * last bracket to the first finds the answers for all.
 */
function readBrackets(cursor: Cursor): Brackets {
  const { text } = cursor;
  const positions = positionsOf(/[[\]]/g, text);
  const carets = text.includes('^') ? positionsOf(/\^/g, text) : [];
  const count = positions.length;
  const withUrl = new Int32Array(count).fill(-1);
  const withLabel = new Int32Array(count).fill(-1);
  const plain = new Int32Array(count).fill(-1);
  let nextClose = -1;
  for (let index = count - 1; index >= 0; index -= 1) {
    const position = positions[index]!;
    if (text[position] === '[') {
      if (nextClose === -1) continue;
      const beyond = nextClose + 1;
      plain[index] = plain[beyond] ?? -1;
      if (hasCaret(carets, position, positions[nextClose]!)) continue;
      withUrl[index] = withUrl[beyond] ?? -1;
      withLabel[index] = withLabel[beyond] ?? -1;
    } else {
      const closesNext = nextClose === index + 1;
      const labelEnd = nextClose;
      nextClose = index;
      plain[index] = position;
      if (closesNext) {
        withUrl[index] = withUrl[index + 1]!;
        withLabel[index] = withLabel[index + 1]!;
      }
      if (withUrl[index] === -1 && targetAfter(cursor, position)) withUrl[index] = position;
      if (withLabel[index] === -1 && labelEnd !== -1 && !closesNext) {
        const opensLabel = skipSpace(text, position + 1) === positions[index + 1];
        if (opensLabel && !hasCaret(carets, position, positions[labelEnd]!)) withLabel[index] = position;
      }
    }
  }
  return { positions, withUrl, withLabel, plain };
}

function hasCaret(carets: readonly number[], from: number, to: number): boolean {
  const caret = firstFrom(carets, from);
  return caret !== -1 && caret < to;
}

/** The `(url "title")` after the closing bracket at `close`; null when there is none. */
function targetAfter(cursor: Cursor, close: number): (LinkTarget & { readonly end: number }) | null {
  if (cursor.text[close + 1] !== '(') return null;
  return cursor.remember('target', close, () => readTarget(cursor, skipSpace(cursor.text, close + 2)));
}

function readTarget(cursor: Cursor, start: number): (LinkTarget & { readonly end: number }) | null {
  const { text } = cursor;
  if (text[start] === '<') {
    const end = firstFrom(angleEnds(cursor), start + 1);
    if (end !== -1) return { url: text.slice(start + 1, end), ...endOfLink(cursor, end + 1)! };
  }
  // Not `cursor.next`, which is slow when brackets are read from the last to the first.
  const close = firstFrom(closes(cursor), start);
  if (close === -1) return null;
  const beforeTitle = firstFrom(titleStarts(cursor), start);
  if (beforeTitle !== -1 && beforeTitle < close) {
    const titled = endOfLink(cursor, beforeTitle);
    if (titled) return { url: text.slice(start, beforeTitle), ...titled };
  }
  let end = close;
  while (end > start && space.test(text[end - 1]!)) end -= 1;
  return { url: text.slice(start, end), title: null, end: close + 1 };
}

/** What may follow a URL: an optional title after white space, then the closing bracket. */
function endOfLink(
  cursor: Cursor,
  position: number,
): { readonly title: string | null; readonly end: number } | null {
  const { text } = cursor;
  const start = skipSpace(text, position);
  if (start > position && (text[start] === '"' || text[start] === "'")) {
    const close = firstFrom(titleEnds(cursor), start + 1);
    if (close !== -1) return { title: text.slice(start + 1, close), end: text.indexOf(')', close) + 1 };
  }
  return text[start] === ')' ? { title: null, end: start + 1 } : null;
}

function closes(cursor: Cursor): readonly number[] {
  return cursor.remember('closes', 0, () => positionsOf(/\)/g, cursor.text));
}

function titleStarts(cursor: Cursor): readonly number[] {
  return cursor.remember('title starts', 0, () => positionsOf(titleStart, cursor.text));
}

function titleEnds(cursor: Cursor): readonly number[] {
  return cursor.remember('title ends', 0, () => positionsOf(titleEnd, cursor.text));
}

/** Where a URL in angle brackets may end. */
function angleEnds(cursor: Cursor): readonly number[] {
  return cursor.remember('angle ends', 0, () =>
    positionsOf(/>/g, cursor.text).filter((index) => endOfLink(cursor, index + 1) !== null),
  );
}

function skipSpace(text: string, from: number): number {
  let position = from;
  while (position < text.length && space.test(text[position]!)) position += 1;
  return position;
}

function positionsOf(pattern: RegExp, text: string): number[] {
  const positions: number[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text))
    positions.push(match.index);
  return positions;
}
