import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { html } from '../../ground/html.ts';
import { baseUrl } from '../server/server.ts';
import { docsPage, docsPolicy } from './docs-page.ts';
import { type DescribedRoute, openApiOf } from './openapi.ts';

/** Stands for the address of the API in what is built once, until a request says what it is. */
const anyBase = 'https://api.despatch.invalid';

/**
 * The public API, told: `/spec` (also `/spec.json`) for programs, an OpenAPI 3.1 document of every route that describes
 * itself, and `/docs` for people. Register it before the routes that it shall tell of.
 */
export function docsRoutes(
  app: FastifyInstance,
  { publicUrl }: Readonly<{ publicUrl: string | null }>,
): void {
  const routes: DescribedRoute[] = [];
  app.addHook('onRoute', ({ method, url, config }: RouteOptions) => {
    const describe = config?.describe;
    if (!describe) return;
    // Several methods of one route do the same: the first is told. HEAD is as GET, and needs no telling.
    const [one = 'GET'] = [method].flat();
    if (one !== 'HEAD') routes.push({ method: one, url: url.replace(/\([^)]*\)/g, ''), describe });
  });

  let spec = '';
  let page = '';
  app.addHook('onReady', async () => {
    const document = openApiOf(routes, anyBase);
    spec = JSON.stringify(document);
    page = docsPage(document);
  });

  const base = (request: FastifyRequest) => baseUrl(request, publicUrl);
  const sendSpec = (request: FastifyRequest, reply: FastifyReply) => {
    const shown = JSON.stringify(base(request)).slice(1, -1);
    return reply.type('application/json').send(spec.replaceAll(anyBase, () => shown));
  };
  for (const url of ['/spec', '/spec.json'])
    app.get(url, { config: { handler: 'docs.show_spec' } }, async (request, reply) =>
      sendSpec(request, reply),
    );
  app.get('/docs', { config: { handler: 'docs.show_docs' } }, async (request, reply) => {
    const shown = html`${base(request)}`.text;
    return reply
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', docsPolicy)
      .send(page.replaceAll(anyBase, () => shown));
  });
}
