import { objectOf } from '../../ground/json.ts';
import { normaliseKey } from './personalisation.ts';
import { findUrls } from './text/autolink.ts';
import { whiteSpace } from './text/whitespace.ts';

const hostOnly = /^[a-zA-Z0-9.-]+$/;
const markdownCharacter = /[`*_()\\{}[\]<>#+\-.!|]/g;
const urlWithScheme = new RegExp(`https?://[^${whiteSpace}<]*`, 'g');

/** One changed value, as the API's answer shows it. */
export type Change = { readonly unsanitised: string; readonly sanitised: string };

export type Sanitised = {
  readonly personalisation: Readonly<Record<string, unknown>>;
  /** By key as the caller spelt it; empty when nothing changed. */
  readonly changes: Readonly<Record<string, Change>>;
  /** Listed keys whose value is present but not a string, which is an error of the caller. */
  readonly notText: readonly string[];
};

/**
 * Sanitises the values that `sanitise_content_for` lists (spec 01, section 3.4; spec 02, section 8). `keys` match the
 * keys of `values` by `normaliseKey`; listed keys without a value are ignored.
 */
export function sanitisePersonalisation(
  values: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Sanitised {
  if (keys.length === 0) return { personalisation: values, changes: {}, notText: [] };
  const listed = new Set(keys.map(normaliseKey));
  const changes = new Map<string, Change>();
  const notText: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (!listed.has(normaliseKey(key)) || value === null || value === undefined) continue;
    if (typeof value !== 'string') {
      notText.push(key);
      continue;
    }
    const sanitised = sanitiseText(value);
    if (sanitised !== value) changes.set(key, { unsanitised: value, sanitised });
  }
  const personalisation = objectOf(
    Object.entries(values).map(([key, value]) => [key, changes.get(key)?.sanitised ?? value]),
  );
  return { personalisation, changes: Object.fromEntries(changes), notText };
}

/**
 * Removes URLs from a value and escapes Markdown, so that the value shows as typed and links to nothing (spec 02,
 * section 8). A bare host such as `evil.link` counts as a missing space after a full stop. URLs that the pattern misses
 * but mail readers link, such as `http://localhost`, are removed too.
 */
export function sanitiseText(value: string): string {
  let kept = '';
  let done = 0;
  for (const { start, end } of findUrls(value)) {
    const url = value.slice(start, end);
    kept += value.slice(done, start) + (hostOnly.test(url) ? url.replaceAll('.', '. ') : '');
    done = end;
  }
  kept += value.slice(done);
  return kept.replace(urlWithScheme, '').replace(markdownCharacter, '\\$&');
}
