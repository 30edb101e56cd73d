import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { stopwatch } from '../../ground/clock.ts';
import { parseUuid, randomHex } from '../../ground/id.ts';
import { jsonExcess, numberSource, parseLossless } from '../../ground/json.ts';
import { badRequest } from '../../ground/problem.ts';
import { readUtf8 } from '../../ground/text.ts';
import type { Node } from '../validate/check.ts';
import { pageLinks } from '../validate/shapes.ts';
import { plainError } from './error-format.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** `X-B3-TraceId` of the request, or one made for it; in every log line and task that results from it. */
    traceId: string;
    /** What its tasks carry: that id and, while traces are on, its span (ground/traces.ts). */
    carriedId: string;
    elapsed: () => number;
    /** `routeOptions`, which are made anew at each reading. */
    route: FastifyRequest['routeOptions'];
    /** The service that called, once its token is verified. */
    serviceId?: string;
    /** Who called, for the log line of the request: ids only. */
    logFields?: Readonly<Record<string, unknown>>;
  }
}

/** On every answer (spec 01, section 6). Fastify writes names in lower case, and takes as long again for any other. */
const fixedHeaders = Object.freeze({
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'Content-Type,Authorization',
  'access-control-allow-methods': 'GET,PUT,POST,DELETE',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'cache-control': 'no-store, no-cache, private, must-revalidate',
});

const notFound =
  'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.';

/** What every request gets before anything else: a stopwatch, a trace id and the fixed headers of its answer. */
export function beginRequest(request: FastifyRequest, reply: FastifyReply): void {
  request.elapsed = stopwatch();
  request.traceId = traceIdOf(request);
  request.carriedId = request.traceId;
  reply.headers(fixedHeaders);
  request.route = request.routeOptions;
  if (request.route.config?.sameOrigin) withoutCors(reply);
  reply.header('x-b3-traceid', request.traceId);
  reply.header('x-b3-spanid', idIn(request, 'x-b3-spanid') ?? `self-${randomHex(8)}`);
}

/** Pages of other sites may not read the answer. */
export function withoutCors(reply: FastifyReply): void {
  for (const name of ['origin', 'headers', 'methods']) reply.removeHeader(`access-control-allow-${name}`);
}

/** Aborted when the caller closes the connection without waiting for the answer (and after the answer). */
export function callerLeaves(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  if (reply.raw.destroyed) left.abort();
  else reply.raw.once('close', () => left.abort());
  return left.signal;
}

/** 409: the request changes an earlier version than the present one, which is `data`. */
export function sendStale(
  reply: FastifyReply,
  what: string,
  data: Readonly<{ version: number }>,
): FastifyReply {
  const message = `Somebody else has changed this ${what}: it is now at version ${data.version}. Make your change to that version.`;
  return reply
    .code(409)
    .type('application/json')
    .send(JSON.stringify({ result: 'error', message, data }));
}

/** Clients that a process counts by name; anybody can name further ones. */
const mostAgents = 100;
const longestPart = 60;

/**
 * Names the stat of a request's client: `user-agent.<client>.<version>` of clients that begin with `notify` (spec 06,
 * section 4.3). After 100 different ones, further ones are `user-agent.other`.
 */
export function createAgentNames(): (userAgent: string | undefined) => string {
  const names = new Set<string>();
  return (userAgent) => {
    if (!userAgent) return 'user-agent.unknown';
    if (!/^notify/i.test(userAgent)) return 'user-agent.non-notify-user-agent';
    const [client = '', version = ''] = userAgent
      .split('/', 2)
      .map((part) => part.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, longestPart));
    const name = `user-agent.${client.toLowerCase()}.${version || 'unknown'}`;
    if (!names.has(name)) {
      if (names.size >= mostAgents) return 'user-agent.other';
      names.add(name);
    }
    return name;
  };
}

/** There is nothing at this path: always in the old envelope (spec 01, section 6). */
export function sendNotFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).type('application/json').send(plainError(notFound));
}

export function pathOf(request: FastifyRequest): string {
  const question = request.url.indexOf('?');
  return question === -1 ? request.url : request.url.slice(0, question);
}

/** Parameters of paths with values that say nothing of a person. */
const harmless = /^(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\d{1,9}|sms|email|letter)$/i;
/** The paths of routes in pieces: what is fixed, and in every second place the name of a parameter. */
const piecesOfRoutes = new Map<string, readonly string[]>();

/**
 * The path for a log line. It shows what the route itself has, ids and numbers: whatever else is in a path may open a
 * document, unsubscribe a recipient, accept an invitation, or be an address that somebody put there. `words`: what a
 * path to which there is no route may be shown to have.
 */
export function loggedPath(request: FastifyRequest, words: ReadonlySet<string>): string {
  const { url } = request.route;
  const shown = (part: string) => (harmless.test(part) ? part : '…');
  if (url === undefined || request.is404)
    return pathOf(request)
      .split('/', mostParts)
      .map((part) => (words.has(part) ? part : shown(part)))
      .join('/');
  let pieces = piecesOfRoutes.get(url);
  if (!pieces) {
    pieces = url.split(/:([a-z_]+)(?:\([^)]*\))?|(\*)/i).filter((piece) => piece !== undefined);
    piecesOfRoutes.set(url, pieces);
  }
  if (pieces.length === 1) return url;
  const params = request.params as Readonly<Record<string, unknown>>;
  return pieces.map((piece, index) => (index % 2 === 0 ? piece : shown(String(params[piece])))).join('');
}

/** Parts of a path without a route that are shown. */
const mostParts = 12;

/** What a request says of where it was sent. */
type Origin = Pick<FastifyRequest, 'host' | 'headers' | 'protocol'>;

/**
 * Base URL of the API as the caller sees it, without a trailing slash. A request can claim any host and protocol:
 * malformed hosts are ignored.
 */
export function baseUrl(request: Origin, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl;
  const hosts = [request.host, request.headers.host ?? ''];
  const host = hosts.find((one) => /^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i.test(one)) ?? 'localhost';
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined || first === '' ? undefined : first;
}

/** An id for logs: it cannot end a line, steer a terminal, or be an address. */
function idIn(request: FastifyRequest, name: string): string | undefined {
  const value = headerOf(request, name)?.slice(0, 128);
  return value !== undefined && /^[\w.:;=+/-]+$/.test(value) ? value : undefined;
}

/** The first tracing header that holds an id, else the trace of `traceparent` (W3C), else a new id. */
function traceIdOf(request: FastifyRequest): string {
  for (const name of ['x-b3-traceid', 'x-amz-cf-id', 'x-amzn-trace-id']) {
    const value = idIn(request, name);
    if (value !== undefined) return value;
  }
  return /^[\da-f]{2}-([\da-f]{32})-/.exec(headerOf(request, 'traceparent') ?? '')?.[1] ?? randomHex(16);
}

/** The body, the query and the path of a request as documents that can be checked against a schema. */

/**
 * The JSON document of a request, whatever its content type (spec 01, section 3.2). A falsy document counts as `{}`.
 * Throws a Problem for a body that is nested too deeply or has too many values, and one with the text `malformed` for one that is not JSON in
 * UTF-8. `mostValues`: more than usual, where lists are long.
 */
export function readJson(body: unknown, malformed: string, mostValues?: number): unknown {
  let document: unknown;
  const text = Buffer.isBuffer(body) ? readUtf8(body) : '';
  if (text === null) throw badRequest(malformed);
  const excess = jsonExcess(text, mostValues);
  if (excess !== null) throw badRequest(excess);
  try {
    document = parseLossless(text);
  } catch {
    throw badRequest(malformed);
  }
  const isEmptyList = Array.isArray(document) && document.length === 0;
  return !document || isEmptyList || isZero(document) ? {} : document;
}

/** A zero written with a fraction or a sign, which `parseLossless` keeps as its source text. */
function isZero(document: unknown): boolean {
  return numberSource(document) !== null && Number(numberSource(document)) === 0;
}

/** The parameters of a URL as the caller gave them, in their order. */
export function queryParameters(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question === -1 ? '' : url.slice(question + 1));
}

/**
 * `links` of a page of the list at `path`, with the parameters of the request (spec 01, section 3.8). `last`: id of the
 * page's last item, undefined when the page is empty.
 */
export function linksOf(
  request: Origin & Pick<FastifyRequest, 'url'>,
  publicUrl: string | null,
  path: string,
  last: string | undefined,
): ReturnType<typeof pageLinks> {
  return pageLinks(`${baseUrl(request, publicUrl)}${path}`, queryParameters(request.url), last);
}

/** Every value of a parameter that is a list in the schema, the first one of any other (spec 01, section 3.8). */
export function queryDocument(schema: TSchema, parameters: URLSearchParams): Record<string, unknown> {
  const { properties = {} } = schema as unknown as Node;
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => {
      const node = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (node?.type === 'array')
        return [name, parameters.getAll(name).map((text) => convert(node.items ?? {}, text))];
      return [name, convert(node ?? {}, parameters.get(name)!)];
    }),
  );
}

/** The parameters of a path, under the names that errors use (`errorName`). */
export function pathDocument(
  schema: TSchema,
  params: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const { properties = {} } = schema as unknown as Node;
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => [name, convert(properties[name] ?? {}, text)]),
  );
}

const trueTexts: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const falseTexts: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);
const furthest = Number.MAX_SAFE_INTEGER;

/** A text converted to the type of its schema; one that does not convert stays a text, which the check then refuses. */
function convert({ type, format }: Node, text: string): unknown {
  if (format === 'uuid') return parseUuid(text) ?? text;
  if (type === 'integer')
    return /^\s*[+-]?\d+\s*$/.test(text) ? Math.max(-furthest, Math.min(Number(text), furthest)) : text;
  if (type === 'boolean') {
    if (trueTexts.has(text)) return true;
    return falseTexts.has(text) ? false : text;
  }
  return text;
}
