import type { FastifyRequest } from 'fastify';
import type { Cache } from '../../database/cache.ts';
import { type Db, databaseErrors } from '../../database/connection.ts';
import { createBatcher } from '../../ground/batcher.ts';
import { type Clock, dayOf } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import { authProblem, isTimely, readBearer, type Token, verifySignature } from '../../http/auth/tokens.ts';
import type { Guard } from '../../http/server/server.ts';
import type { Service } from '../service/service.ts';
import { areServices } from '../service/store.ts';
import type { ApiKey } from './key.ts';
import { otherClient, recordUses } from './store.ts';

/** The public API's caller. */
export type Caller = Readonly<{ service: Service; key: ApiKey }>;

export type AuthenticateDeps = Readonly<{
  db: Db;
  clock: Clock;
  services: Cache<Service | null>;
  keys: Cache<readonly ApiKey[]>;
}>;

/** Returns the caller, synchronously if possible; throws or rejects with a Problem. */
export type Authenticate = (authorization: string | undefined) => Caller | Promise<Caller>;

/** A verified token's claims and caller, and the keys it was verified against. */
type Verified = Readonly<{ caller: Caller; keys: readonly ApiKey[]; claims: Token['claims'] }>;

const mostVerified = 1000;

/**
 * Checks the `Authorization` header of public routes in the exact order of spec 01 section 1.3. Clients send the same
 * token with all requests within a second, so verified tokens are cached: as long as the cached service and keys are
 * unchanged, only the token's times and the end of its key are checked again.
 */
export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  const { db, clock, services, keys } = deps;
  const verified = new Map<string, Verified>();
  const known = new Set<string>();
  const issuers = createBatcher<string, boolean>({
    flush: (ids) => areServices(db, ids),
    limit: 1000,
    ...databaseErrors,
  });

  /**
   * Anybody can make up tokens of services that do not exist. Looked up one by one, they would use up the connections
   * and push real services out of the caches. So an issuer is looked for first, all that are waiting in one statement
   * and no second one beside it; services that exist are remembered, as they are never deleted.
   */
  async function exists(serviceId: string): Promise<boolean> {
    if (known.has(serviceId)) return true;
    const isKnown = await issuers.add(serviceId);
    if (isKnown) known.add(serviceId);
    return isKnown;
  }

  async function verify(authorization: string | undefined): Promise<Caller> {
    // The token's age is that at its arrival: reading the service and its keys may take long.
    const now = clock.now();
    const token = readBearer(authorization);
    const { iss } = token.claims;
    if (iss === undefined || iss === null) throw authProblem(403, 'Invalid token: iss field not provided');
    const serviceId = parseUuid(iss);
    if (serviceId === null) throw authProblem(403, 'Invalid token: service id is not the right data type');
    if (!(await exists(serviceId))) throw authProblem(403, 'Invalid token: service not found');
    const [service, all] = await Promise.all([services.get(serviceId), keys.get(serviceId)]);
    if (!service) throw authProblem(403, 'Invalid token: service not found');
    const counting = all.filter((key) => stillCounts(key, now));
    if (counting.length === 0) throw authProblem(403, 'Invalid token: service has no API keys');
    if (!service.active) throw authProblem(403, 'Invalid token: service is archived');
    const credentials = counting.map((key) => ({ secret: key.secret, revoked: hasEnded(key, now), key }));
    const caller = Object.freeze({ service, key: verifySignature(token, credentials, now).key });
    if (verified.size >= mostVerified) verified.clear();
    verified.set(authorization as string, { caller, keys: all, claims: token.claims });
    return caller;
  }

  return (authorization) => {
    const known = authorization === undefined ? undefined : verified.get(authorization);
    if (known) {
      const { caller } = known;
      const { id } = caller.service;
      if (
        services.peek(id) === caller.service &&
        keys.peek(id) === known.keys &&
        isTimely(known.claims, clock.now()) &&
        !hasEnded(caller.key, clock.now())
      )
        return caller;
    }
    return verify(authorization);
  };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route with the authentication `service key`. */
    caller: Caller;
  }
}

const longestUserAgent = 200;

/** Which keys are used, when and with which clients. */
export type KeyUses = Readonly<{
  /** Counts an authorised call. */
  note(keyId: string, userAgent: string): void;
  /** Writes what has been gathered. No call may follow. */
  stop(): Promise<void>;
}>;

const pauseMilliseconds = 3000;
/** Of one key between two writes; calls with further ones count as those of `other`. */
const mostAgents = 20;

/**
 * Gathers in this process which keys are used, and adds it to the database every few seconds in one statement, so that
 * a call costs next to nothing. What could not be written is written later. A process that is killed loses its last
 * seconds.
 */
export function createKeyUses({ db, clock, log }: Readonly<{ db: Db; clock: Clock; log: Log }>): KeyUses {
  /** By key and user agent. */
  let gathered = new Map<string, Map<string, { calls: number; lastUsedAt: number }>>();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function add(keyId: string, userAgent: string, calls: number, at: number): void {
    let agents = gathered.get(keyId);
    if (!agents) {
      agents = new Map();
      gathered.set(keyId, agents);
    }
    const name = agents.has(userAgent) || agents.size < mostAgents ? userAgent : otherClient;
    const use = agents.get(name);
    if (use) {
      use.calls += calls;
      use.lastUsedAt = Math.max(use.lastUsedAt, at);
    } else agents.set(name, { calls, lastUsedAt: at });
  }

  function schedule(): void {
    timer = setTimeout(() => {
      writing = write().finally(() => {
        timer = undefined;
        if (gathered.size > 0) schedule();
      });
    }, pauseMilliseconds).unref();
  }

  async function write(): Promise<void> {
    const uses = [...gathered].flatMap(([keyId, agents]) =>
      [...agents].map(([userAgent, use]) => ({ keyId, userAgent, ...use })),
    );
    gathered = new Map();
    try {
      await recordUses(
        db,
        uses.map(({ keyId, userAgent, calls, lastUsedAt }) => ({
          ...{ keyId, calls, lastUsedAt: new Date(lastUsedAt) },
          ...{ day: dayOf(lastUsedAt), client: clientOf(userAgent) },
        })),
      );
    } catch (error) {
      log.warn({ err: error, uses: uses.length }, 'The use of keys could not be recorded yet');
      for (const { keyId, userAgent, calls, lastUsedAt } of uses) add(keyId, userAgent, calls, lastUsedAt);
    }
  }

  return {
    note(keyId, userAgent) {
      add(keyId, userAgent, 1, clock.now());
      if (timer === undefined) schedule();
    },
    async stop() {
      clearTimeout(timer);
      await writing;
      clearTimeout(timer);
      await write();
    },
  };
}

/** Admits requests whose token is signed with a service's API key. */
export function keyGuard(deps: AuthenticateDeps & Readonly<{ uses: KeyUses }>): Guard {
  const authenticate = createAuthenticate(deps);
  const admit = (request: FastifyRequest, caller: Caller) => {
    request.caller = caller;
    request.serviceId = caller.service.id;
    const userAgent = request.headers['user-agent']?.slice(0, longestUserAgent);
    deps.uses.note(caller.key.id, userAgent ?? '');
    // Every authorised call is logged with its service, key and user agent (spec 01, section 6).
    request.logFields = {
      serviceId: caller.service.id,
      apiKeyId: caller.key.id,
      userAgent: programOf(userAgent),
    };
  };
  return (request, _reply, done) => {
    const caller = authenticate(request.headers.authorization);
    if (!(caller instanceof Promise)) {
      admit(request, caller);
      done();
      return;
    }
    caller.then((found) => {
      admit(request, found);
      done();
    }, done);
  };
}

/** The program of a user agent with its version; what follows may be anything, such as somebody's address. */
function programOf(userAgent: string | undefined): string | undefined {
  return /^[\w.-]{1,60}(?:\/[\w.-]{1,20})?(?=\s|$)/.exec(userAgent ?? '')?.[0];
}

/** Whether a key has come to its end at `now` (Unix milliseconds). Its end may have been set long before. */
export function hasEnded({ expiresAt }: Pick<ApiKey, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= now;
}

const week = 7 * 86_400_000;
const day = 86_400_000;

/**
 * A key that has ended still counts while 00:00 UTC on the date of its end is less than a week ago: so that the error
 * can say that it was revoked, and lists show it.
 */
export function stillCounts({ expiresAt }: Pick<ApiKey, 'expiresAt'>, now: number): boolean {
  return expiresAt === null || Math.floor(expiresAt.getTime() / day) * day > now - week;
}

/**
 * The client of a user agent: its name in lower case without the version, `notify-api-node-client` or `curl`; `unknown`
 * if there is none.
 */
export function clientOf(userAgent: string): string {
  const name = userAgent.trim().split(/[/\s]/, 1)[0]!;
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9_.-]/g, '-')
      .slice(0, 60) || 'unknown'
  );
}
