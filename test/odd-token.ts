import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { oddText, oddValue } from './odd-value.ts';

/** Values of the `Authorization` header: mostly good ones of these keys; null: no such header. */
export function oddToken(keys: readonly string[]): fc.Arbitrary<string | null> {
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

/** As far as a header can hold it. */
export function headerText(text: string): string {
  return text.slice(0, 2_000).replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

/** A token of a key, with claims and header changed. */
function tokenOf(key: string, claims: object = {}, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const signed = `${part({ typ: 'JWT', alg: 'HS256', ...header })}.${part({ iss: key.slice(-73, -37), iat, ...claims })}`;
  return `Bearer ${signed}.${createHmac('sha256', key.slice(-36)).update(signed).digest('base64url')}`;
}
