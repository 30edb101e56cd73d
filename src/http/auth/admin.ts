import type { Clock } from '../../ground/clock.ts';
import type { Guard } from '../server/server.ts';
import { authProblem, readBearer, verifySignature } from './tokens.ts';

export type AdminDeps = Readonly<{
  clock: Clock;
  /** Name and secrets of the one internal client that may use the admin API; any of the secrets verifies. */
  issuer: string;
  secrets: readonly string[];
}>;

/**
 * Admits the admin client (spec 04, section 0.1). It is fully trusted: it decides itself what a person may do.
 */
export function adminGuard({ clock, issuer, secrets }: AdminDeps): Guard {
  const credentials = secrets.map((secret) => ({ secret, revoked: false }));
  return (request, _reply, done) => {
    const token = readBearer(request.headers.authorization);
    const { iss } = token.claims;
    if (iss === undefined || iss === null) throw authProblem(403, 'Invalid token: iss field not provided');
    if (iss !== issuer) throw authProblem(401, 'Unauthorized: not allowed to perform this action');
    verifySignature(token, credentials, clock.now());
    request.logFields = { client: issuer };
    done();
  };
}
