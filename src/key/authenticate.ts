import type { Clock } from '../clock.ts';
import type { Cache } from '../database/cache.ts';
import { authProblem, readBearer, verifySignature } from '../http/tokens.ts';
import { parseUuid } from '../identifier.ts';
import type { Service } from '../service/service.ts';
import { type ApiKey, stillCounts } from './key.ts';

/** Who is calling the public API. */
export type Caller = Readonly<{ service: Service; key: ApiKey }>;

export type AuthenticateDeps = Readonly<{
  clock: Clock;
  services: Cache<Service | null>;
  keys: Cache<readonly ApiKey[]>;
}>;

/** Checks the `Authorization` header of a public route in the exact order of spec 01 section 1.3. Throws a Problem. */
export async function authenticate(
  deps: AuthenticateDeps,
  authorization: string | undefined,
): Promise<Caller> {
  const token = readBearer(authorization);
  const { iss } = token.claims;
  if (iss === undefined || iss === null) throw authProblem(403, 'Invalid token: iss field not provided');
  const serviceId = typeof iss === 'string' ? parseUuid(iss) : null;
  if (serviceId === null) throw authProblem(403, 'Invalid token: service id is not the right data type');
  const [service, all] = await Promise.all([deps.services.get(serviceId), deps.keys.get(serviceId)]);
  if (!service) throw authProblem(403, 'Invalid token: service not found');
  const now = deps.clock.now();
  const keys = all.filter((key) => stillCounts(key, now));
  if (keys.length === 0) throw authProblem(403, 'Invalid token: service has no API keys');
  if (!service.active) throw authProblem(403, 'Invalid token: service is archived');
  const credentials = keys.map((key) => ({ secret: key.secret, revoked: key.revokedAt !== null, key }));
  return { service, key: verifySignature(token, credentials, now).key };
}
