import { createHmac, timingSafeEqual } from 'node:crypto';
import { Problem } from '../../ground/problem.ts';

/** A token whose signature has not been checked. */
export type Token = Readonly<{
  header: Readonly<Record<string, unknown>>;
  claims: Readonly<Record<string, unknown>>;
  /** What the signature covers. */
  signed: string;
  signature: Buffer;
}>;

const malformed =
  'Invalid token: make sure your API token matches the example at https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header';
const wrongClock = 'Error: Your system clock must be accurate to within 30 seconds';
/** Seconds that `iat`, `nbf` and `exp` may be off (spec 01, section 1.3). */
const leeway = 30;

export function authProblem(status: 401 | 403, message: string): Problem {
  return new Problem(status, [{ error: 'AuthError', message, field: 'token' }]);
}

/**
 * A token for `issuer`, a service or the admin client (spec 01, section 1.2; spec 04, section 0.1). `now`: Unix
 * milliseconds.
 */
export function tokenFor(issuer: string, secret: string, now: number): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode({ iss: issuer, iat: Math.floor(now / 1000) })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** Steps 1 to 3 of spec 01 section 1.3: reads the token from the `Authorization` header. Throws a Problem. */
export function readBearer(authorization: string | undefined): Token {
  if (!authorization) throw authProblem(401, 'Unauthorized: authentication token must be provided');
  if (authorization.slice(0, 7).toLowerCase() !== 'bearer ')
    throw authProblem(401, 'Unauthorized: authentication bearer scheme must be used');
  const text = authorization.slice(7);
  const parts = text.split('.');
  const header = parts.length === 3 ? decodeObject(parts[0]!) : null;
  const claims = parts.length === 3 ? decodeObject(parts[1]!) : null;
  if (!header || !claims || !isBase64Url(parts[2]!)) throw authProblem(403, malformed);
  // Extensions that must be understood (RFC 7515, 4.1.11): none is.
  if (Object.hasOwn(header, 'crit')) throw authProblem(403, malformed);
  return {
    header,
    claims,
    signed: text.slice(0, text.lastIndexOf('.')),
    signature: Buffer.from(parts[2]!, 'base64url'),
  };
}

function isBase64Url(part: string): boolean {
  return /^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?={0,2}$/.test(part);
}

function decodeObject(part: string): Record<string, unknown> | null {
  if (!isBase64Url(part)) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** A secret that may have signed a token. `revoked`: kept only so that the error can say so. */
export type Credential = Readonly<{ secret: string; revoked: boolean }>;

/**
 * Steps 9 to 14 of spec 01 section 1.3: the credential whose secret signed the token. `now` in Unix milliseconds.
 * Throws a Problem if no credential did, or if the token is not valid now.
 */
export function verifySignature<C extends Credential>(
  token: Token,
  credentials: readonly C[],
  now: number,
): C {
  if (token.header['alg'] !== 'HS256') throw authProblem(403, 'Invalid token: algorithm used is not HS256');
  for (const credential of credentials) {
    const expected = createHmac('sha256', credential.secret).update(token.signed).digest();
    if (expected.length !== token.signature.length || !timingSafeEqual(expected, token.signature)) continue;
    const verdict = checkClaims(token.claims, now / 1000);
    // A token without a time does not match this key; another key may still match.
    if (verdict === 'not this key') continue;
    if (verdict !== null) throw verdict;
    if (credential.revoked) throw authProblem(403, 'Invalid token: API key revoked');
    return credential;
  }
  throw authProblem(403, 'Invalid token: API key not found');
}

/** Whether a token whose signature was verified before is still valid at `now` (Unix milliseconds). */
export function isTimely(claims: Token['claims'], now: number): boolean {
  return checkClaims(claims, now / 1000) === null;
}

function checkClaims(claims: Token['claims'], now: number): Problem | 'not this key' | null {
  const { iat, nbf, exp, aud, sub, jti, iss } = claims;
  if (iat === undefined || iat === null || iss === undefined || iss === null) return 'not this key';
  const issued = wholeSeconds(iat);
  // Whole seconds on both sides: 30 seconds off is valid, 31 is not.
  const age = issued === null ? null : Math.trunc(now) - issued;
  if (age === null || age < -leeway) return authProblem(403, wrongClock);
  if (nbf !== undefined) {
    const from = wholeSeconds(nbf);
    if (from === null) return authProblem(403, malformed);
    if (from > now + leeway) return authProblem(403, wrongClock);
  }
  // Expiry is checked before age.
  if (exp !== undefined) {
    const until = wholeSeconds(exp);
    if (until === null || until <= now - leeway) return authProblem(403, malformed);
  }
  if (age > leeway) return authProblem(403, wrongClock);
  if (aud !== undefined && aud !== null) return authProblem(403, malformed);
  if (sub !== undefined && typeof sub !== 'string') return authProblem(403, malformed);
  if (jti !== undefined && typeof jti !== 'string') return authProblem(403, malformed);
  return null;
}

/** A JSON number or a string with one, truncated: one official client writes `iat` as a float. */
function wholeSeconds(value: unknown): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.trunc(value);
  if (typeof value === 'string' && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(value)) return Math.trunc(Number(value));
  return null;
}
