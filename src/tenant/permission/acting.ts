import type { FastifyRequest } from 'fastify';
import type { Db } from '../../database/connection.ts';
import { parseUuid } from '../../ground/id.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { type RoutePermission, refusal } from '../../http/server/permission.ts';
import type { Guard } from '../../http/server/server.ts';
import { findPerson } from './store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The person for whom the admin client acts, who may do this; null: it acts by itself. */
    actorId: string | null;
  }
}

const header = 'x-notify-user-id';

/**
 * Admits what `admin` admits. A request that names a person in `X-Notify-User-Id` may do only what that person may
 * (spec 04, section 0.1): the permission that its route declares, in the service that its path names. Refuses with 403.
 */
export function actingGuard({ db, admin }: Readonly<{ db: Db; admin: Guard }>): Guard {
  return function (request, reply, done) {
    request.actorId = null;
    admin.call(this, request, reply, (error?: Error) => {
      if (error || request.headers[header] === undefined) done(error);
      else
        check(db, request).then(
          () => done(),
          (problem: Error) => done(problem),
        );
    });
  };
}

async function check(db: Db, request: FastifyRequest): Promise<void> {
  const userId = parseUuid(String(request.headers[header]));
  const { service_id: given } = request.params as { service_id?: string };
  const serviceId = given === undefined ? null : parseUuid(given);
  const needed = request.routeOptions.config.permission as RoutePermission;
  const person = userId === null ? null : await findPerson(db, userId, serviceId);
  const why = refusal(person, needed);
  if (why !== null) throw authProblem(403, why);
  request.actorId = userId;
  request.logFields = { ...request.logFields, actorId: userId };
}
