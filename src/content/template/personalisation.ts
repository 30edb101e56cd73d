import { escapeHtml } from './escape.ts';

/**
 * The values of one message, ready for look-up. Made once per message by `personalisationOf` and used for all its
 * texts. A value is anything JSON can hold; `null` counts as missing everywhere.
 */
export type Personalisation = {
  /** No keys at all: counts then treat the template as not filled in (spec 02 section 4.5). */
  readonly empty: boolean;
  /** The value under a key of `keyOf`; undefined when there is none. */
  readonly get: (key: string) => unknown;
  /** The same, where keys of the caller are HTML-escaped before matching (spec 02 section 1.2). */
  readonly getEscaped: (key: string) => unknown;
};

const REMOVED = /[ _-]/g;
const PLAIN_KEY = /^[a-z0-9]*$/;

/**
 * The normalised form of a name (spec 02 section 1.2): spaces, underscores and hyphens deleted, lower case. Two
 * names are the same when their normalised forms are.
 */
export function keyOf(name: string): string {
  return PLAIN_KEY.test(name) ? name : name.replace(REMOVED, '').toLowerCase();
}

/** Values by normalised key; of two keys that normalise alike the later in the object wins (spec 02 section 1.2). */
export function normaliseKeys(values: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const byKey = new Map<string, unknown>();
  for (const name of Object.keys(values)) byKey.set(keyOf(name), values[name]);
  return byKey;
}

/** Prepares the personalisation of a request, of the database or of a CSV row; null is none. */
export function personalisationOf(
  values: Readonly<Record<string, unknown>> | null | undefined,
): Personalisation {
  if (!values) return noPersonalisation;
  const byKey = normaliseKeys(values);
  let byEscapedKey: Map<string, unknown> | undefined;
  return {
    empty: byKey.size === 0,
    get: (key) => byKey.get(key),
    getEscaped: (key) => {
      byEscapedKey ??= escapedKeys(values, byKey);
      return byEscapedKey.get(key);
    },
  };
}

/** Nothing given: every placeholder takes its missing form. */
export const noPersonalisation: Personalisation = {
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
  return new Map(names.map((name) => [keyOf(escapeHtml(name)), values[name]]));
}
