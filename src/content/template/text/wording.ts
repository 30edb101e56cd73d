import { decomposed } from '../../../ground/text.ts';
import { escapeHtml } from './escape.ts';
import { trim, whiteSpace } from './whitespace.ts';

export type ListOptions = {
  readonly conjunction?: string;
  readonly beforeEach?: string;
  readonly afterEach?: string;
  readonly separator?: string;
  /** Goes before exactly one item. */
  readonly prefix?: string;
  /** Goes before two or more items. */
  readonly prefixPlural?: string;
  /** With more items than this, one fewer is shown (at least one), then `wordForOthers`. Give both or neither. */
  readonly maxItems?: number;
  readonly wordForOthers?: string;
};

/**
 * Joins items for people: `‘one’, ‘two’ and ‘three’`, each escaped for HTML and wrapped (spec 02, section 3.14). Throws
 * RangeError when only one of `maxItems` and `wordForOthers` is given.
 */
export function formattedList(
  items: readonly unknown[],
  {
    conjunction = 'and',
    beforeEach = '‘',
    afterEach = '’',
    separator = ', ',
    prefix = '',
    prefixPlural = '',
    maxItems,
    wordForOthers,
  }: ListOptions = {},
): string {
  if ((maxItems === undefined) !== (wordForOthers === undefined)) {
    throw new RangeError('maxItems and wordForOthers go together');
  }
  const lead = items.length === 1 ? prefix : prefixPlural;
  const shown = items.map((item) => `${beforeEach}${escapeHtml(String(item))}${afterEach}`);
  if (maxItems !== undefined && wordForOthers !== undefined && items.length > maxItems) {
    shown.splice(Math.max(maxItems - 1, 1), shown.length, wordForOthers);
  }
  const last = shown.pop();
  if (last === undefined) return '';
  const joined = shown.length === 0 ? last : `${shown.join(separator)} ${conjunction} ${last}`;
  return lead === '' ? joined : `${lead} ${joined}`;
}

const kibibyte = 1024;

/** A file size as text: `0.1KB`, `51.2KB`, `2MB` (spec 02, sections 3.15 and 12.6). `bytes` is the size in bytes. */
export function fileSize(bytes: number): string {
  const [unit, size] =
    bytes < 51.2 * kibibyte ? ['KB', bytes / kibibyte] : ['MB', bytes / kibibyte / kibibyte];
  return `${Math.max(0.1, toOneDecimal(size))}${unit}`;
}

/** Rounds to one decimal, halves to the even digit as the reference does. */
function toOneDecimal(value: number): number {
  const tenths = value * 10;
  const down = Math.floor(tenths);
  const rest = tenths - down;
  const up = rest > 0.5 || (rest === 0.5 && down % 2 === 1);
  return (up ? down + 1 : down) / 10;
}

/** The local part of an email address from a service's name: `name.with.spaces` (spec 02, section 3.15). */
export function emailLocalPart(name: string): string {
  return safeString(name, '.');
}

/** The id of an HTML element from a text: `name-with-spaces` (spec 02, section 3.15). */
export function htmlId(text: string): string {
  return safeString(text, '-');
}

/** Keeps unaccented letters and digits in lower case, with `mark` for each run of white space. */
function safeString(text: string, mark: '.' | '-'): string {
  const kept = trim(decomposed(text, 'NFD').replace(/\p{Mn}/gu, ''))
    .replace(new RegExp(`[${whiteSpace}]+`, 'g'), mark)
    .replace(mark === '.' ? /[^\p{L}\p{N}.]/gu : /[^\p{L}\p{N}-]/gu, '')
    .toLowerCase()
    .replace(/\.+/g, '.');
  const start = kept.startsWith('.') ? 1 : 0;
  return kept.slice(start, kept.length > start && kept.endsWith('.') ? -1 : undefined);
}

const invisibleStart = /^[\t-\r \xa0\u180e\u200b-\u200d\u2028\u2029\u202f\u2060\ufeff]+/;

/** Removes visible and invisible white space at both ends ("strip all", spec 02, section 3.15). */
export function trimInvisible(text: string): string {
  let end = text.length;
  while (end > 0 && invisibleStart.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end).replace(invisibleStart, '');
}
