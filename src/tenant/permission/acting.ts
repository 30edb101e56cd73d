import type { FastifyRequest } from 'fastify';
import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import {
  type Person,
  type RoutePermission,
  refusal,
  type UserPermission,
} from '../../http/server/permission.ts';
import type { Guard } from '../../http/server/server.ts';
import { findPerson, seeSession } from './store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The person for whom the admin client acts, who may do this; null: it acts by itself. */
    actorId: string | null;
    /** The same person, and what they may do in the service of the path. */
    actor: Person | null;
    /** The person's session, which is under way; null if none was named. */
    sessionId: string | null;
    /** Whether what concerns somebody else may be done: the person is an operator, or there is no person. */
    mayDoForOthers: boolean;
  }
}

const header = 'x-notify-user-id';
const sessionHeader = 'x-notify-session-id';

type ActingDeps = Readonly<{ db: Db; clock: Clock; admin: Guard }>;

/**
 * Admits what `admin` admits. A request that names a person in `X-Notify-User-Id` may do only what that person may
 * (spec 04, section 0.1): the permission that its route declares, in the service that its path names. If it also names
 * a session in `X-Notify-Session-Id`, that must be one of the person's that has not ended. Refuses with 403.
 */
export function actingGuard(deps: ActingDeps): Guard {
  const { admin } = deps;
  return function (request, reply, done) {
    request.actorId = null;
    request.actor = null;
    request.sessionId = null;
    request.mayDoForOthers = true;
    admin.call(this, request, reply, (error?: Error) => {
      if (error || request.headers[header] === undefined) done(error);
      else
        check(deps, request).then(
          () => done(),
          (problem: Error) => done(problem),
        );
    });
  };
}

/**
 * For what needs a permission beyond that of its route, such as one that depends on the template. Throws a Problem (403)
 * if the acting person does not have it.
 */
export function requirePermission({ actor }: Pick<FastifyRequest, 'actor'>, needed: UserPermission): void {
  const why = actor && refusal(actor, needed);
  if (why !== null) throw authProblem(403, why);
}

async function check({ db, clock }: ActingDeps, request: FastifyRequest): Promise<void> {
  const userId = parseUuid(String(request.headers[header]));
  const { service_id: given } = request.params as { service_id?: string };
  const serviceId = given === undefined ? null : parseUuid(given);
  const needed = request.routeOptions.config.permission as RoutePermission;
  const person = userId === null ? null : await findPerson(db, userId, serviceId);
  const why = refusal(person, needed);
  if (why !== null) throw authProblem(403, why);
  const named = request.headers[sessionHeader];
  if (named !== undefined) {
    const sessionId = parseUuid(String(named));
    const isLive = sessionId !== null && (await seeSession(db, userId!, sessionId, new Date(clock.now())));
    if (!isLive) throw authProblem(403, 'The session of the acting user has ended');
    request.sessionId = sessionId;
  }
  request.actorId = userId;
  request.actor = person;
  request.mayDoForOthers = person!.isOperator;
  request.logFields = { ...request.logFields, actorId: userId };
}
