import { WHITE_SPACE } from '../whitespace.ts';
import type { Cursor } from './cursor.ts';
import { isFootnoteDefinition, linkDefinitionAt } from './definitions.ts';

const START = /( *)(?:[•*-]|\p{Nd}+\.)/uy;
const BULLET = /(?:[•*-]|\p{Nd}+\.)/uy;
const BULLET_AND_SPACE = /(?:[•*-]|\p{Nd}+\.) /uy;
const RULE = /(?:[-*_] *){3,}(?:\n|$)/y;
const LAST_SPACE = new RegExp(`[${WHITE_SPACE}]$`);

export type ListSource = {
  readonly ordered: boolean;
  readonly end: number;
  readonly indent: string;
};

/** The list that starts at `position` (spec 02 section 6.3) and where it ends; null where none starts. */
export function listAt(cursor: Cursor, position: number): ListSource | null {
  const { text } = cursor;
  START.lastIndex = position;
  const match = START.exec(text);
  const bulletEnd = START.lastIndex;
  if (!match || bulletEnd >= text.length) return null;
  const indent = match[1]!;
  return { ordered: text[bulletEnd - 1] === '.', end: endOfList(cursor, bulletEnd + 1, indent), indent };
}

/** The earliest place from `from` on where one of the ends of spec 02 section 6.3 applies. */
function endOfList(cursor: Cursor, from: number, indent: string): number {
  const { text } = cursor;
  let newline = text.indexOf('\n', from);
  while (newline !== -1) {
    const after = cursor.skip(newline, '\n');
    if (isRule(text, after, indent)) return after;
    if (linkDefinitionAt(cursor, after) || isFootnoteDefinition(cursor, after)) return after;
    const newlines = after - newline;
    if (newlines > 2 || (newlines === 2 && !continues(text, after, indent))) return after;
    newline = text.indexOf('\n', after);
  }
  return text.length;
}

function isRule(text: string, position: number, indent: string): boolean {
  if (indent !== '' && text.startsWith(indent, position) && matchesAt(RULE, text, position + indent.length)) {
    return true;
  }
  return matchesAt(RULE, text, position);
}

/** Whether what stands at `position`, after one blank line, still belongs to a list with this indent. */
function continues(text: string, position: number, indent: string): boolean {
  if (text[position] === ' ') return true;
  return text.startsWith(indent, position) && matchesAt(BULLET_AND_SPACE, text, position + indent.length);
}

export type ItemSource = { readonly loose: boolean; readonly text: string };

/** The items of a list, bullets and common indent removed, and which of them are loose (spec 02 section 6.3). */
export function itemsOf(list: string, indent: string): ItemSource[] {
  const sources = splitItems(list, indent);
  const items: ItemSource[] = [];
  let afterBlankLine = false;
  sources.forEach((source, index) => {
    const text = outdent(source);
    let loose = afterBlankLine || withoutTrailingSpace(text).includes('\n\n');
    if (index < sources.length - 1 && text !== '') {
      afterBlankLine = text.endsWith('\n');
      loose ||= afterBlankLine;
    }
    items.push({ loose, text });
  });
  return items;
}

/** Cut before every line that has the indent of the list and a bullet. */
function splitItems(list: string, indent: string): string[] {
  const items: string[] = [];
  let start = 0;
  let newline = list.indexOf('\n');
  while (newline !== -1) {
    const line = newline + 1;
    if (list.startsWith(indent, line) && matchesAt(BULLET, list, line + indent.length)) {
      items.push(list.slice(start, newline));
      start = line;
    }
    newline = list.indexOf('\n', line);
  }
  items.push(list.slice(start));
  return items;
}

function outdent(source: string): string {
  START.lastIndex = 0;
  START.test(source);
  const removed = START.lastIndex;
  const text = source.slice(removed);
  if (!text.includes('\n ')) return text;
  return text.replace(new RegExp(`(^|\n) {1,${removed}}`, 'g'), '$1');
}

function withoutTrailingSpace(text: string): string {
  let end = text.length;
  while (end > 0 && LAST_SPACE.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

export function matchesAt(pattern: RegExp, text: string, position: number): boolean {
  pattern.lastIndex = position;
  return pattern.test(text);
}
