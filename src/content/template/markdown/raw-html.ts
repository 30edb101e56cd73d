import { type Cursor, firstFrom, matchesAt } from './cursor.ts';

// Raw tags reach only the plain-text renderer: for HTML everything except placeholder spans is escaped before.
const inlineTags =
  'a|em|strong|small|s|cite|q|dfn|abbr|data|time|code|var|samp|kbd|sub|sup|i|b|u|mark|ruby|rt|rp|bdi|bdo|span|br|wbr|ins|del|img|font';
const tagName = /<([\p{L}\p{N}_]+)(?!:\/|[^\p{L}\p{N}_\s@]*@)(?![\p{L}\p{N}_])/uy;
const blockTagName = new RegExp(
  `<(?!(?:${inlineTags})(?![\\p{L}\\p{N}_]))(?:${tagName.source.slice(1)})`,
  'uy',
);
const nameCharacter = /[a-zA-Z-]/;
const space = /\s/;
const unquotedValue = /[^\s'">]+/y;
const closingTagPattern = /<\/([\p{L}\p{N}_]+)>/gu;
const endOfBlock = / *\n\n/y;

type Tag = { readonly name: string; readonly end: number; readonly selfClosing: boolean };

/** Whether the line at `position` starts with a block-level tag. */
export function startsBlockTag(text: string, position: number): boolean {
  return text[position] === '<' && matchesAt(blockTagName, text, position);
}

/** Where the comment, element or tag at `position` ends, or -1 (spec 02, section 6.4, item 2). */
export function inlineHtmlAt(cursor: Cursor, position: number): number {
  const { text } = cursor;
  if (text.startsWith('<!--', position)) {
    const end = cursor.next('-->', position + 4);
    if (end !== -1) return end + 3;
  }
  const tag = tagAt(cursor, position, tagName);
  if (!tag) return -1;
  const close = endOfElement(cursor, tag, 'inline');
  return close === -1 ? tag.end : close;
}

/**
 * Raw HTML on lines of its own from `position`, up to a blank line or the end (spec 02, section 6.2, item 10); null
 * when there is none. The text leaves out the white space around an element, but keeps it around a comment or a lone
 * tag.
 */
export function blockHtmlAt(
  cursor: Cursor,
  position: number,
): { readonly text: string; readonly end: number } | null {
  const { text } = cursor;
  const start = cursor.skip(position, ' ');
  if (text[start] !== '<') return null;
  const after = (end: number) =>
    cursor.isBlankFrom(end) ? text.length : cursor.skip(cursor.skip(end, ' '), '\n');
  if (text.startsWith('<!--', start)) {
    const end = firstFrom(commentEnds(cursor), start + 7);
    return end === -1 ? null : { text: text.slice(position, after(end)), end: after(end) };
  }
  const tag = tagAt(cursor, start, blockTagName);
  if (!tag) return null;
  const close = endOfElement(cursor, tag, 'block');
  if (close !== -1) return { text: text.slice(start, close), end: after(close) };
  if (!endsBlock(cursor, tag.end)) return null;
  return { text: text.slice(position, after(tag.end)), end: after(tag.end) };
}

function endsBlock(cursor: Cursor, position: number): boolean {
  return cursor.isBlankFrom(position) || matchesAt(endOfBlock, cursor.text, position);
}

/** The ends of comments at which a block may end. */
function commentEnds(cursor: Cursor): readonly number[] {
  return cursor.remember('comment ends', 0, () =>
    [...cursor.text.matchAll(/-->/g)].map(({ index }) => index + 3).filter((end) => endsBlock(cursor, end)),
  );
}

/** Where the first closing tag of this name ends, or -1. */
function endOfElement(cursor: Cursor, tag: Tag, kind: 'inline' | 'block'): number {
  if (tag.selfClosing) return -1;
  const endsByName = cursor.remember(`closing tags ${kind}`, 0, () => {
    const byName = new Map<string, number[]>();
    for (const { 0: whole, 1: name, index } of cursor.text.matchAll(closingTagPattern)) {
      const end = index + whole.length;
      if (kind === 'block' && !endsBlock(cursor, end)) continue;
      const ends = byName.get(name!);
      if (ends) ends.push(end);
      else byName.set(name!, [end]);
    }
    return byName;
  });
  return firstFrom(endsByName.get(tag.name) ?? [], tag.end + tag.name.length + 3);
}

/** The opening tag at `position`: a name, then attributes with or without values. */
function tagAt(cursor: Cursor, position: number, pattern: RegExp): Tag | null {
  const { text } = cursor;
  pattern.lastIndex = position;
  const name = pattern.exec(text)?.[1];
  if (name === undefined) return null;
  const visited: number[] = [];
  let at = pattern.lastIndex;
  for (;;) {
    const state = at;
    while (at < text.length && space.test(text[at]!)) at += 1;
    const selfClosing = text[at] === '/' && text[at + 1] === '>';
    if (selfClosing || text[at] === '>') return { name, end: at + (selfClosing ? 2 : 1), selfClosing };
    // Whether the attributes from here on reach the end of a tag does not depend on where the tag began.
    visited.push(state);
    if (at >= text.length || !nameCharacter.test(text[at]!) || isDead(cursor, state)) break;
    at = valueEnd(cursor, at + 1);
  }
  for (const state of visited) cursor.remember('dead attributes', state, () => true);
  return null;
}

function isDead(cursor: Cursor, state: number): boolean {
  return cursor.recall('dead attributes', state) === true;
}

/** Where the `= value` at `position` ends; `position` itself when there is none. */
function valueEnd(cursor: Cursor, position: number): number {
  const { text } = cursor;
  let at = position;
  while (at < text.length && space.test(text[at]!)) at += 1;
  if (text[at] !== '=') return position;
  at += 1;
  while (at < text.length && space.test(text[at]!)) at += 1;
  const quote = text[at];
  if (quote === '"' || quote === "'") {
    const close = cursor.next(quote, at + 1);
    return close === -1 ? position : close + 1;
  }
  return matchesAt(unquotedValue, text, at) ? unquotedValue.lastIndex : position;
}
