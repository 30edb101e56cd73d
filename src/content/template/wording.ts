import { escapeHtml } from './escape.ts';
import { trim, WHITE_SPACE } from './whitespace.ts';

export type ListOptions = {
  readonly conjunction?: string;
  readonly beforeEach?: string;
  readonly afterEach?: string;
  readonly separator?: string;
  /** Put before exactly one item. */
  readonly prefix?: string;
  /** Put before more than one. */
  readonly prefixPlural?: string;
  /** Beyond this many, one fewer is shown (at least one) and then `wordForOthers`; give both or neither. */
  readonly maxItems?: number;
  readonly wordForOthers?: string;
};

/**
 * `‘one’, ‘two’ and ‘three’`: items escaped for HTML, wrapped and joined (spec 02 section 3.14). Throws RangeError
 * when one of `maxItems` and `wordForOthers` is given without the other.
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

const SPACE_RUN = new RegExp(`[${WHITE_SPACE}]+`, 'g');
const KIB = 1024;

/** A size in bytes for people: `0.1KB`, `51.2KB`, `2MB` (spec 02 sections 3.15 and 12.6). */
export function fileSize(bytes: number): string {
  const [unit, size] = bytes < 51.2 * KIB ? ['KB', bytes / KIB] : ['MB', bytes / KIB / KIB];
  return `${Math.max(0.1, toOneDecimal(size))}${unit}`;
}

/** Halves go to the even digit, as in the reference. */
function toOneDecimal(value: number): number {
  const tenths = value * 10;
  const down = Math.floor(tenths);
  const rest = tenths - down;
  const up = rest > 0.5 || (rest === 0.5 && down % 2 === 1);
  return (up ? down + 1 : down) / 10;
}

/** A service's name as the local part of an email address, `name.with.spaces` (spec 02 section 3.15). */
export function emailLocalPart(name: string): string {
  return safeString(name, '.');
}

/** A text as the id of an HTML element, `name-with-spaces` (spec 02 section 3.15). */
export function htmlId(text: string): string {
  return safeString(text, '-');
}

/** Letters without accents and digits only, in lower case, with `mark` for each run of white space. */
function safeString(text: string, mark: '.' | '-'): string {
  const kept = trim(text.normalize('NFD').replace(/\p{Mn}/gu, ''))
    .replace(SPACE_RUN, mark)
    .replace(mark === '.' ? /[^\p{L}\p{N}.]/gu : /[^\p{L}\p{N}-]/gu, '')
    .toLowerCase()
    .replace(/\.+/g, '.');
  const start = kept.startsWith('.') ? 1 : 0;
  return kept.slice(start, kept.length > start && kept.endsWith('.') ? -1 : undefined);
}

const INVISIBLE_ENDS = /^[\t-\r \xa0\u180e\u200b-\u200d\u2028\u2029\u202f\u2060\ufeff]+/;

/** White space, visible or not, gone from both ends (spec 02 section 3.15). */
export function trimInvisible(text: string): string {
  let end = text.length;
  while (end > 0 && INVISIBLE_ENDS.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end).replace(INVISIBLE_ENDS, '');
}
