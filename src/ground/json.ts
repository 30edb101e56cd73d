/**
 * Values in the literal notation of the reference (spec 02, section 1.4): `True`, `1.0`, `{'key': 'value'}`. And a JSON
 * parser that keeps what `JSON.parse` loses of a number: `6.0`, and digits beyond 2^53.
 */

/** A number with its source text, which `JSON.stringify` writes back. */
type RawJson = { readonly rawJSON: string };
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
// TypeScript's library does not declare these yet.
const Json = JSON as unknown as {
  parse(text: string, reviver?: Reviver): unknown;
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
};

const lossyNumber = /(?:^|[[:,])\s*(?:-?\d+[.eE]|-?\d{16}|-0)/;
const maxDepth = 100;

/**
 * `JSON.parse`, except that a number that JavaScript would write differently becomes an object that `literalText` reads
 * and `JSON.stringify` writes back unchanged. So it survives storage, too, if read through this function again. Costs
 * one regular expression more than `JSON.parse` unless there is such a number. Throws a SyntaxError.
 */
export function parseLossless(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!lossyNumber.test(text)) return value;
  try {
    return Json.parse(text, (_key, parsed, { source }) =>
      typeof parsed === 'number' && source !== undefined && String(parsed) !== source
        ? Json.rawJSON(source)
        : parsed,
    );
  } catch {
    // The text is valid, so it is nested too deeply for a reviver, which recurses where plain parsing does not.
    return value;
  }
}

/** Nesting that is accepted from outside: deeper values can neither be walked nor written without care. */
export const deepestJson = 100;

/** Whether a JSON text has more levels than `deepestJson`. Linear in its length, valid or not. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') {
      index = endOfString(text, index);
      if (index === -1) return false;
    } else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > deepestJson) return true;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return false;
}

/** The place of the quote that ends the string; -1 if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text[first - 1] === '\\') first -= 1;
    // An odd number of backslashes escapes the quote.
    if ((end - first) % 2 === 0) return end;
  }
  return -1;
}

/** The source text of a number that `parseLossless` kept; null for anything else. */
export function numberSource(value: unknown): string | null {
  return Json.isRawJSON(value) ? value.rawJSON : null;
}

/**
 * A number that `JSON.stringify` writes as a float even if it is whole, `1.0`, for clients that distinguish the two.
 * Throws for what JSON has no number for.
 */
export function jsonFloat(value: number): number | RawJson {
  return Json.rawJSON(numberText(value.toExponential().replace(/^0/, Object.is(value, -0) ? '-0' : '0')));
}

/** Any value in literal notation. Nesting beyond 100 levels becomes `...`. Never throws. */
export function literalText(value: unknown, depth = 0): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'boolean':
      return value ? 'True' : 'False';
    case 'number':
    case 'bigint':
      return numberText(String(value));
    case 'object':
      break;
    default:
      return '';
  }
  if (value === null) return 'None';
  if (Json.isRawJSON(value)) return numberText(value.rawJSON);
  if (depth >= maxDepth) return '...';
  if (Array.isArray(value)) return `[${value.map((item) => literalText(item, depth + 1)).join(', ')}]`;
  const entries = Object.entries(value).map(
    ([key, item]) => `${quoted(key)}: ${literalText(item, depth + 1)}`,
  );
  return `{${entries.join(', ')}}`;
}

/**
 * A number as the reference writes it (spec 02, section 1.4), from its JSON source: an integer keeps its digits; a
 * number with a fraction or exponent becomes the shortest such form that reads back as the same double.
 */
export function numberText(source: string): string {
  if (/^-?\d+$/.test(source)) return source === '-0' ? '0' : source;
  const value = Number(source);
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (!Number.isFinite(value)) return `${sign}inf`;
  if (value === 0) return `${sign}0.0`;
  const [mantissa = '', power = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const padded = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${padded}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const unprintable = /[\\\p{C}\p{Z}]/gu;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  ' ': ' ',
};

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const shown = text.replace(unprintable, (character) => escapes[character] ?? codeEscape(character));
  return `${quote}${quote === "'" ? shown.replaceAll("'", "\\'") : shown}${quote}`;
}

function codeEscape(character: string): string {
  const hex = character.codePointAt(0)!.toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
