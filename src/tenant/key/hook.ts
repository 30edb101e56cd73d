import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AuthenticateDeps, type Caller, createAuthenticate } from './authenticate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route below `requireKey`. */
    caller: Caller;
  }
}

const longestUserAgent = 200;

/** Every route of `app` from here on needs an API key; authentication comes before anything else of the request. */
export function requireKey(app: FastifyInstance, deps: AuthenticateDeps): void {
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
  app.addHook('onRequest', (request, _reply, done) => {
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
  });
}
