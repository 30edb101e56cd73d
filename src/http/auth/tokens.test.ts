import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Problem } from '../../ground/problem.ts';
import { readBearer, verifySignature } from './tokens.ts';

const secret = 'c1f0b7de-58a2-4c11-8a6f-0b9d6c3e2a75';
const now = 1_700_000_000;
const iss = '6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40';
const good = { iss, iat: now };
const malformed =
  'Invalid token: make sure your API token matches the example at https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header';
const clock = 'Error: Your system clock must be accurate to within 30 seconds';
const notFound = 'Invalid token: API key not found';
const revoked = 'Invalid token: API key revoked';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
function jwt(claims: unknown, key = secret, header: unknown = { typ: 'JWT', alg: 'HS256' }): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/** Status and text of the refusal; null for none. */
function refusal(act: () => unknown): [number, string] | null {
  try {
    act();
    return null;
  } catch (error) {
    assert.ok(error instanceof Problem);
    assert.deepEqual(error.faults, [{ error: 'AuthError', message: error.message, field: 'token' }]);
    return [error.status, error.message];
  }
}

const credential = { secret, revoked: false };
const verify = (claims: unknown, credentials = [credential], at = now * 1000) =>
  refusal(() => verifySignature(readBearer(`Bearer ${jwt(claims)}`), credentials, at));

test('a header without a readable bearer token is refused by the first step that fails', () => {
  const noToken = [401, 'Unauthorized: authentication token must be provided'];
  const noBearer = [401, 'Unauthorized: authentication bearer scheme must be used'];
  const unreadable = [403, malformed];
  const [header, claims, signature] = jwt(good).split('.') as [string, string, string];
  const notUtf8Json = Buffer.from('{"alg":').toString('base64url');
  const table: [string | undefined, unknown][] = [
    [undefined, noToken],
    ['', noToken],
    ['Bearer', noBearer],
    ['Basic dXNlcjpwYXNz', noBearer],
    [jwt(good), noBearer],
    [` Bearer ${jwt(good)}`, noBearer],
    ['Bearer ', unreadable],
    ['Bearer x', unreadable],
    [`Bearer ${header}.${claims}`, unreadable],
    [`Bearer ${header}.${claims}.${signature}.`, unreadable],
    [`Bearer ${notUtf8Json}.${claims}.${signature}`, unreadable],
    [`Bearer ${encode('text')}.${claims}.${signature}`, unreadable],
    [`Bearer ${encode([])}.${claims}.${signature}`, unreadable],
    [`Bearer ${header}.${encode(null)}.${signature}`, unreadable],
    [`Bearer ${header}.${encode([good])}.${signature}`, unreadable],
    [`Bearer ${header}.${claims} .${signature}`, unreadable],
    [`Bearer ${header}.${claims}.${signature.slice(0, -1)}+`, unreadable],
    [`Bearer ${header}.${claims}.A`, unreadable],
    [`Bearer ${jwt(good)}`, null],
    [`bEARER ${jwt(good)}`, null],
    [`Bearer ${header}.${claims}.`, null],
  ];
  for (const [authorization, expected] of table)
    assert.deepEqual(
      refusal(() => readBearer(authorization)),
      expected,
      authorization,
    );
});

test('the claims of a token can be read before its signature is checked', () => {
  assert.deepEqual(readBearer(`Bearer ${jwt({ iss, iat: 1, é: 'ü' })}`).claims, { iss, iat: 1, é: 'ü' });
});

test('claims are checked in the order of the steps, with a tolerance of 30 seconds either way', () => {
  const table: [claims: object, expected: string | null][] = [
    [good, null],
    [{ ...good, iat: now - 30 }, null],
    [{ ...good, iat: now + 30 }, null],
    [{ ...good, iat: now - 31 }, clock],
    [{ ...good, iat: now + 31 }, clock],
    [{ ...good, iat: now + 0.9 }, null],
    [{ ...good, iat: now + 30.9 }, null],
    [{ ...good, iat: String(now) }, null],
    [{ ...good, iat: `${now}.0` }, null],
    [{ ...good, iat: `${now - 31}` }, clock],
    [{ ...good, iat: 'now' }, clock],
    [{ ...good, iat: '' }, clock],
    [{ ...good, iat: true }, clock],
    [{ ...good, iat: [now] }, clock],
    [{ iss }, notFound],
    [{ iss, iat: null }, notFound],
    [{ iat: now }, notFound],
    [{ ...good, nbf: now + 30 }, null],
    [{ ...good, nbf: now + 31 }, clock],
    [{ ...good, nbf: now - 9999 }, null],
    [{ ...good, nbf: 'soon' }, malformed],
    [{ ...good, exp: now + 1 }, null],
    [{ ...good, exp: now - 29 }, null],
    [{ ...good, exp: now - 30 }, malformed],
    [{ ...good, exp: 'later' }, malformed],
    [{ ...good, exp: null }, malformed],
    [{ ...good, aud: 'notify' }, malformed],
    [{ ...good, aud: ['notify'] }, malformed],
    [{ ...good, sub: 'me', jti: 'one' }, null],
    [{ ...good, sub: 1 }, malformed],
    [{ ...good, jti: 1 }, malformed],
    [{ ...good, iat: now - 31, exp: now - 31 }, malformed],
    [{ ...good, iat: now + 31, exp: now - 31 }, clock],
    [{ ...good, iat: now - 31, aud: 'notify' }, clock],
    [{ ...good, iat: now + 31, sub: 1 }, clock],
    [{ ...good, other: { anything: true } }, null],
  ];
  for (const [claims, expected] of table)
    assert.deepEqual(verify(claims), expected && [403, expected], JSON.stringify(claims));
});

test('a fraction of a second on our own clock does not shorten the 30 seconds', () => {
  assert.equal(verify({ iss, iat: now - 30 }, [credential], now * 1000 + 999), null);
  assert.deepEqual(verify({ iss, iat: now - 31 }, [credential], now * 1000 + 999), [403, clock]);
});

test('only HS256 is accepted, whatever the key', () => {
  for (const header of [{ alg: 'none' }, { alg: 'HS512' }, { alg: 'hs256' }, { alg: ['HS256'] }, {}])
    assert.deepEqual(
      refusal(() => verifySignature(readBearer(`Bearer ${jwt({}, secret, header)}`), [], now * 1000)),
      [403, 'Invalid token: algorithm used is not HS256'],
      JSON.stringify(header),
    );
});

test('a token with critical header extensions is refused, whatever they are, and whoever signed it', () => {
  for (const crit of [['exp'], ['b64'], [], 'exp', null, false, {}])
    assert.deepEqual(
      refusal(() =>
        verifySignature(
          readBearer(`Bearer ${jwt(good, secret, { typ: 'JWT', alg: 'HS256', crit })}`),
          [credential],
          now * 1000,
        ),
      ),
      [403, malformed],
      JSON.stringify(crit),
    );
});

test('all keys are tried in turn, and the one that signed is returned', () => {
  const keys = ['one', 'two', secret].map((one) => ({ secret: one, revoked: false }));
  assert.equal(verifySignature(readBearer(`Bearer ${jwt(good)}`), keys, now * 1000), keys[2]);
  assert.deepEqual(verify(good, keys.slice(0, 2)), [403, notFound]);
  assert.deepEqual(verify(good, []), [403, notFound]);
});

test('a signature that is changed, cut, empty or made for other claims is refused', () => {
  const [header, claims, signature] = jwt(good).split('.') as [string, string, string];
  const other = jwt({ ...good, iat: now + 1 }).split('.')[2];
  const flipped = (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1);
  for (const wrong of ['', other, flipped, signature.slice(0, -4), `${signature}AAAA`])
    assert.deepEqual(
      refusal(() =>
        verifySignature(readBearer(`Bearer ${header}.${claims}.${wrong}`), [credential], now * 1000),
      ),
      [403, notFound],
      wrong,
    );
});

test('a revoked key gets a different error from an unknown one, after the clock is checked', () => {
  const gone = [{ secret, revoked: true }];
  assert.deepEqual(verify(good, gone), [403, revoked]);
  assert.deepEqual(verify({ ...good, iat: now - 31 }, gone), [403, clock]);
  assert.deepEqual(verify({ ...good, aud: 'a' }, gone), [403, malformed]);
  assert.deepEqual(verify({ iss }, gone), [403, notFound]);
});
