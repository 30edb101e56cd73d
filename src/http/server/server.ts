import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type RouteOptions,
} from 'fastify';
import { isUnreachable } from '../../database/connection.ts';
import { stopwatch } from '../../ground/clock.ts';
import { randomHex } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { Problem, unavailable } from '../../ground/problem.ts';
import { envelope, plainError } from './envelope.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** `X-B3-TraceId` of the request, or one made for it; in every log line and task that comes of it. */
    traceId: string;
    elapsed: () => number;
    /** Who called, for the line of the request: ids only. */
    logFields?: Readonly<Record<string, unknown>>;
  }
  interface FastifyContextConfig {
    /** `<module>.<handler>` of the request metrics (spec 06, section 4.2). */
    handler?: string;
  }
}

/** Largest body taken, in bytes (spec 01, section 6: at least 10 MB). */
const bodyLimit = 16 * 1024 * 1024;

/** On every answer (spec 01, section 6). */
const fixedHeaders = Object.freeze({
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Content-Type,Authorization',
  'Access-Control-Allow-Methods': 'GET,PUT,POST,DELETE',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
  'X-Permitted-Cross-Domain-Policies': 'none',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains; preload',
  'Cache-Control': 'no-store, no-cache, private, must-revalidate',
});

const notFound =
  'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.';
const methodNotAllowed = 'The method is not allowed for the requested URL.';

export type ServerDeps = Readonly<{ log: Log; metrics: Metrics }>;

/**
 * The HTTP server without routes: request ids, fixed headers, bodies as text whatever their content type, the two
 * error envelopes, 404 and 405, one log line and one metric per request. A Problem that a route throws is answered
 * as it says; an unreachable database is a 503; anything else a 500 whose cause stays in the log.
 */
export function createServer({ log, metrics }: ServerDeps): FastifyInstance {
  const app = fastify({
    bodyLimit,
    logger: false,
    trustProxy: true,
    // Above any URL that Node takes: a long path is a path like another, for its route to judge.
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 100_000 },
    // A path whose percent signs make no sense comes here, before any hook.
    frameworkErrors: (_error, request, reply) => {
      begin(request, reply);
      void sendNotFound(reply as FastifyReply);
    },
  });
  const routes: { method: string; pattern: RegExp }[] = [];

  const withOptions = new Set<string>();
  app.addHook('onRoute', function (this: FastifyInstance, route: RouteOptions) {
    const pattern = patternOf(route.url);
    for (const method of [route.method].flat()) if (method !== 'OPTIONS') routes.push({ method, pattern });
    if (withOptions.has(pattern.source)) return;
    withOptions.add(pattern.source);
    // In the part of the server that the route is in: what needs a key needs one for this too (spec 01, section 6).
    this.options(route.url, async (request, reply) =>
      reply.header('Allow', allowedAt(pathOf(request)).join(', ')).send(),
    );
  });
  const allowedAt = (path: string) => {
    const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    return methods.size === 0 ? [] : [...methods, 'OPTIONS'];
  };

  // Content types are ignored on requests (spec 01, section 6): a route gets the bytes and reads them itself.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply);
    // Fastify would refuse one that is not well-formed.
    delete request.raw.headers['content-type'];
    // Fastify lets a parameter be empty, so that `/things/` would be the route `/things/:id`.
    if (!request.is404 && Object.values(request.params as object).includes('')) reply.callNotFound();
    else done();
  });

  app.addHook('onResponse', (request, reply, done) => {
    const took = request.elapsed();
    const status = reply.statusCode;
    const path = pathOf(request);
    const quiet = path === '/_status' || path === '/metrics';
    const level = status >= 500 ? 'warn' : quiet ? 'debug' : 'info';
    // The path without its query: a search can hold a recipient.
    log[level](
      { requestId: request.traceId, ...request.logFields },
      `${request.method} ${loggedPath(path)} ${status} took ${(took / 1000).toFixed(5)}`,
    );
    const stat = [request.method, request.routeOptions.config.handler, status].filter(Boolean).join('.');
    metrics.count(stat);
    metrics.timing(stat, took);
    done();
  });

  app.setErrorHandler(async (error: unknown, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500)
      log.error(
        { err: error, requestId: request.traceId },
        `${request.method} ${loggedPath(pathOf(request))} failed`,
      );
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type('application/json')
      .send(envelope(problem, pathOf(request)));
  });

  app.setNotFoundHandler(async (request, reply) => {
    const path = pathOf(request);
    const allowed = allowedAt(path);
    if (allowed.length === 0) return sendNotFound(reply);
    return reply
      .code(405)
      .header('Allow', allowed.join(', '))
      .type('application/json')
      .send(plainError(methodNotAllowed));
  });

  return app;
}

/** There is nothing at this path: always in the old envelope (spec 01, section 6). */
export function sendNotFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).type('application/json').send(plainError(notFound));
}

/** The paths of a route: a parameter takes one part of the path, where it says what then only that (`:n(^\\d+$)`). */
function patternOf(url: string): RegExp {
  const parts = url.split(/(:[a-z_]+(?:\([^)]*\))?)/i).map((part, index) => {
    if (index % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return /\(\^(.*)\$\)$/.exec(part)?.[1] ?? '[^/]+';
  });
  return new RegExp(`^${parts.join('')}$`);
}

function begin(request: FastifyRequest, reply: FastifyReply): void {
  request.elapsed = stopwatch();
  request.traceId = traceIdOf(request);
  reply.headers(fixedHeaders);
  reply.header('X-B3-TraceId', request.traceId);
  reply.header('X-B3-SpanId', headerOf(request, 'x-b3-spanid') ?? `self-${randomHex(8)}`);
}

/** Most time that requests under way get when the server closes. */
const closingMilliseconds = 2000;

/** Takes no more connections, lets requests under way finish, and closes connections as they fall idle. */
export async function closeServer(app: FastifyInstance): Promise<void> {
  const closed = app.close();
  // A connection whose request was under way when the closing began would stay open until its keep-alive ends.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  const limit = setTimeout(() => app.server.closeAllConnections(), closingMilliseconds);
  await closed.finally(() => {
    clearInterval(sweep);
    clearTimeout(limit);
  });
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = refusedByServer(error);
  if (status === null && isUnreachable(error)) return unavailable();
  if (status === 413)
    return new Problem(413, [
      {
        error: 'BadRequestError',
        message: `The request is too large: at most ${bodyLimit} bytes are taken.`,
      },
    ]);
  if (status !== null)
    return new Problem(400, [{ error: 'BadRequestError', message: 'The request could not be read.' }]);
  return new Problem(500, [{ error: 'InternalServerError', message: 'Internal server error' }]);
}

/**
 * The status of what Fastify itself refuses: a body that is too large, a transfer that the caller broke off. A status
 * on any other error was meant for us, not for our caller.
 */
function refusedByServer(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { statusCode, code = '' } = error as { statusCode?: number; code?: string };
  const ours = String(code).startsWith('FST_') || code === 'ECONNRESET';
  return ours && statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : null;
}

export function pathOf(request: FastifyRequest): string {
  const question = request.url.indexOf('?');
  return question === -1 ? request.url : request.url.slice(0, question);
}

/** The path for a log line. What stands below `/d/` is the key of a document: whoever reads the log could open it. */
function loggedPath(path: string): string {
  // The router decodes letters, and takes a whole URL in place of a path.
  const plain = path.replace(/%64|%44/g, 'd').replace(/%2f/gi, '/');
  return /\/d\//i.test(plain) ? '/d/…' : path;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined || first === '' ? undefined : first;
}

/** First of the tracing headers that is given, kept to what a header and a log line may hold; else a new id. */
function traceIdOf(request: FastifyRequest): string {
  for (const name of ['x-b3-traceid', 'x-amz-cf-id', 'x-amzn-trace-id']) {
    const value = headerOf(request, name);
    if (value !== undefined) return value.slice(0, 128);
  }
  return randomHex(16);
}

/**
 * Base URL of the API as the caller sees it, without a slash at the end. A request can say anything of its host and
 * protocol: what is none does not get into an address.
 */
export function baseUrl(request: FastifyRequest, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl;
  const hosts = [request.host, request.headers.host ?? ''];
  const host = hosts.find((one) => /^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i.test(one)) ?? 'localhost';
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`;
}
