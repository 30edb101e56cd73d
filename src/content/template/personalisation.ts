import { literalText } from '../../ground/json.ts';
import { clean } from '../recipient/characters.ts';
import { escapeHtml } from './text/escape.ts';

/**
 * The values of one message, ready for look-up. Made once per message by `personalisationOf` and used for all its
 * texts. A value is anything that JSON can hold; `null` counts as missing everywhere.
 */
export type Personalisation = {
  /** No keys at all: counts then treat the template as not filled in (spec 02, section 4.5). */
  readonly empty: boolean;
  /** The value under a key made by `normaliseKey`, or undefined. */
  readonly get: (key: string) => unknown;
  /** The same when the keys of the caller are HTML-escaped before matching (spec 02, section 1.2). */
  readonly getEscaped: (key: string) => unknown;
};

/** Values together with what they were made from. */
export type Given = Personalisation & { readonly source: Readonly<Record<string, unknown>> };

const ignoredInKeys = /[ _-]/g;
const alreadyNormal = /^[a-z0-9]*$/;

/**
 * The normalised form of a name: no spaces, underscores or hyphens, lower case. Two names are the same when their
 * normalised forms are (spec 02, section 1.2).
 */
export function normaliseKey(name: string): string {
  return alreadyNormal.test(name) ? name : name.replace(ignoredInKeys, '').toLowerCase();
}

/** Values by normalised key. Of two keys that normalise alike, the later one wins (spec 02, section 1.2). */
export function normaliseKeys(values: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const byKey = new Map<string, unknown>();
  for (const name of Object.keys(values)) byKey.set(normaliseKey(name), values[name]);
  return byKey;
}

/** The personalisation of a request, a database row or a CSV row; null or undefined means no values. */
export function personalisationOf(values: Readonly<Record<string, unknown>> | null | undefined): Given {
  if (!values) return noPersonalisation;
  const byKey = normaliseKeys(values);
  let byEscapedKey: Map<string, unknown> | undefined;
  return {
    source: values,
    empty: byKey.size === 0,
    get: (key) => byKey.get(key),
    getEscaped: (key) => {
      byEscapedKey ??= escapedKeys(values, byKey);
      return byEscapedKey.get(key);
    },
  };
}

/** No values: every placeholder takes its missing form. */
export const noPersonalisation: Given = {
  source: Object.freeze({}),
  empty: true,
  get: () => undefined,
  getEscaped: () => undefined,
};

function escapedKeys(
  values: Readonly<Record<string, unknown>>,
  byKey: Map<string, unknown>,
): Map<string, unknown> {
  const names = Object.keys(values);
  if (!names.some((name) => /[&<>]/.test(name))) return byKey;
  return new Map(names.map((name) => [normaliseKey(escapeHtml(name)), values[name]]));
}

const yesTexts = new Set(['yes', 'y', 'true', 't', '1', 'include', 'show']);

/** Whether a value that reads `text` switches a conditional on (spec 02, section 1.5). Nothing is trimmed. */
export function isYes(text: string): boolean {
  return text.length <= 7 && yesTexts.has(text.toLowerCase());
}

/**
 * One value as text (spec 02, section 1.4): a string as it is, booleans as `True` and `False`, numbers as written (see
 * `parseLossless`), objects and nested arrays in the reference's literal notation. An array that fills a placeholder
 * goes through `listText` instead. Never throws; values that JSON cannot hold give the empty string.
 */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : literalText(value);
}

/**
 * An array as text (spec 02, section 1.4), without nulls and blank items: `one, two and three`, or a Markdown list
 * after two newlines. The empty string when nothing is left.
 */
export function listText(items: readonly unknown[], form: 'sentence' | 'markdown'): string {
  const texts: string[] = [];
  for (const item of items) {
    const text = item === null || item === undefined ? '' : clean(valueText(item));
    if (text !== '') texts.push(text);
  }
  if (texts.length === 0) return '';
  if (form === 'markdown') return `\n\n${texts.map((text) => `* ${text}`).join('\n')}`;
  const last = texts.pop()!;
  return texts.length === 0 ? last : `${texts.join(', ')} and ${last}`;
}
