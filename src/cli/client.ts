import { systemClock } from '../ground/clock.ts';
import { tokenFor } from '../http/auth/tokens.ts';

/** A token for the public API, from a key in its pasteable form; valid for 30 seconds (spec 01, section 1.2). */
export function makeToken(key: string, now = systemClock.now()): string {
  return signToken(key.slice(-73, -37), key.slice(-36), now);
}

/** A token for `issuer`: a service, or the admin client (spec 04, section 0.1). */
export function signToken(issuer: string, secret: string, now = systemClock.now()): string {
  return tokenFor(issuer, secret, now);
}

/** Calls the public API with a key. Throws an error with the response's status and body unless it is a success. */
export async function callApi<Body>(
  api: string,
  key: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Body> {
  const response = await fetch(api + path, {
    method,
    headers: { Authorization: `Bearer ${makeToken(key)}`, 'User-Agent': 'despatch-cli' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Body;
}
