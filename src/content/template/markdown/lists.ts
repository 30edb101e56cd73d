import { trimEnd } from '../text/whitespace.ts';
import { type Cursor, matchesAt } from './cursor.ts';
import { isFootnoteDefinition, linkDefinitionAt } from './links.ts';

const listStart = /( *)(?:[•*-]|\p{Nd}+\.)/uy;
const bullet = /(?:[•*-]|\p{Nd}+\.)/uy;
const bulletAndSpace = /(?:[•*-]|\p{Nd}+\.) /uy;
const rule = /(?:[-*_] *){3,}(?:\n|$)/y;

type Item = { readonly loose: boolean; readonly text: string };

/** The list that starts at `position` (spec 02, section 6.3); null when none does. `indent` is that of its bullets. */
export function listAt(
  cursor: Cursor,
  position: number,
): { readonly ordered: boolean; readonly indent: string; readonly end: number } | null {
  const { text } = cursor;
  listStart.lastIndex = position;
  const match = listStart.exec(text);
  const bulletEnd = listStart.lastIndex;
  if (!match || bulletEnd >= text.length) return null;
  const indent = match[1]!;
  return { ordered: text[bulletEnd - 1] === '.', end: endOfList(cursor, bulletEnd + 1, indent), indent };
}

/** The earliest position at or after `from` where a list ends (spec 02, section 6.3). */
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
  if (indent !== '' && text.startsWith(indent, position) && matchesAt(rule, text, position + indent.length)) {
    return true;
  }
  return matchesAt(rule, text, position);
}

/** Whether the line at `position`, after one blank line, continues a list with this indent. */
function continues(text: string, position: number, indent: string): boolean {
  if (text[position] === ' ') return true;
  return text.startsWith(indent, position) && matchesAt(bulletAndSpace, text, position + indent.length);
}

/** The items of a list without their bullets and common indent, and which of them are loose (spec 02, section 6.3). */
export function itemsOf(list: string, indent: string): Item[] {
  const sources = splitItems(list, indent);
  const items: Item[] = [];
  let afterBlankLine = false;
  sources.forEach((source, index) => {
    const text = outdent(source);
    let loose = afterBlankLine || trimEnd(text).includes('\n\n');
    if (index < sources.length - 1 && text !== '') {
      afterBlankLine = text.endsWith('\n');
      loose ||= afterBlankLine;
    }
    items.push({ loose, text });
  });
  return items;
}

/** Cuts a list before every line that has its indent and a bullet. */
function splitItems(list: string, indent: string): string[] {
  const items: string[] = [];
  let start = 0;
  let newline = list.indexOf('\n');
  while (newline !== -1) {
    const line = newline + 1;
    if (list.startsWith(indent, line) && matchesAt(bullet, list, line + indent.length)) {
      items.push(list.slice(start, newline));
      start = line;
    }
    newline = list.indexOf('\n', line);
  }
  items.push(list.slice(start));
  return items;
}

function outdent(source: string): string {
  listStart.lastIndex = 0;
  listStart.test(source);
  const removed = listStart.lastIndex;
  const text = source.slice(removed);
  if (!text.includes('\n ')) return text;
  return text.replace(new RegExp(`(^|\n) {1,${removed}}`, 'g'), '$1');
}
