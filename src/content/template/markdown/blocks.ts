import { mostComposedBytes, tooLargeComposed } from './composed.ts';
import { Cursor, firstFrom, matchesAt } from './cursor.ts';
import { footnoteDefinitionAt, isFootnoteDefinition, type LinkTarget, linkDefinitionAt } from './links.ts';
import { itemsOf, listAt } from './lists.ts';
import { blockHtmlAt, startsBlockTag } from './raw-html.ts';

/** A block whose running text is not parsed yet. `text` is a line of a tight list item, outside any paragraph. */
export type Block =
  | { readonly kind: 'lineBreak' | 'rule' }
  | { readonly kind: 'code' | 'html' | 'paragraph' | 'text'; readonly text: string }
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  | { readonly kind: 'inset'; readonly blocks: readonly Block[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Block[])[] };

/** What a text defines, by label (spec 02, section 6.2, items 11 and 12). */
export type Definitions = {
  readonly links: Map<string, LinkTarget>;
  readonly footnotes: Map<string, readonly Block[]>;
};

/** A match of a rule. `block` is null when it renders to nothing. Parsing goes on at `end`. */
type Match = { readonly block: Block | null; readonly end: number };
type Rule = (cursor: Cursor, position: number, context: Context) => Match | null;
type Context = {
  /** What the markup of further blocks may take, in characters of HTML. */
  readonly budget: { left: number };
  readonly listDepth: number;
  readonly insetDepth: number;
  readonly definitions: Definitions;
};

/** Lists in lists and insets in insets; deeper ones stay raw text (spec 02, section 6.2). */
const maxDepth = 6;

/**
 * The least that the markup of a block takes in HTML. A text whose blocks alone would be larger than an email may be is
 * given up before they fill the memory.
 */
const markupLength: Readonly<Partial<Record<Block['kind'], number>>> = {
  ...{ paragraph: 60, heading: 60, inset: 100, list: 200 },
};
const itemMarkupLength = 60;

/**
 * The blocks and definitions of a text whose newlines and tabs are normalised (spec 02, section 6.2). Throws a Problem
 * for one that is too large as an email.
 */
export function parseBlocks(text: string): { readonly blocks: Block[]; readonly definitions: Definitions } {
  const definitions: Definitions = { links: new Map(), footnotes: new Map() };
  const blocks = parseWith(pageRules, text, {
    budget: { left: mostComposedBytes },
    listDepth: 0,
    insetDepth: 0,
    definitions,
  });
  return { blocks, definitions };
}

function parseWith(rules: readonly Rule[], source: string, context: Context): Block[] {
  let length = source.length;
  while (source[length - 1] === '\n') length -= 1;
  const cursor = new Cursor(source.slice(0, length));
  const blocks: Block[] = [];
  let position = 0;
  while (position < length) {
    let match: Match | null = null;
    for (let index = 0; match === null; index += 1) match = rules[index]!(cursor, position, context);
    const last = blocks.at(-1);
    if (match.block?.kind === 'text' && last?.kind === 'text') {
      blocks[blocks.length - 1] = { kind: 'text', text: `${last.text}\n${match.block.text}` };
    } else if (match.block) {
      spend(context, markupLength[match.block.kind] ?? 0);
      blocks.push(match.block);
    }
    position = match.end;
  }
  return blocks;
}

function spend({ budget }: Context, length: number): void {
  budget.left -= length;
  if (budget.left < 0) throw tooLargeComposed();
}

const newlines: Rule = (cursor, position) => {
  const end = cursor.skip(position, '\n');
  if (end === position) return null;
  return { block: end - position > 1 ? { kind: 'lineBreak' } : null, end };
};

const rulePattern = / {0,3}[-*_](?: *[-*_]){2,} *(?:\n|$)/y;

const rule: Rule = (cursor, position) => {
  if (!matchesAt(rulePattern, cursor.text, position)) return null;
  return { block: { kind: 'rule' }, end: cursor.afterLine(position) };
};

const indentedCode: Rule = (cursor, position) => {
  const { text } = cursor;
  let end = position;
  while (text.startsWith('    ', end) && end + 4 < cursor.lineEnd(end)) end = cursor.afterLine(end);
  if (end === position) return null;
  return { block: { kind: 'code', text: text.slice(position, end).replace(/(^|\n) {4}/g, '$1') }, end };
};

const openingFence = / *(`+|~+)/y;
const afterOpeningFence = / *[^`\s]* *\n/y;
const closingRun = /(?<!`)`{3,}(?= *(?:\n|$))|(?<!~)~{3,}(?= *(?:\n|$))/g;

const fence: Rule = (cursor, position) => {
  const { text } = cursor;
  openingFence.lastIndex = position;
  const marks = openingFence.exec(text)?.[1];
  if (marks === undefined || marks.length < 3) return null;
  if (!matchesAt(afterOpeningFence, text, openingFence.lastIndex)) return null;
  const start = afterOpeningFence.lastIndex;
  // The content has at least one character, even if that is white space.
  const close = closingFence(cursor, marks, start + 1);
  if (close === -1) return null;
  const content = text[start]! + text.slice(start + 1, close).trimEnd();
  return { block: { kind: 'code', text: content }, end: cursor.afterLine(close) };
};

/** A run of fence marks that may close a fence. `longestFromHere` is the longest run from this one on. */
type Run = { readonly start: number; readonly length: number; longestFromHere: number };

/** Where the marks that close a fence start, at or after `from`, or -1. */
function closingFence(cursor: Cursor, marks: string, from: number): number {
  const mark = marks[0]!;
  const runs = cursor.remember(`fence ${mark}`, 0, () => closingRuns(cursor.text, mark));
  const first = firstFrom(closingPositions(cursor, mark, runs, marks.length), from);
  if (first !== -1 || mark === '`') return first;
  // The rest of a run of tildes counts as the language, so a shorter run may close it: the longest there is.
  const longest = runs.find(({ start }) => start >= from)?.longestFromHere;
  return longest === undefined ? -1 : firstFrom(closingPositions(cursor, mark, runs, longest), from);
}

/** The positions where exactly `length` marks are left of a run that has at least as many. */
function closingPositions(
  cursor: Cursor,
  mark: string,
  runs: readonly Run[],
  length: number,
): readonly number[] {
  return cursor.remember(`fence ${mark}`, length, () =>
    runs.filter((run) => run.length >= length).map((run) => run.start + run.length - length),
  );
}

function closingRuns(text: string, mark: string): Run[] {
  const runs: Run[] = [];
  for (const { 0: run, index } of text.matchAll(closingRun)) {
    if (run[0] === mark) runs.push({ start: index, length: run.length, longestFromHere: run.length });
  }
  for (let index = runs.length - 2; index >= 0; index -= 1) {
    const run = runs[index]!;
    run.longestFromHere = Math.max(run.length, runs[index + 1]!.longestFromHere);
  }
  return runs;
}

const heading: Rule = (cursor, position) => {
  const { text } = cursor;
  const marks = cursor.skip(position, ' ');
  if (text[marks] !== '#') return null;
  const lineEnd = cursor.lineEnd(marks);
  let level = 1;
  while (level < 6 && text[marks + level] === '#') level += 1;
  let start = cursor.skip(marks + level, ' ');
  if (start === lineEnd) {
    // On a line of marks only, the last character is the text of the heading.
    start -= 1;
    if (start === marks) return null;
    if (text[start] === '#') level -= 1;
  }
  let end = lineEnd;
  while (text[end - 1] === ' ') end -= 1;
  while (text[end - 1] === '#') end -= 1;
  while (text[end - 1] === ' ') end -= 1;
  const content = text.slice(start, Math.max(end, start + 1));
  return { block: { kind: 'heading', level, text: content }, end: cursor.afterLine(lineEnd) };
};

const tableSeparator = / *[-:]+ *\|[-| :]*\n/y;
const pipedTableSeparator = / *\| *[-:]+[-| :]*\n/y;

const table: Rule = (cursor, position) => {
  const { text } = cursor;
  const start = cursor.skip(position, ' ');
  const lineEnd = cursor.lineEnd(start);
  const pipe = cursor.next('|', start + 1);
  if (pipe === -1 || pipe >= lineEnd) return null;
  return tableBelow(cursor, tableSeparator, lineEnd + 1, (line, end) => text.slice(line, end).includes('|'));
};

const pipedTable: Rule = (cursor, position) => {
  const { text } = cursor;
  const start = cursor.skip(position, ' ');
  const lineEnd = cursor.lineEnd(start);
  if (text[start] !== '|' || start + 1 === lineEnd) return null;
  return tableBelow(cursor, pipedTableSeparator, lineEnd + 1, (line) => text[cursor.skip(line, ' ')] === '|');
};

/** Finds the end of a table, which renders to nothing. */
function tableBelow(
  cursor: Cursor,
  separator: RegExp,
  position: number,
  isRow: (line: number, end: number) => boolean,
): Match | null {
  const { text } = cursor;
  if (!matchesAt(separator, text, position)) return null;
  let end = separator.lastIndex;
  while (end < text.length && isRow(end, cursor.lineEnd(end))) end = cursor.lineEnd(end) + 1;
  return { block: null, end: cursor.skip(Math.min(end, text.length), '\n') };
}

const underline = / *[=-]*([=-]) *(?:\n|$)/y;

const underlinedHeading: Rule = (cursor, position) => {
  const { text } = cursor;
  const lineEnd = cursor.lineEnd(position);
  if (lineEnd === position) return null;
  underline.lastIndex = lineEnd + 1;
  const match = lineEnd < text.length && underline.exec(text);
  if (!match) return null;
  const level = match[1] === '=' ? 1 : 2;
  const content = text.slice(position, lineEnd);
  return { block: { kind: 'heading', level, text: content }, end: cursor.afterLine(lineEnd + 1) };
};

const insetLine = / *\^[^\n]/y;
const insetMarks = /(^|\n) *\^ ?/g;

const inset: Rule = (cursor, position, context) => {
  const { text } = cursor;
  let end = position;
  while (end < text.length && matchesAt(insetLine, text, end)) {
    while (end < text.length && text[end] !== '\n') end = Math.min(cursor.lineEnd(end) + 1, text.length);
    end = cursor.skip(end, '\n');
  }
  if (end === position) return null;
  const source = text.slice(position, end);
  const blocks: Block[] =
    context.insetDepth === maxDepth
      ? [{ kind: 'paragraph', text: source }]
      : parseWith(pageRules, source.replace(insetMarks, '$1'), {
          ...context,
          insetDepth: context.insetDepth + 1,
        });
  return { block: { kind: 'inset', blocks }, end };
};

const list: Rule = (cursor, position, context) => {
  const found = listAt(cursor, position);
  if (!found) return null;
  const { ordered, end, indent } = found;
  const source = cursor.text.slice(position, end);
  if (context.listDepth === maxDepth) {
    return { block: { kind: 'list', ordered, items: [[{ kind: 'text', text: source }]] }, end };
  }
  const inner = { ...context, listDepth: context.listDepth + 1 };
  const items = itemsOf(source, indent).map((item) => {
    spend(context, itemMarkupLength);
    const blocks = parseWith(itemRules, item.text, inner);
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
  definitions.links.set(found.label, found.target);
  return { block: null, end: cursor.skip(found.end, '\n') };
};

const footnoteDefinition: Rule = (cursor, position, context) => {
  const found = footnoteDefinitionAt(cursor, position);
  if (!found) return null;
  const { footnotes } = context.definitions;
  if (!footnotes.has(found.label)) {
    footnotes.set(found.label, []);
    footnotes.set(found.label, parseWith(footnoteRules, found.content, context));
  }
  return { block: null, end: found.end };
};

const paragraph: Rule = (cursor, position, context) => {
  const { text } = cursor;
  let end = cursor.lineEnd(position);
  while (end < text.length && text[end + 1] !== '\n' && !endsParagraph(cursor, end + 1, context)) {
    end = cursor.lineEnd(end + 1);
  }
  return { block: { kind: 'paragraph', text: text.slice(position, end) }, end: cursor.skip(end, '\n') };
};

const markInParagraph = / *[*+\-_>#<`~[\p{Nd}]/uy;
const listInParagraph = / *(?:[*+-](?:\p{Nd}+\.)?|\p{Nd}+\.) ./suy;
const quoteLine = / *>[^\n]/y;

/** Whether the line at `position` ends the paragraph above it (spec 02, section 6.2, item 14). */
function endsParagraph(cursor: Cursor, position: number, context: Context): boolean {
  const { text } = cursor;
  if (underlinedHeading(cursor, position, context) !== null) return true;
  // Most lines start with a letter, and no other rule does.
  if (!matchesAt(markInParagraph, text, position)) return false;
  return (
    matchesAt(listInParagraph, text, position) ||
    matchesAt(rulePattern, text, position) ||
    matchesAt(quoteLine, text, position) ||
    startsBlockTag(text, position) ||
    heading(cursor, position, context) !== null ||
    fence(cursor, position, context) !== null ||
    linkDefinitionAt(cursor, position) !== null ||
    isFootnoteDefinition(cursor, position)
  );
}

const textLine: Rule = (cursor, position) => {
  const end = cursor.lineEnd(position);
  return { block: { kind: 'text', text: cursor.text.slice(position, end) }, end };
};

// The order is part of the dialect. The last rule of each list matches any line.
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
