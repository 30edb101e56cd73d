import { numberSource, objectOf } from '../../ground/json.ts';
import { clean } from '../recipient/characters.ts';
import { listText, normaliseKey, valueText } from './personalisation.ts';
import { findUrls } from './text/autolink.ts';
import { decodeReferences, showReferences } from './text/escape.ts';
import { normaliseWhiteSpace, whiteSpace } from './text/whitespace.ts';

const hostOnly = /^[a-zA-Z0-9.-]+$/;
const markdownCharacter = /[`*_()\\{}[\]<>#+\-.!|]/g;
/**
 * A line that makes a heading of the one before; there is no escaping it, so it joins that line, over blank lines too,
 * which a list loses. A run of blank lines is looked at once, from its beginning.
 */
const underline = /(?<!\n[ \t]*)(?:\n[ \t]*)+(=+[ \t]*)(?=\n|$)/g;
const urlWithScheme = new RegExp(`https?://[^${whiteSpace}<]*`, 'g');

/** One changed value, as the API's answer shows it. */
export type Change = { readonly unsanitised: string; readonly sanitised: string };

export type Sanitised = {
  readonly personalisation: Readonly<Record<string, unknown>>;
  /** By key as the caller spelt it; empty when nothing changed. */
  readonly changes: Readonly<Record<string, Change>>;
  /** Listed keys whose value is a file, which has no text to sanitise: an error of the caller. */
  readonly notText: readonly string[];
};

/**
 * Sanitises the values that `sanitise_content_for` lists (spec 01, section 3.4; spec 02, section 8). `keys` match the
 * keys of `values` by `normaliseKey`; listed keys without a value are ignored. Every text in a list is sanitised; an
 * object is replaced by the text that it shows as, sanitised.
 */
export function sanitisePersonalisation(
  values: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Sanitised {
  if (keys.length === 0) return { personalisation: values, changes: {}, notText: [] };
  const listed = new Set(keys.map(normaliseKey));
  const changes = new Map<string, Change>();
  const replaced = new Map<string, unknown>();
  const notText: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (!listed.has(normaliseKey(key)) || value === null || value === undefined) continue;
    if (isFile(value)) {
      notText.push(key);
      continue;
    }
    const sanitised = Array.isArray(value) ? value.map(sanitiseItem) : sanitiseValue(value);
    if (!isSame(value, sanitised)) {
      replaced.set(key, sanitised);
      changes.set(key, { unsanitised: shown(value), sanitised: shown(sanitised) });
    }
  }
  const personalisation = objectOf(
    Object.entries(values).map(([key, value]) => [key, replaced.has(key) ? replaced.get(key) : value]),
  );
  return { personalisation, changes: Object.fromEntries(changes), notText };
}

function isFile(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, 'file');
}

/** Numbers, truth values and null hold no text of the caller's, and stay what they are. */
function sanitiseValue(value: unknown): unknown {
  if (typeof value === 'string') return sanitiseText(value);
  if (typeof value !== 'object' || value === null || numberSource(value) !== null) return value;
  // As a whole, since the notation of an object doubles the backslashes of the texts in it, which would undo them.
  return sanitiseText(valueText(value));
}

/** A list loses invisible characters when it is shown (`listText`), and a link must not come about by that. */
function sanitiseItem(item: unknown): unknown {
  const bare = typeof item === 'string' ? clean(item) : item;
  const sanitised = sanitiseValue(bare);
  return sanitised === bare ? item : sanitised;
}

function isSame(before: unknown, after: unknown): boolean {
  if (!Array.isArray(before) || !Array.isArray(after)) return before === after;
  return before.every((item, index) => item === after[index]);
}

function shown(value: unknown): string {
  return Array.isArray(value) ? listText(value, 'sentence') : valueText(value);
}

/**
 * Removes URLs from a value and escapes Markdown, so that the value shows as typed and links to nothing (spec 02,
 * section 8). A bare host such as `evil.link` counts as a missing space after a full stop. URLs that the pattern misses
 * but mail readers link, such as `http://localhost`, are removed too. References such as `&lsqb;`, which an email decodes
 * before its Markdown is read, are kept from that.
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
  const plain = kept.replace(urlWithScheme, '').replace(underline, ' $1').replace(markdownCharacter, '\\$&');
  return showReferences(plain);
}

/** Control and format characters, noncharacters, halves of pairs, and the filler that emails lose (spec 02, section 3.11). */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}\u3164]/gu;
const inlineMark = /[[\]<>\\`]/g;

/**
 * A name as the platform's own messages show it (spec 04, section 4.1): on one line, linking to nothing, formatting
 * nothing. Unlike `sanitiseText` it suits subjects and texts too, where a backslash would be seen: it takes the few
 * characters away that make links, and spaces apart what mail readers would link.
 */
export function plainName(value: string): string {
  const visible = normaliseWhiteSpace(fullyDecoded(value)).replace(unseen, '').replace(inlineMark, '');
  const apart = visible.replaceAll('://', ': // ');
  let text = '';
  let done = 0;
  for (const { start, end } of findUrls(apart)) {
    text += apart.slice(done, start) + apart.slice(start, end).replaceAll('.', '. ');
    done = end;
  }
  text = normaliseWhiteSpace(text + apart.slice(done));
  // A line that begins with an invisible character is no heading and no list.
  return /^(?:[^\p{L}\p{N}]|\p{Nd}+\.)/u.test(text) ? `\u2060${text}` : text;
}

/** The character references in HTML are decoded before links are looked for, and what they make may be another one. */
function fullyDecoded(value: string): string {
  let text = value;
  for (let next = decodeReferences(text); next !== text; next = decodeReferences(text)) text = next;
  return text;
}
