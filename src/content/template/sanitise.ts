import { findAddresses } from './link.ts';
import { keyOf } from './personalisation.ts';
import { WHITE_SPACE } from './whitespace.ts';

const ONLY_HOST = /^[a-zA-Z0-9.-]+$/;
const MARKDOWN = /[`*_()\\{}[\]<>#+\-.!|]/g;
const SCHEME = new RegExp(`https?://[^${WHITE_SPACE}<]*`, 'g');

/** The report of one changed value, as the answer to the caller shows it. */
export type Change = { readonly unsanitised: string; readonly sanitised: string };

export type Sanitised = {
  readonly personalisation: Readonly<Record<string, unknown>>;
  /** By key as the caller of the API spelt it; empty when nothing changed. */
  readonly changes: Readonly<Record<string, Change>>;
  /** Listed keys whose value is there but is no text, which cannot be sanitised: an error of the caller. */
  readonly notText: readonly string[];
};

/**
 * The personalisation of an email with `sanitise_content_for` obeyed (spec 01 section 3.4, spec 02 section 8).
 * `keys` match the keys of `values` under the usual normalisation; listed keys without a value do nothing.
 */
export function sanitisePersonalisation(
  values: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Sanitised {
  if (keys.length === 0) return { personalisation: values, changes: {}, notText: [] };
  const listed = new Set(keys.map(keyOf));
  const changes = new Map<string, Change>();
  const notText: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (!listed.has(keyOf(key)) || value === null || value === undefined) continue;
    if (typeof value !== 'string') {
      notText.push(key);
      continue;
    }
    const sanitised = sanitiseText(value);
    if (sanitised !== value) changes.set(key, { unsanitised: value, sanitised });
  }
  // Built from entries, so that a key such as `__proto__` stays a key.
  const personalisation = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, changes.get(key)?.sanitised ?? value]),
  );
  return { personalisation, changes: Object.fromEntries(changes), notText };
}

/**
 * One value without web addresses and with every sign that means something in Markdown escaped, so that it shows
 * as it is and links to nothing (spec 02 section 8). A host alone, `evil.link`, is taken for a missing space after
 * a full stop. An address that does not look like one but that mail would link all the same, `http://localhost`,
 * goes too.
 */
export function sanitiseText(value: string): string {
  let kept = '';
  let shown = 0;
  for (const { start, end } of findAddresses(value)) {
    const address = value.slice(start, end);
    kept += value.slice(shown, start) + (ONLY_HOST.test(address) ? address.replaceAll('.', '. ') : '');
    shown = end;
  }
  kept += value.slice(shown);
  return kept.replace(SCHEME, '').replace(MARKDOWN, '\\$&');
}
