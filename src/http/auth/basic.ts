import { createHash, timingSafeEqual } from 'node:crypto';
import { plainError } from '../server/error-format.ts';

/** The answer to a request without the right credentials (spec 05, section 7.3). */
export type Refusal = Readonly<{
  status: 401 | 403;
  headers: Readonly<Record<string, string>>;
  body: string;
}>;

const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * Basic authentication. `accepted` has pairs of `user:password`, any of which will do; an empty list refuses everybody,
 * null nobody. Answers null when the request is admitted.
 */
export function refuseCredentials(
  accepted: readonly string[] | null,
  authorization: string | undefined,
): Refusal | null {
  if (accepted === null) return null;
  if (authorization === undefined || authorization === '')
    return {
      status: 401,
      // The scheme of the API, as the reference answers it.
      headers: { 'WWW-Authenticate': 'Bearer' },
      body: plainError('Unauthorized: authentication token must be provided'),
    };
  const given = /^basic +(\S+) *$/i.exec(authorization)?.[1];
  const shown = given === undefined ? null : digest(Buffer.from(given, 'base64').toString('utf8'));
  const isRight = shown !== null && accepted.some((pair) => timingSafeEqual(shown, digest(pair)));
  return isRight
    ? null
    : { status: 403, headers: {}, body: plainError('Forbidden: invalid authentication token provided') };
}
