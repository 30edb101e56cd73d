import { literalText } from '../../ground/json.ts';
import { stripObscure } from './whitespace.ts';

const YES = new Set(['yes', 'y', 'true', 't', '1', 'include', 'show']);

/**
 * One value as text (spec 02 section 1.4): a string is itself, booleans are `True` and `False`, numbers as written
 * (see `parseLossless`), objects and arrays in the reference's own literal notation. Arrays that fill a placeholder
 * go through `listText` instead. Never throws; what JSON cannot hold gives the empty string.
 */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : literalText(value);
}

/** Whether a conditional whose value reads `text` shows its own text (spec 02 section 1.5); nothing is trimmed. */
export function isYes(text: string): boolean {
  return text.length <= 7 && YES.has(text.toLowerCase());
}

/**
 * An array as text (spec 02 section 1.4): nulls and blank items dropped, then `one, two and three`, or a Markdown
 * list after two newlines. Nothing left gives the empty string.
 */
export function listText(items: readonly unknown[], form: 'sentence' | 'markdown'): string {
  const texts: string[] = [];
  for (const item of items) {
    const text = item === null || item === undefined ? '' : stripObscure(valueText(item));
    if (text !== '') texts.push(text);
  }
  if (texts.length === 0) return '';
  if (form === 'markdown') return `\n\n${texts.map((text) => `* ${text}`).join('\n')}`;
  const last = texts.pop()!;
  return texts.length === 0 ? last : `${texts.join(', ')} and ${last}`;
}
