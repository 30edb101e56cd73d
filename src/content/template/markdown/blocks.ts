import { Cursor } from './cursor.ts';
import {
  type Definitions,
  footnoteDefinitionAt,
  isFootnoteDefinition,
  linkDefinitionAt,
} from './definitions.ts';
import { fenceAt } from './fences.ts';
import { itemsOf, listAt, matchesAt } from './lists.ts';
import { blockHtmlAt, startsBlockTag } from './raw-html.ts';

/** A block whose running text is not parsed yet. `text` is a line of a tight list item, outside any paragraph. */
export type Block =
  | { readonly kind: 'lineBreak' | 'rule' }
  | { readonly kind: 'code' | 'html' | 'paragraph' | 'text'; readonly text: string }
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  | { readonly kind: 'inset'; readonly blocks: readonly Block[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Block[])[] };

/** What was found at a position: nothing to show when `block` is null; parsing goes on at `end`. */
type Found = { readonly block: Block | null; readonly end: number };
type Rule = (cursor: Cursor, position: number, depth: Depth) => Found | null;
type Depth = { readonly lists: number; readonly insets: number; readonly definitions: Definitions };

const DEEPEST = 6;
const RULE = / {0,3}[-*_](?: *[-*_]){2,} *(?:\n|$)/y;
const UNDERLINE = / *[=-]*([=-]) *(?:\n|$)/y;
const TABLE_RULE = / *[-:]+ *\|[-| :]*\n/y;
const PIPED_TABLE_RULE = / *\| *[-:]+[-| :]*\n/y;
const INSET = / *\^[^\n]/y;
const INSET_MARK = /(^|\n) *\^ ?/g;
const QUOTE = / *>[^\n]/y;
const MARK_IN_PARAGRAPH = / *[*+\-_>#<`~[\p{Nd}]/uy;
const LIST_IN_PARAGRAPH = / *(?:[*+-](?:\p{Nd}+\.)?|\p{Nd}+\.) ./suy;

/** The blocks of a text whose newlines and tabs are in order (spec 02 section 6.2). Fills `definitions`. */
export function parseBlocks(text: string, definitions: Definitions): Block[] {
  return parseWith(pageRules, text, { lists: 0, insets: 0, definitions });
}

function parseWith(rules: readonly Rule[], source: string, depth: Depth): Block[] {
  let length = source.length;
  while (source[length - 1] === '\n') length -= 1;
  const cursor = new Cursor(source.slice(0, length));
  const blocks: Block[] = [];
  let position = 0;
  while (position < length) {
    let found: Found | null = null;
    for (let index = 0; found === null; index += 1) found = rules[index]!(cursor, position, depth);
    const last = blocks.at(-1);
    if (found.block?.kind === 'text' && last?.kind === 'text') {
      blocks[blocks.length - 1] = { kind: 'text', text: `${last.text}\n${found.block.text}` };
    } else if (found.block) blocks.push(found.block);
    position = found.end;
  }
  return blocks;
}

const newlines: Rule = (cursor, position) => {
  const end = cursor.skip(position, '\n');
  if (end === position) return null;
  return { block: end - position > 1 ? { kind: 'lineBreak' } : null, end };
};

const rule: Rule = (cursor, position) => {
  if (!matchesAt(RULE, cursor.text, position)) return null;
  return { block: { kind: 'rule' }, end: afterLine(cursor, position) };
};

const indentedCode: Rule = (cursor, position) => {
  const { text } = cursor;
  let end = position;
  while (text.startsWith('    ', end) && end + 4 < cursor.lineEnd(end)) end = afterLine(cursor, end);
  if (end === position) return null;
  return { block: { kind: 'code', text: text.slice(position, end).replace(/(^|\n) {4}/g, '$1') }, end };
};

const fence: Rule = (cursor, position) => {
  const found = fenceAt(cursor, position);
  return found && { block: { kind: 'code', text: found.text }, end: afterLine(cursor, found.end) };
};

const heading: Rule = (cursor, position) => {
  const { text } = cursor;
  const marks = cursor.skip(position, ' ');
  if (text[marks] !== '#') return null;
  const lineEnd = cursor.lineEnd(marks);
  let level = 1;
  while (level < 6 && text[marks + level] === '#') level += 1;
  let start = cursor.skip(marks + level, ' ');
  if (start === lineEnd) {
    // A line of marks alone: the last character is the text of the heading.
    start -= 1;
    if (start === marks) return null;
    if (text[start] === '#') level -= 1;
  }
  let end = lineEnd;
  while (text[end - 1] === ' ') end -= 1;
  while (text[end - 1] === '#') end -= 1;
  while (text[end - 1] === ' ') end -= 1;
  const content = text.slice(start, Math.max(end, start + 1));
  return { block: { kind: 'heading', level, text: content }, end: afterLine(cursor, lineEnd) };
};

const table: Rule = (cursor, position) => {
  const { text } = cursor;
  const start = cursor.skip(position, ' ');
  const lineEnd = cursor.lineEnd(start);
  const pipe = cursor.next('|', start + 1);
  if (pipe === -1 || pipe >= lineEnd) return null;
  return tableBelow(cursor, TABLE_RULE, lineEnd + 1, (line, end) => text.slice(line, end).includes('|'));
};

const pipedTable: Rule = (cursor, position) => {
  const { text } = cursor;
  const start = cursor.skip(position, ' ');
  const lineEnd = cursor.lineEnd(start);
  if (text[start] !== '|' || start + 1 === lineEnd) return null;
  return tableBelow(cursor, PIPED_TABLE_RULE, lineEnd + 1, (line) => text[cursor.skip(line, ' ')] === '|');
};

/** A table renders to nothing; this only finds where it ends. */
function tableBelow(
  cursor: Cursor,
  separator: RegExp,
  position: number,
  isRow: (line: number, end: number) => boolean,
): Found | null {
  const { text } = cursor;
  if (!matchesAt(separator, text, position)) return null;
  let end = separator.lastIndex;
  while (end < text.length && isRow(end, cursor.lineEnd(end))) end = cursor.lineEnd(end) + 1;
  return { block: null, end: cursor.skip(Math.min(end, text.length), '\n') };
}

const underlinedHeading: Rule = (cursor, position) => {
  const { text } = cursor;
  const lineEnd = cursor.lineEnd(position);
  if (lineEnd === position) return null;
  UNDERLINE.lastIndex = lineEnd + 1;
  const match = lineEnd < text.length && UNDERLINE.exec(text);
  if (!match) return null;
  const level = match[1] === '=' ? 1 : 2;
  const content = text.slice(position, lineEnd);
  return { block: { kind: 'heading', level, text: content }, end: afterLine(cursor, lineEnd + 1) };
};

const inset: Rule = (cursor, position, depth) => {
  const { text } = cursor;
  let end = position;
  while (end < text.length && matchesAt(INSET, text, end)) {
    while (end < text.length && text[end] !== '\n') end = Math.min(cursor.lineEnd(end) + 1, text.length);
    end = cursor.skip(end, '\n');
  }
  if (end === position) return null;
  const source = text.slice(position, end);
  const blocks: Block[] =
    depth.insets === DEEPEST
      ? [{ kind: 'paragraph', text: source }]
      : parseWith(pageRules, source.replace(INSET_MARK, '$1'), { ...depth, insets: depth.insets + 1 });
  return { block: { kind: 'inset', blocks }, end };
};

const list: Rule = (cursor, position, depth) => {
  const found = listAt(cursor, position);
  if (!found) return null;
  const { ordered, end, indent } = found;
  const source = cursor.text.slice(position, end);
  if (depth.lists === DEEPEST) {
    return { block: { kind: 'list', ordered, items: [[{ kind: 'text', text: source }]] }, end };
  }
  const deeper = { ...depth, lists: depth.lists + 1 };
  const items = itemsOf(source, indent).map((item) => {
    const blocks = parseWith(itemRules, item.text, deeper);
    return item.loose ? blocks.map(asParagraph) : blocks;
  });
  return { block: { kind: 'list', ordered, items }, end };
};

function asParagraph(block: Block): Block {
  return block.kind === 'text' ? { kind: 'paragraph', text: block.text } : block;
}

const blockHtml: Rule = (cursor, position) => {
  const found = blockHtmlAt(cursor, position);
  return found && { block: { kind: 'html', text: found.text }, end: found.end };
};

const linkDefinition: Rule = (cursor, position, { definitions }) => {
  const found = linkDefinitionAt(cursor, position);
  if (!found) return null;
  definitions.links.set(found.key, found.target);
  return { block: null, end: cursor.skip(found.end, '\n') };
};

const footnoteDefinition: Rule = (cursor, position, depth) => {
  const found = footnoteDefinitionAt(cursor, position);
  if (!found) return null;
  const { footnotes } = depth.definitions;
  if (!footnotes.has(found.key)) {
    footnotes.set(found.key, []);
    footnotes.set(found.key, parseWith(footnoteRules, found.content, depth));
  }
  return { block: null, end: found.end };
};

const paragraph: Rule = (cursor, position, depth) => {
  const { text } = cursor;
  let end = cursor.lineEnd(position);
  while (end < text.length && text[end + 1] !== '\n' && !endsParagraph(cursor, end + 1, depth)) {
    end = cursor.lineEnd(end + 1);
  }
  return { block: { kind: 'paragraph', text: text.slice(position, end) }, end: cursor.skip(end, '\n') };
};

/** Whether what starts on the line at `position` ends the paragraph above it (spec 02 section 6.2, item 14). */
function endsParagraph(cursor: Cursor, position: number, depth: Depth): boolean {
  const { text } = cursor;
  if (underlinedHeading(cursor, position, depth) !== null) return true;
  // Most lines start with a letter, and then nothing else can be.
  if (!matchesAt(MARK_IN_PARAGRAPH, text, position)) return false;
  return (
    matchesAt(LIST_IN_PARAGRAPH, text, position) ||
    matchesAt(RULE, text, position) ||
    matchesAt(QUOTE, text, position) ||
    startsBlockTag(text, position) ||
    heading(cursor, position, depth) !== null ||
    fenceAt(cursor, position) !== null ||
    linkDefinitionAt(cursor, position) !== null ||
    isFootnoteDefinition(cursor, position)
  );
}

const textLine: Rule = (cursor, position) => {
  const end = cursor.lineEnd(position);
  return { block: { kind: 'text', text: cursor.text.slice(position, end) }, end };
};

/** The end of the line that holds `position`, and of the newlines after it. */
function afterLine(cursor: Cursor, position: number): number {
  return cursor.skip(cursor.lineEnd(position), '\n');
}

// The order is part of the dialect. Each list ends in a rule that takes any line.
const beforeDefinitions = [
  newlines,
  rule,
  indentedCode,
  fence,
  heading,
  table,
  underlinedHeading,
  inset,
  list,
  blockHtml,
];
const pageRules = [...beforeDefinitions, linkDefinition, footnoteDefinition, pipedTable, paragraph];
const footnoteRules = [...beforeDefinitions, pipedTable, paragraph];
const itemRules = [newlines, indentedCode, fence, underlinedHeading, rule, inset, list, blockHtml, textLine];
