import { ENTITY_TABLE } from './entity-table.ts';

type Names = { readonly all: ReadonlyMap<string, string>; readonly legacy: ReadonlySet<string> };
let names: Names | undefined;

const REFERENCE = /&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[^\t\n\f <&#;]{1,32});/g;
const REFERENCE_OR_MARKUP = new RegExp(`${REFERENCE.source}|[&<>]`, 'g');
const NEEDS_ESCAPE = /[&<>]/;

// What windows-1252 has at 128 to 159; 0 where it has nothing, which keeps the control character.
const WINDOWS_1252 = [
  0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
  0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
  0x0153, 0, 0x017e, 0x0178,
];

/**
 * The sanitiser of HTML fields (spec 02 section 3.1): character references are decoded, then `&`, `<` and `>`
 * escaped, quotes not; a literal `&nbsp;` or `&amp;` stays. The result is safe as text of an element, not as the
 * value of an attribute.
 */
export function escapeHtml(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return text;
  return text.replace(REFERENCE_OR_MARKUP, (found) =>
    found === '&nbsp;' || found === '&amp;' ? found : escapeMarkup(decodeReference(found)),
  );
}

/** Only `&`, `<` and `>` replaced; references already in the text are escaped like anything else. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Every character reference that ends in `;` decoded by the rules of HTML 5 (spec 02 section 3.1). */
export function decodeReferences(text: string): string {
  return text.includes('&') ? text.replace(REFERENCE, decodeReference) : text;
}

/** One reference, `&` and `;` included; anything that is none comes back as it is. */
function decodeReference(reference: string): string {
  if (reference.length < 3) return reference;
  if (reference[1] === '#') return decodeNumber(reference);
  names ??= readNames();
  const name = reference.slice(1, -1);
  const whole = names.all.get(name);
  if (whole !== undefined) return whole;
  for (let length = name.length - 1; length > 1; length -= 1) {
    const prefix = name.slice(0, length);
    if (names.legacy.has(prefix)) return names.all.get(prefix)! + reference.slice(length + 1);
  }
  return reference;
}

function decodeNumber(reference: string): string {
  const hexadecimal = reference[2] === 'x' || reference[2] === 'X';
  const code = hexadecimal
    ? Number.parseInt(reference.slice(3, -1), 16)
    : Number.parseInt(reference.slice(2, -1), 10);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  if (code >= 0x80 && code <= 0x9f) return String.fromCharCode(WINDOWS_1252[code - 0x80] || code);
  return isDisallowed(code) ? '' : String.fromCodePoint(code);
}

/** Control characters and noncharacters that a reference may not name. */
function isDisallowed(code: number): boolean {
  if (code < 0x20) return code !== 0x09 && code !== 0x0a && code !== 0x0c && code !== 0x0d;
  return code === 0x7f || (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
}

function readNames(): Names {
  const all = new Map<string, string>();
  const legacy = new Set<string>();
  for (const entry of ENTITY_TABLE.trim().split(/\s+/)) {
    const [marked = '', codes = ''] = entry.split(':');
    const name = marked.replace('!', '');
    if (name !== marked) legacy.add(name);
    all.set(name, String.fromCodePoint(...codes.split('+').map((code) => Number.parseInt(code, 16))));
  }
  return { all, legacy };
}
