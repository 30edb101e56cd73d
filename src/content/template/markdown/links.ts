import { WHITE_SPACE } from '../whitespace.ts';
import { type Cursor, firstFrom, indexFrom } from './cursor.ts';

/** `[text](address "title")` as far as it was found: `textEnd` is the place of the bracket that closes the text. */
export type LinkSource = {
  readonly textEnd: number;
  readonly address: string;
  readonly title: string | null;
  readonly end: number;
};

/** The brackets of a text, and for each the closing one at which a link text that gets there can end. */
type Brackets = {
  readonly positions: readonly number[];
  /** By bracket: the last place where a text that reaches this bracket ends so that an address follows, or -1. */
  readonly addressed: Int32Array;
  /** The same with `[key]` following. */
  readonly keyed: Int32Array;
  /** By bracket: the closing bracket of a text that may hold bracketed texts but no other bracket, or -1. */
  readonly plain: Int32Array;
};

const SPACE = new RegExp(`[${WHITE_SPACE}]`);
const TITLE_END = new RegExp(`["'][${WHITE_SPACE}]*\\)`, 'g');
const TITLE_START = new RegExp(`(?<![${WHITE_SPACE}])[${WHITE_SPACE}]+["']`, 'g');

/** The link or image text that starts after the bracket at `open`, with its address; null where there is none. */
export function linkAt(cursor: Cursor, open: number): LinkSource | null {
  const textEnd = lookUp(cursor, open, 'addressed');
  return textEnd === -1 ? null : { textEnd, ...addressAfter(cursor, textEnd)! };
}

/** `[text][key]` from the bracket at `open`: where the text ends, and the key; null where there is none. */
export function keyedLinkAt(
  cursor: Cursor,
  open: number,
): { readonly textEnd: number; readonly key: string; readonly end: number } | null {
  const textEnd = lookUp(cursor, open, 'keyed');
  if (textEnd === -1) return null;
  const keyStart = skipSpace(cursor.text, textEnd + 1) + 1;
  const keyEnd = cursor.text.indexOf(']', keyStart);
  return { textEnd, key: cursor.text.slice(keyStart, keyEnd), end: keyEnd + 1 };
}

/** Where the text of `[key]` from the bracket at `open` ends, or -1. */
export function bracketedAt(cursor: Cursor, open: number): number {
  return lookUp(cursor, open, 'plain');
}

function lookUp(cursor: Cursor, open: number, kind: 'addressed' | 'keyed' | 'plain'): number {
  const brackets = cursor.remember('brackets', 0, () => readBrackets(cursor));
  // The text starts behind this bracket, so what counts is what can be reached from the next one.
  return brackets[kind][indexFrom(brackets.positions, open) + 1] ?? -1;
}

/**
 * Which closing bracket ends a text depends only on the first bracket inside it: a bracketed text is jumped over, a
 * closing bracket may end the text or, when another one comes before the next opening one, be part of it. So one
 * walk from the last bracket to the first answers for all of them.
 */
function readBrackets(cursor: Cursor): Brackets {
  const { text } = cursor;
  const positions = placesOf(/[[\]]/g, text);
  const carets = text.includes('^') ? placesOf(/\^/g, text) : [];
  const count = positions.length;
  const addressed = new Int32Array(count).fill(-1);
  const keyed = new Int32Array(count).fill(-1);
  const plain = new Int32Array(count).fill(-1);
  let nextClose = -1;
  for (let index = count - 1; index >= 0; index -= 1) {
    const position = positions[index]!;
    if (text[position] === '[') {
      if (nextClose === -1) continue;
      const beyond = nextClose + 1;
      plain[index] = plain[beyond] ?? -1;
      if (hasCaret(carets, position, positions[nextClose]!)) continue;
      addressed[index] = addressed[beyond] ?? -1;
      keyed[index] = keyed[beyond] ?? -1;
    } else {
      const goesOn = nextClose === index + 1;
      const keyEnd = nextClose;
      nextClose = index;
      plain[index] = position;
      if (goesOn) {
        addressed[index] = addressed[index + 1]!;
        keyed[index] = keyed[index + 1]!;
      }
      if (addressed[index] === -1 && addressAfter(cursor, position)) addressed[index] = position;
      if (keyed[index] === -1 && keyEnd !== -1 && !goesOn) {
        const opens = skipSpace(text, position + 1) === positions[index + 1];
        if (opens && !hasCaret(carets, position, positions[keyEnd]!)) keyed[index] = position;
      }
    }
  }
  return { positions, addressed, keyed, plain };
}

function hasCaret(carets: readonly number[], from: number, to: number): boolean {
  const caret = firstFrom(carets, from);
  return caret !== -1 && caret < to;
}

type Address = { readonly address: string; readonly title: string | null; readonly end: number };

/** The `(address "title")` behind the closing bracket at `close`; null where there is none. */
function addressAfter(cursor: Cursor, close: number): Address | null {
  if (cursor.text[close + 1] !== '(') return null;
  return cursor.remember('address', close, () => readAddress(cursor, skipSpace(cursor.text, close + 2)));
}

function readAddress(cursor: Cursor, start: number): Address | null {
  const { text } = cursor;
  if (text[start] === '<') {
    const end = firstFrom(angleEnds(cursor), start + 1);
    if (end !== -1) return { address: text.slice(start + 1, end), ...endOfLink(cursor, end + 1)! };
  }
  // Not by `next`: brackets are read from the last to the first.
  const close = firstFrom(closes(cursor), start);
  if (close === -1) return null;
  const beforeTitle = firstFrom(titleStarts(cursor), start);
  if (beforeTitle !== -1 && beforeTitle < close) {
    const titled = endOfLink(cursor, beforeTitle);
    if (titled) return { address: text.slice(start, beforeTitle), ...titled };
  }
  let end = close;
  while (end > start && SPACE.test(text[end - 1]!)) end -= 1;
  return { address: text.slice(start, end), title: null, end: close + 1 };
}

/** What may stand behind an address: white space and a title, or not, then the closing bracket. */
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
  return cursor.remember('closes', 0, () => placesOf(/\)/g, cursor.text));
}

function titleStarts(cursor: Cursor): readonly number[] {
  return cursor.remember('title starts', 0, () => placesOf(TITLE_START, cursor.text));
}

function titleEnds(cursor: Cursor): readonly number[] {
  return cursor.remember('title ends', 0, () => placesOf(TITLE_END, cursor.text));
}

/** Where an address in angle brackets may end. */
function angleEnds(cursor: Cursor): readonly number[] {
  return cursor.remember('angle ends', 0, () =>
    placesOf(/>/g, cursor.text).filter((index) => endOfLink(cursor, index + 1) !== null),
  );
}

function skipSpace(text: string, from: number): number {
  let position = from;
  while (position < text.length && SPACE.test(text[position]!)) position += 1;
  return position;
}

function placesOf(pattern: RegExp, text: string): number[] {
  const places: number[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) places.push(match.index);
  return places;
}
