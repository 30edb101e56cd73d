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

const lossyNumber = /-?\d+[.eE]|-?\d{16}|-0/y;
const numberEnd = /[-+.\deE]*/y;
/** A key that reads as a whole number, which JavaScript moves before all others. */
const wholeNumberKey = /^"(?:\d|\\u003\d)+"$/;
const colon = /\s*:/y;
const [quoteCode, minusCode, zeroCode, nineCode] = [0x22, 0x2d, 0x30, 0x39];
const wholeNumber = /^(?:0|[1-9]\d*)$/;
/** Beyond this many keys in a document their order is not kept: that would take seconds. */
const maxOrderedKeys = 20_000;

/**
 * `JSON.parse`, except that a number that JavaScript would write differently becomes an object that `literalText` reads
 * and `JSON.stringify` writes back unchanged, and that keys such as `"2"` keep their place (see `objectOf`). So both
 * survive storage, too, if read through this function again. Throws a SyntaxError.
 */
export function parseLossless(source: string): unknown {
  let value: unknown = JSON.parse(source);
  let text = source;
  let losses = lossesOf(source);
  if (losses.escapedKey) {
    // V8 compares a key with the one it expects there before it decodes it: after `{"a":1,"\\":2}`, it reads the key
    // `"\u00e9"` as a backslash. So a request could change how the next one is read.
    text = withKeys(source, '')!;
    value = JSON.parse(text);
    losses = lossesOf(text);
  }
  const marked = losses.numberKey ? withKeys(text, 'k') : null;
  if (marked === null && !losses.number) return value;
  try {
    return Json.parse(marked ?? text, (_key, parsed, { source }) => {
      if (typeof parsed === 'number' && source !== undefined && String(parsed) !== source)
        return Json.rawJSON(source);
      return marked !== null && isPlainObject(parsed) ? withoutMarks(parsed) : parsed;
    });
  } catch {
    // The text is valid, so it is nested too deeply for a reviver, which recurses where plain parsing does not.
    return value;
  }
}

type Losses = { escapedKey: boolean; numberKey: boolean; number: boolean };

/** What `JSON.parse` loses of a valid text: looks at keys and numbers, and at other strings only for their end. */
function lossesOf(text: string): Losses {
  const losses: Losses = { escapedKey: false, numberKey: false, number: false };
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === quoteCode) {
      const start = index;
      index = endOfString(text, start);
      colon.lastIndex = index + 1;
      if (!colon.test(text)) continue;
      const key = text.slice(start, index + 1);
      losses.escapedKey ||= key.includes('\\');
      losses.numberKey ||= wholeNumberKey.test(key);
    } else if (code === minusCode || (code >= zeroCode && code <= nineCode)) {
      lossyNumber.lastIndex = index;
      losses.number ||= lossyNumber.test(text);
      numberEnd.lastIndex = index;
      numberEnd.test(text);
      index = numberEnd.lastIndex - 1;
    }
  }
  return losses;
}

/**
 * `Object.fromEntries`, except that keys which read as whole numbers keep their place: JavaScript would list them first,
 * by size. Everything that lists the keys sees this order, `JSON.stringify` included; a copy of the object made in
 * another way loses it.
 */
export function objectOf(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const byKey = new Map(entries);
  const object = Object.fromEntries(byKey);
  let isMoved = false;
  let seenOther = false;
  let last = -1;
  for (const key of byKey.keys()) {
    if (wholeNumber.test(key)) {
      isMoved ||= seenOther || Number(key) < last;
      last = Number(key);
    } else seenOther = true;
  }
  if (!isMoved) return object;
  return new Proxy(object, {
    ownKeys: (target) => {
      const present = new Set(Reflect.ownKeys(target));
      const inOrder = [...byKey.keys()].filter((key) => present.delete(key));
      return [...inOrder, ...present];
    },
  });
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Json.isRawJSON(value);
}

/**
 * A valid JSON text with `mark` before every key, so that none reads as a number, and with as few escapes in keys as
 * possible. null if there are too many keys to mark.
 */
function withKeys(text: string, mark: string): string | null {
  let keys = 0;
  let written = '';
  let done = 0;
  for (let open = text.indexOf('"'); open !== -1; ) {
    const next = endOfString(text, open) + 1;
    colon.lastIndex = next;
    if (colon.test(text)) {
      keys += 1;
      if (mark !== '' && keys > maxOrderedKeys) return null;
      const key = text.slice(open, next);
      written += text.slice(done, open);
      written += key.includes('\\') ? JSON.stringify(mark + JSON.parse(key)) : `"${mark}${key.slice(1)}`;
      done = next;
    }
    open = text.indexOf('"', next);
  }
  return written + text.slice(done);
}

function withoutMarks(marked: Record<string, unknown>): Record<string, unknown> {
  return objectOf(Object.entries(marked).map(([key, value]) => [key.slice(1), value]));
}

/** Nesting that is accepted from outside: deeper values can neither be walked nor written without care. */
const deepestJson = 100;
/** Values that are accepted from outside: parsing millions of small ones takes seconds. */
const mostJsonValues = 50_000;

/**
 * What a JSON text has too much of, as a sentence; null for nothing. Linear in its length, valid or not. `mostValues`:
 * how many it may have.
 */
export function jsonExcess(text: string, mostValues = mostJsonValues): string | null {
  let depth = 0;
  let values = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') {
      index = endOfString(text, index);
      if (index === -1) return null;
    } else if (character === '[' || character === '{') {
      depth += 1;
      values += 1;
      if (depth > deepestJson) return `The JSON is nested too deeply: the limit is ${deepestJson} levels.`;
    } else if (character === ']' || character === '}') depth -= 1;
    else if (character === ',') values += 1;
    if (values > mostValues) return `The JSON has too many values: the limit is ${mostValues}.`;
  }
  return null;
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
  if (depth >= deepestJson) return '...';
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
