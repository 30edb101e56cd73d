import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';

/** Strings that are known to break programs. */
const naughtyStrings = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00y',
  '\ufeff',
  '\u202e',
  '\u2028',
  'İstanbul',
  'ﷺ',
  '👩‍👩‍👧‍👦',
  'e\u0301'.repeat(40),
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  "' or '1'='1",
  '{{7*7}}',
  '%00%ff',
  '../../etc/passwd',
  '((name))',
  '((a??b)) [c](d) <e>',
  '1e400',
  'NaN',
  '-0',
  '2026-13-45T99:99:99Z',
  '0000-00-00',
  '+999999-01-01T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
  'urn:uuid:{6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40}',
  '+447700900123',
  '07700 900123',
  '+49 1512 3456789',
  '00 1 415 555 0132',
  '٠٧٧٠٠٩٠٠١٢٣',
  '(0)'.repeat(200),
  '@',
  'a@b',
  `${'a'.repeat(320)}@example.com`,
  'rowan@exam\u00ADple.com',
  'rowan@xn--e1afmkfd.xn--p1ai',
  'https://example.com/%zz',
  'https://[::1',
  'x'.repeat(1001),
  'y'.repeat(70_000),
  '* '.repeat(2_000),
  '['.repeat(3_000),
  '<'.repeat(3_000),
  `${'https://a.'.repeat(500)}example`,
] as const;

/** Any code point, lone surrogates included. Cheaper to generate than the library's unit. */
const anyCharacter = fc.integer({ min: 0, max: 0x10ffff }).map((point) => String.fromCodePoint(point));

export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...naughtyStrings),
  fc.string({ unit: anyCharacter, maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ maxLength: 30 }),
  fc.uuid(),
);

/** Numbers, including those at the limits of a double. */
const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, -1, 1e21, 2 ** 53, 2 ** 63, Number.MAX_VALUE, Number.MIN_VALUE),
);

/** Any JSON value, ordinary or not. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: oddText },
  { weight: 2, arbitrary: oddNumber },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false, [], {}, [[]], [null], { file: {} }) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: anyCharacter }) },
  { weight: 1, arbitrary: fc.array(oddText, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.dictionary(oddText, oddText, { maxKeys: 4 }) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        file: fc.oneof(fc.base64String(), oddText, fc.constant(null)),
        filename: fc.oneof(fc.constantFrom('a.csv', 'a', '.', null), oddText),
        is_csv: fc.constantFrom(true, false, null, 'yes'),
        confirm_email_before_download: fc.constantFrom(true, false, null, 1),
        retention_period: fc.constantFrom('1 week', '90 weeks', '', null, {}, 4),
      },
      { requiredKeys: ['file'] },
    ),
  },
);

/** Bodies that are malformed JSON, or JSON that no client would write. */
export const oddBody: fc.Arbitrary<string | Buffer> = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    'null',
    'nul',
    '0',
    '-0.0',
    '""',
    'false',
    '[]',
    '\ufeff{}',
    '{"a":1,"a":2}',
    '{"__proto__":{"phone_number":"07700900123"},"constructor":{"prototype":1}}',
    '{"phone_number":1e999}',
    `{"phone_number":${'9'.repeat(400)}}`,
    `{"personalisation":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    '['.repeat(100_000),
    `{"phone_number":"${'7'.repeat(200_000)}"}`,
    `{${Array.from({ length: 3_000 }, (_, index) => `"${index}":${index}`).join(',')}}`,
    '{"phone_number":"\\ud800","template_id":"\\u0000"}',
  ),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json({ stringUnit: anyCharacter }),
  oddText,
);

/** Numbers as JSON can write them: floats, and what no double holds. */
const oddNumberText = fc.oneof(
  fc.constantFrom('1.0', '0.0', '-0', '-0.0', '1e400', '-1e400', '1e-7', '1E+2', '0.1e-400', '5e-324'),
  fc.constantFrom('123456789012345678901234567890', '9007199254740993', '9'.repeat(400), '1'.repeat(50_000)),
);

/** Depths around the limit of the product, and far beyond it. */
const oddDepth = fc.constantFrom(1, 98, 99, 100, 101, 5_000, 50_000);

const deep = fc
  .tuple(oddDepth, fc.constantFrom(['[', ']'] as const, ['{"a":', '}'] as const))
  .map(([depth, [open, close]]) => `${open.repeat(depth)}1${close.repeat(depth)}`);

/** Puts a field into the text of a JSON object, before the others, so that the name may be there twice. */
const withField = (text: string, name: string, value: string) =>
  text.replace(/^\{(.?)/, (_, next) => `{"${name}":${value}${next === '}' ? '}' : `,${next}`}`);

const fieldName = fc.constantFrom(
  ...['personalisation', 'template_id', 'template', 'to', 'phone_number', 'email_address', 'reference', 'x'],
);

/**
 * A JSON text as a program with a fault of its own would send it: another encoding, bytes that are no UTF-8, a byte order
 * mark, names given twice, far too many or too deep, numbers that no double holds, and compressed.
 */
export function distorted(good: fc.Arbitrary<string>): fc.Arbitrary<string | Buffer> {
  const inPlaceOfName = (text: string, value: string) => text.replace('"Rowan"', () => value);
  return fc.oneof(
    good.map((text) => `\ufeff${text}`),
    good.map((text) => Buffer.from(`\ufeff${text}`, 'utf16le')),
    good.map((text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()),
    good.map((text) => Buffer.from(inPlaceOfName(text, '"Jos\xe9 \xa3"'), 'latin1')),
    fc.tuple(good, fc.nat(400), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([text, at, bytes]) => {
      const whole = Buffer.from(text);
      return Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at)]);
    }),
    fc.tuple(good, oddNumberText).map(([text, number]) => inPlaceOfName(text, number)),
    fc.tuple(good, fieldName, oddNumberText).map(([text, name, value]) => withField(text, name, value)),
    fc.tuple(good, fieldName, deep).map(([text, name, value]) => withField(text, name, value)),
    fc.tuple(good, deep).map(([text, value]) => inPlaceOfName(text, value)),
    fc.tuple(good, fieldName).map(([text, name]) => withField(withField(text, name, '1'), name, '"2"')),
    fc
      .tuple(good, fc.constantFrom('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"a\0b"', '"\\ud83d"'))
      .map(([text, value]) => inPlaceOfName(text, value)),
    fc.tuple(good, fc.constantFrom(1_000, 20_000)).map(([text, count]) => {
      const fields = Array.from({ length: count }, (_, index) => `"key ${index}":"${index}"`);
      return withField(text, 'personalisation', `{${fields.join(',')}}`);
    }),
    good.map((text) => gzipSync(text)),
    good.map((text) => `${text}${text}`),
    fc.tuple(good, fc.constantFrom(' ', '\n', '\0', ',', '}')).map((parts) => parts.join('')),
  );
}

/** Who signs a token: a service or the admin client. */
export type Signer = Readonly<{ issuer: string; secret: string }>;

/** Of a key in its pasteable form. */
export function signerOf(key: string): Signer {
  return { issuer: key.slice(-73, -37), secret: key.slice(-36) };
}

/** Values of the `Authorization` header, mostly valid ones for these signers; null for no header. */
export function oddToken(keys: readonly Signer[]): fc.Arbitrary<string | null> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...keys).map((key) => tokenOf(key)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...keys),
          fc.dictionary(fc.constantFrom('iss', 'iat', 'exp', 'nbf', 'aud', 'sub', 'jti'), oddValue, {
            maxKeys: 3,
          }),
        )
        .map(([key, claims]) => tokenOf(key, claims)),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...keys), oddValue).map(([key, alg]) => tokenOf(key, {}, { alg })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        'Bearer',
        'Bearer ',
        'Bearer ..',
        'Bearer x.y.z',
        'Basic eDp5',
        'Bearer e30.bnVsbA.e30',
        `Bearer ${'a'.repeat(3_000)}`,
      ),
    },
    { weight: 1, arbitrary: oddText.map((text) => `Bearer ${headerText(text)}`) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

/** The text, reduced to what a header can contain. */
export function headerText(text: string): string {
  return text.slice(0, 2_000).replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

/** A token, with claims and header overridden. */
function tokenOf({ issuer, secret }: Signer, claims: object = {}, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const signed = `${part({ typ: 'JWT', alg: 'HS256', ...header })}.${part({ iss: issuer, iat, ...claims })}`;
  return `Bearer ${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
