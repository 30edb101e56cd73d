import multipart from '@fastify/multipart';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { ApiLine } from './api.ts';
import type { Assets } from './assets.ts';
import { mostFormBytes } from './form.ts';
import { securityHeaders } from './headers.ts';
import { createStreams } from './live.ts';
import type { Page, Site } from './page.ts';
import { createPeople } from './people.ts';
import { type ServeDeps, serve } from './serve.ts';
import { cookiesOf } from './session.ts';

export type WebDeps = Readonly<{
  pages: readonly Page[];
  site: Site;
  assets: Assets;
  line: ApiLine;
  /** Seals cookies and what travels in addresses. */
  cipher: Cipher;
  clock: Clock;
  log: Log;
}>;

export type WebServer = Readonly<{ app: FastifyInstance; stop: () => Promise<void> }>;

const mostFileBytes = 11 * 1024 * 1024;

/**
 * The server of the pages: hosts that are ours only, headers of security on every answer, forms and files, one log line
 * per request that names the page and never what was asked for (spec 07, sections 2 and 13).
 */
export function createWebServer(deps: WebDeps): WebServer {
  const { pages, site, assets, log } = deps;
  const isSecure = site.baseUrl.startsWith('https:');
  const headers = securityHeaders(isSecure);
  const streams = createStreams();
  const serveDeps: ServeDeps = {
    ...deps,
    cookies: cookiesOf(site.baseUrl),
    people: createPeople(deps.clock),
    streams,
  };
  const app = fastify({
    logger: false,
    // A proxy on this machine or network says who the reader is; anybody else is who they are.
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    bodyLimit: mostFormBytes,
    requestTimeout: 300_000,
    http: { headersTimeout: 20_000 },
    routerOptions: { maxParamLength: 4000 },
    forceCloseConnections: true,
    frameworkErrors: (_error, _request, reply) => {
      (reply as FastifyReply).code(404).headers(headers).type('text/plain').send('Page not found\n');
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: mostFormBytes },
    (_request, body, done) => done(null, body),
  );
  app.register(multipart, {
    limits: { fileSize: mostFileBytes, files: 1, fields: 50, parts: 51, fieldSize: 100_000, headerPairs: 50 },
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers);
    if (!isOurHost(request.headers.host, site.baseUrl))
      return reply.code(421).type('text/plain').send(`These pages are at ${site.baseUrl}\n`);
  });
  app.addHook('onResponse', async (request, reply) => {
    // The pattern of the path, since a path can hold a token.
    const path = request.routeOptions.url ?? 'no page';
    log[reply.statusCode >= 500 ? 'warn' : 'info'](
      `${request.method} ${path} ${reply.statusCode} took ${(reply.elapsedTime / 1000).toFixed(5)}`,
    );
  });

  app.get('/assets/:name', async (request, reply) => sendAsset(assets, request, reply));
  app.get('/_status', async (_request, reply) => reply.type('application/json').send({ status: 'ok' }));
  for (const page of pages) {
    const { path } = page;
    if (page.get) app.get(path, (request, reply) => serve(serveDeps, page, request, reply));
    if (page.post || page.receive) app.post(path, (request, reply) => serve(serveDeps, page, request, reply));
  }
  app.setNotFoundHandler((request, reply) => serve(serveDeps, null, request, reply));
  app.setErrorHandler(async (error, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500)
      log.error({ err: error }, `${request.method} ${request.routeOptions.url ?? ''} failed`);
    const text =
      status === 413
        ? 'This is too large.'
        : status < 500
          ? 'The request could not be read.'
          : 'Something went wrong.';
    return reply.code(status).type('text/plain').send(`${text}\n`);
  });
  return {
    app,
    async stop() {
      streams.stop();
      await app.close();
      await deps.line.close();
    },
  };
}

function isOurHost(host: string | undefined, baseUrl: string): boolean {
  if (host === undefined) return false;
  if (host === new URL(baseUrl).host) return true;
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

function sendAsset(assets: Assets, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asset = assets.at(`/assets/${(request.params as { name: string }).name}`);
  if (!asset) return reply.code(404).type('text/plain').send('There is no such file\n');
  const accepted = String(request.headers['accept-encoding'] ?? '');
  reply
    .header('Cache-Control', 'public, max-age=31536000, immutable')
    .header('Vary', 'Accept-Encoding')
    .type(asset.type);
  if (/\bbr\b/.test(accepted)) return reply.header('Content-Encoding', 'br').send(asset.brotli);
  if (/\bgzip\b/.test(accepted)) return reply.header('Content-Encoding', 'gzip').send(asset.gzip);
  return reply.send(asset.plain);
}
