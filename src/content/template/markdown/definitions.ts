import { WHITE_SPACE } from '../whitespace.ts';
import type { Block } from './blocks.ts';
import type { Cursor } from './cursor.ts';

/** What a text defines for reference by key (spec 02 section 6.2, items 11 and 12). */
export type Definitions = {
  readonly links: Map<string, LinkTarget>;
  readonly footnotes: Map<string, readonly Block[]>;
};

export type LinkTarget = { readonly address: string; readonly title: string | null };

export function noDefinitions(): Definitions {
  return { links: new Map(), footnotes: new Map() };
}

const SPACE_RUN = new RegExp(`[${WHITE_SPACE}]+`, 'g');
const TARGET = new RegExp(`^ *<?([^${WHITE_SPACE}>]+)>?(?: +["(](.+)[")])? *$`, 's');

/** The form in which keys are compared: case and the kind of white space do not count. */
export function keyOf(key: string): string {
  return key.toLowerCase().replace(SPACE_RUN, ' ');
}

export type LinkDefinition = { readonly key: string; readonly target: LinkTarget; readonly end: number };

/** `[key]: address "title"` at `position`, to the end of its line; null where there is none. */
export function linkDefinitionAt(cursor: Cursor, position: number): LinkDefinition | null {
  const { text } = cursor;
  const open = cursor.skip(position, ' ');
  if (text[open] !== '[') return null;
  const close = cursor.next(']', open + 1);
  if (close <= open + 1 || text[close + 1] !== ':') return null;
  const caret = cursor.next('^', open + 1);
  if (caret !== -1 && caret < close) return null;
  const target = cursor.remember('definition', close, () => {
    const match = TARGET.exec(text.slice(close + 2, cursor.lineEnd(close)));
    return match && { address: match[1]!, title: match[2] ?? null };
  });
  if (!target) return null;
  return { key: keyOf(text.slice(open + 1, close)), target, end: cursor.lineEnd(close) };
}

export type FootnoteDefinition = { readonly key: string; readonly content: string; readonly end: number };

/** Whether `[^key]:` stands at `position`. */
export function isFootnoteDefinition(cursor: Cursor, position: number): boolean {
  if (!cursor.text.startsWith('[^', position)) return false;
  const close = cursor.next(']', position + 2);
  return close > position + 2 && cursor.text[close + 1] === ':';
}

/** `[^key]: text` at `position`, with the indented lines that follow; null where there is none. */
export function footnoteDefinitionAt(cursor: Cursor, position: number): FootnoteDefinition | null {
  if (!isFootnoteDefinition(cursor, position)) return null;
  const { text } = cursor;
  const close = cursor.next(']', position + 2);
  const start = cursor.skip(close + 2, ' ');
  let end = cursor.skip(cursor.lineEnd(start), '\n');
  while (text[end] === ' ') end = cursor.skip(cursor.lineEnd(end), '\n');
  const [first = '', ...rest] = text.slice(start, end).split('\n');
  const indents = rest.map((line) => line.length - line.trimStart().length).filter((indent) => indent > 0);
  const indent = indents.reduce((least, next) => Math.min(least, next), Number.POSITIVE_INFINITY);
  const outdented = indent === Number.POSITIVE_INFINITY ? rest : rest.map((line) => line.slice(indent));
  return { key: keyOf(text.slice(position + 2, close)), content: [first, ...outdented].join('\n'), end };
}
