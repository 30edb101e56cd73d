import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type onRequestHookHandler,
  type RouteOptions,
} from 'fastify';
import { isUnreachable } from '../../database/connection.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { Problem, unreachable } from '../../ground/problem.ts';
import type { Span, Traces } from '../../ground/traces.ts';
import { createBodyReader, createLargeRequests, type LargeRequests, usualBodyLimit } from './body.ts';
import { clientErrorHandler, readToEnd, refuseTunnel } from './connection.ts';
import type { Authentication, Route } from './define-route.ts';
import { type ErrorFormat, plainError, plainErrors } from './error-format.ts';
import { tagReads } from './etag.ts';
import { createOnce, type Once, type RequestMemory } from './once.ts';
import { requestReader } from './read-request.ts';
import { beginRequest, createAgentNames, loggedPath, pathOf, sendNotFound, withoutCors } from './request.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    handlerName?: string;
    permission?: string;
    sameOrigin?: boolean;
    /** Of a route that reads its body. */
    bodyLimit?: number;
    bodyLimitText?: string;
  }
  interface FastifyRequest {
    /** While traces are on. */
    span?: Span;
  }
}

/** Runs first for a request that needs such credentials. Throws a Problem, or passes it to `done`. */
export type Guard = onRequestHookHandler;

export type ServerDeps = Readonly<{
  log: Log;
  metrics: Metrics;
  guards: Readonly<Record<Exclude<Authentication, 'none' | 'provider'>, Guard>>;
  /** null: none are made. */
  traces?: Traces | null;
  /** Needed for writing routes of the admin API. */
  requests?: RequestMemory;
}>;

/** What all callers together may take of one process. */
export type ServerLimits = Readonly<{
  /** Bytes of request bodies in memory. */
  heldBytes: number;
  /** Open connections; more are closed at once. */
  connections: number;
  /** Time for a request to arrive whole; then it is answered 408 and its connection closed. */
  requestMilliseconds: number;
}>;

const usualLimits: ServerLimits = {
  heldBytes: 128 * 1024 * 1024,
  connections: 4096,
  requestMilliseconds: 60_000,
};

/** A route as it was registered. */
export type MountedRoute = Readonly<{ route: Route; errors: ErrorFormat }>;

/** Registers routes with their handlers' dependencies. */
export type Mount = <Deps>(routes: readonly Route<Deps>[], deps: Deps) => void;

export type HttpServer = Readonly<{
  app: FastifyInstance;
  /** Every route, complete once the server is ready. */
  routes: readonly MountedRoute[];
  /** A part of the server whose routes share an error format. */
  scope: (errors: ErrorFormat, register: (mount: Mount) => void) => void;
}>;

/**
 * The HTTP server: request ids, fixed headers, bodies as bytes whatever their content type, 404 and 405, one log line
 * and one metric per request. A Problem is shown in the error format of its route; an unreachable database is a 503;
 * anything else a 500 whose cause stays in the log. A route that was not made by `defineRoute` stops the server from
 * starting.
 */
export function createServer(deps: ServerDeps, limits: Partial<ServerLimits> = {}): HttpServer {
  const { log, metrics, traces } = deps;
  const { heldBytes, connections, requestMilliseconds } = { ...usualLimits, ...limits };
  const bodies = createBodyReader(heldBytes, heldBytes / 4);
  const large = createLargeRequests();
  const app = fastify({
    requestTimeout: requestMilliseconds,
    http: {
      // Node takes the longer of the two as the time of a whole request.
      headersTimeout: Math.min(20_000, requestMilliseconds),
      // How often Node looks for requests whose time is over.
      connectionsCheckingInterval: Math.min(5000, requestMilliseconds),
    },
    clientErrorHandler,
    logger: false,
    trustProxy: true,
    // Above any URL that Node accepts, so that a long path reaches its route like any other.
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 100_000 },
    // Paths with malformed percent encoding arrive here, before any hook.
    frameworkErrors: (_error, request, reply) => {
      beginRequest(request, reply);
      if (paths.isSameOrigin(pathOf(request))) withoutCors(reply as FastifyReply);
      void sendNotFound(reply as FastifyReply);
    },
  });
  app.server.maxConnections = connections;
  app.server.on('connect', refuseTunnel);
  watchRequests(app, metrics);
  const agentName = createAgentNames();
  const durations = metrics.histogram(
    'despatch_http_request_duration_seconds',
    'Requests, by handler and status.',
    ['method', 'handler', 'status'],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
  );
  const paths = watchPaths(app);

  // Content types are ignored on requests (spec 01, section 6): a route gets the bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', bodies.read);

  app.addHook('onRequest', (request, reply, done) => {
    beginRequest(request, reply);
    if (traces && !isQuiet(pathOf(request))) beginSpan(traces, request);
    // Fastify would refuse a malformed one. (Deleting it would make all other headers slower to read.)
    request.raw.headers['content-type'] = undefined;
    // Fastify allows empty parameters, so `/things/` would match `/things/:id`.
    const { params } = request as { params: Readonly<Record<string, string>> };
    for (const name in params) if (params[name] === '' && !request.is404) return reply.callNotFound();
    done();
  });

  app.addHook('onResponse', (request, reply, done) => {
    const took = request.elapsed();
    const status = reply.statusCode;
    const level = status >= 500 ? 'warn' : isQuiet(pathOf(request)) ? 'debug' : 'info';
    // The path without its query: a search can contain a recipient.
    log[level](
      { requestId: request.traceId, ...request.logFields },
      `${request.method} ${loggedPath(request, paths.words)} ${status} took ${(took / 1000).toFixed(5)}`,
    );
    const { handlerName } = request.route.config;
    const stat = [request.method, handlerName, status].filter(Boolean).join('.');
    metrics.count(stat);
    metrics.timing(stat, took);
    metrics.count(agentName(request.headers['user-agent']));
    durations(took / 1000, request.method, handlerName ?? 'none', String(status));
    if (request.span) endSpan(request.span, request, status);
    done();
  });

  app.setErrorHandler(errorHandler(log, plainErrors));
  app.setNotFoundHandler(async (request, reply) => {
    const path = pathOf(request);
    readToEnd(request);
    if (paths.isSameOrigin(path)) withoutCors(reply);
    const allowed = paths.allowedAt(path);
    if (allowed.length === 0) return sendNotFound(reply);
    return reply
      .code(405)
      .header('Allow', allowed.join(', '))
      .type('application/json')
      .send(plainError('The method is not allowed for the requested URL.'));
  });

  const once = deps.requests ? createOnce(deps.requests, log) : null;
  const routes: MountedRoute[] = [];
  return {
    app,
    routes,
    scope(errors, register) {
      app.register(async (part) => {
        part.setErrorHandler(errorHandler(log, errors));
        register((defined, handlerDeps) => {
          for (const route of defined) {
            addRoute(part, route, handlerDeps, errors, deps, { release: bodies.release, large, once });
            routes.push({ route: route as unknown as Route, errors: route.errors ?? errors });
          }
        });
      });
    },
  };
}

/** Shows how many requests are being answered; those whose callers left too are counted until they end. */
function watchRequests(app: FastifyInstance, metrics: Metrics): void {
  let open = 0;
  app.server.on('request', (_request, response) => {
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
  });
  metrics.gauge('concurrent_web_request_count', 'Requests that are being answered.', () => open);
}

/** What the requests of all routes share. */
type Shared = Readonly<{
  /** The request's body is no longer needed. */
  release: (request: FastifyRequest) => void;
  large: LargeRequests;
  once: Once | null;
}>;

function addRoute<Deps>(
  app: FastifyInstance,
  route: Route<Deps>,
  deps: Deps,
  scopeErrors: ErrorFormat,
  { log, guards }: ServerDeps,
  { release, large, once: writesOnce }: Shared,
): void {
  const { method, path, authentication, permission, handlerName, before, handler } = route;
  const isAdmin = authentication === 'admin';
  const { errors = scopeErrors, bodyLimit = usualBodyLimit, bodyLimitText, sameOrigin = isAdmin } = route;
  const once = isAdmin && [method].flat().some(hasBody) ? writesOnce : null;
  if (once === null && isAdmin && [method].flat().some(hasBody))
    throw new Error(`${path} writes, and the server has no memory of requests`);
  const read = requestReader(route, deps, errors);
  const good = Object.keys(route.answers ?? {}).find((status) => Number(status) < 400);
  const status = Number(good ?? 200);
  app.route({
    method: [...[method].flat()],
    url: path,
    config: {
      ...{ handlerName, bodyLimit, sameOrigin },
      ...(bodyLimitText && { bodyLimitText }),
      ...(permission && { permission }),
    },
    ...((authentication === 'service key' || authentication === 'admin') && {
      onRequest: guards[authentication],
    }),
    ...(isAdmin && { onSend: once ? [tagReads, once.end] : tagReads }),
    ...(route.errors && { errorHandler: errorHandler(log, route.errors) }),
    async handler(request, reply) {
      let endTurn: (() => void) | null = null;
      let isHandled = false;
      try {
        const turn = large(request, reply);
        if (turn) endTurn = await turn;
        if (once && (await once.begin(request, reply))) return;
        if (before) await before(deps, request);
        read?.(request);
        isHandled = true;
        const answer = await handler(deps, request, reply);
        if (status === 204) return reply.code(204).send();
        // The handler has sent the response itself. (Awaiting a reply gives undefined, so it may also return that.)
        if (answer === undefined) return;
        return reply.code(status).type('application/json').send(JSON.stringify(answer));
      } catch (error) {
        if (isHandled) once?.failed(request, error);
        throw error;
      } finally {
        endTurn?.();
        release(request);
      }
    },
  });
}

function hasBody(method: string): boolean {
  return method === 'POST' || method === 'PUT';
}

/** What is known of the paths of all routes. */
type Paths = Readonly<{
  /** The methods of a path; none if there is nothing at it. */
  allowedAt: (path: string) => readonly string[];
  /** The fixed parts of them all. */
  words: ReadonlySet<string>;
  /** Whether pages of other sites may not read its answers; with nothing at it, as its neighbours have it. */
  isSameOrigin: (path: string) => boolean;
}>;

/**
 * Watches the routes of `app`: refuses those that `defineRoute` did not make, and answers OPTIONS at every path.
 */
function watchPaths(app: FastifyInstance): Paths {
  const known: { method: string; pattern: RegExp; top: string; sameOrigin: boolean }[] = [];
  const withOptions = new Set<string>();
  const words = new Set<string>();
  const allowedAt = (path: string) => {
    const methods = new Set(known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    return methods.size === 0 ? [] : [...methods, 'OPTIONS'];
  };
  app.addHook('onRoute', function (this: FastifyInstance, route: RouteOptions) {
    const pattern = patternOf(route.url);
    for (const part of route.url.split('/')) if (/^[\w.-]*$/.test(part)) words.add(part);
    const methods = [route.method].flat().filter((method) => method !== 'OPTIONS');
    if (methods.length > 0 && route.config?.handlerName === undefined)
      throw new Error(`${methods} ${route.url} was not made by defineRoute, so it has no authentication`);
    const sameOrigin = route.config?.sameOrigin ?? false;
    for (const method of methods) known.push({ method, pattern, top: topOf(route.url), sameOrigin });
    if (withOptions.has(pattern.source)) return;
    withOptions.add(pattern.source);
    // A route that needs credentials needs them for OPTIONS too (spec 01, section 6).
    this.options(
      route.url,
      {
        config: {
          sameOrigin,
          ...(route.config?.permission && { permission: route.config.permission }),
        },
        ...(route.onRequest && { onRequest: route.onRequest }),
      },
      async (request, reply) => reply.header('Allow', allowedAt(pathOf(request)).join(', ')).send(),
    );
  });
  return {
    allowedAt,
    words,
    isSameOrigin(path) {
      const here = known.filter(({ pattern }) => pattern.test(path));
      const near = here.length > 0 ? here : known.filter(({ top }) => top === topOf(path));
      return near.length > 0 && near.every(({ sameOrigin }) => sameOrigin);
    },
  };
}

/** The first part of a path. */
function topOf(path: string): string {
  return path.split('/', 2)[1] ?? '';
}

/**
 * The paths of a route: a parameter takes one part of the path, restricted by its pattern (`:n(^\\d+$)`) if it has one.
 */
function patternOf(url: string): RegExp {
  const parts = url.split(/(:[a-z_]+(?:\([^)]*\))?)/i).map((part, index) => {
    if (index % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return /\(\^(.*)\$\)$/.exec(part)?.[1] ?? '[^/]+';
  });
  return new RegExp(`^${parts.join('')}$`);
}

/** Paths that are asked for every few seconds. */
function isQuiet(path: string): boolean {
  return path === '/_status' || path === '/_status/ready' || path === '/metrics';
}

function beginSpan(traces: Traces, request: FastifyRequest): void {
  const { method, headers, traceId } = request;
  const route = request.route.url?.replace(/\([^)]*\)/g, '');
  const { traceparent } = headers;
  const given = typeof traceparent === 'string' ? traceparent : undefined;
  request.span = traces.request(route === undefined ? method : `${method} ${route}`, traceId, given);
  request.carriedId = request.span.carried;
}

function endSpan(span: Span, { method, route, serviceId }: FastifyRequest, status: number): void {
  span.end(
    {
      'http.request.method': method,
      'http.route': route.url?.replace(/\([^)]*\)/g, ''),
      'http.response.status_code': status,
      'service.id': serviceId,
    },
    status >= 500,
  );
}

/** An error is handled where there is a route. */
const noWords: ReadonlySet<string> = new Set();

/** Answers with the thrown Problem, or the one for any other error, in the given format. */
function errorHandler(log: Log, errors: ErrorFormat) {
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error);
    if (problem.status >= 500)
      log.error(
        { err: error, requestId: request.traceId },
        `${request.method} ${loggedPath(request, noWords)} failed`,
      );
    // Fastify would close the connection after a body that was refused.
    reply.removeHeader('connection');
    readToEnd(request);
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type('application/json')
      .send(errors.envelope(problem));
  };
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = refusedByServer(error);
  if (status === null && isUnreachable(error)) return unreachable();
  if (status !== null)
    return new Problem(400, [{ error: 'BadRequestError', message: 'The request could not be read.' }]);
  return new Problem(500, [{ error: 'InternalServerError', message: 'Internal server error' }]);
}

/**
 * The status of what Fastify itself refuses. A status on any other error was meant for us, not for our caller.
 */
function refusedByServer(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { statusCode, code = '' } = error as { statusCode?: number; code?: string };
  const isFastify = String(code).startsWith('FST_') || code === 'ECONNRESET';
  return isFastify && statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : null;
}
