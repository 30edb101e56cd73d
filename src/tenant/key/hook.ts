import type { FastifyRequest } from 'fastify';
import type { Guard } from '../../http/server/server.ts';
import { type AuthenticateDeps, type Caller, createAuthenticate } from './authenticate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route with the authentication `service key`. */
    caller: Caller;
  }
}

const longestUserAgent = 200;

/** Admits whoever has an API key of a service. */
export function keyGuard(deps: AuthenticateDeps): Guard {
  const authenticate = createAuthenticate(deps);
  const admit = (request: FastifyRequest, caller: Caller) => {
    request.caller = caller;
    // Every authorised call is logged with its service, key and user agent (spec 01, section 6).
    request.logFields = {
      serviceId: caller.service.id,
      apiKeyId: caller.key.id,
      userAgent: request.headers['user-agent']?.slice(0, longestUserAgent),
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
