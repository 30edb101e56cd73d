import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineRoute } from '../server/define-route.ts';
import { baseUrl, sendNotFound } from '../server/request.ts';
import type { MountedRoute } from '../server/server.ts';
import { openApiOf } from './openapi.ts';

export type DocsDeps = Readonly<{
  specification: Specification;
  files: DocsFiles;
  /** null: the address that the caller used. */
  publicUrl: string | null;
}>;

/** Stands for the address of the API in the document, which is built once. */
const anyBase = 'https://api.despatch.invalid';

/** The OpenAPI document as JSON, for an address of the API. */
export type Specification = (base: string) => string;

/** The document of `routes`, built when it is first needed. */
export function createSpecification(routes: readonly MountedRoute[]): Specification {
  let text: string | undefined;
  return (base) => {
    text ??= JSON.stringify(openApiOf(routes, anyBase));
    const shown = JSON.stringify(base).slice(1, -1);
    return text.replaceAll(anyBase, () => shown);
  };
}

/** What the page loads. `folder` changes with the files, so that browsers may keep them. */
export type DocsFiles = Readonly<{
  folder: string;
  byName: ReadonlyMap<string, Readonly<{ content: Buffer; contentType: string }>>;
}>;

/** Reads Swagger UI from its package, and our initializer. */
export function readDocsFiles(): DocsFiles {
  const script = 'text/javascript; charset=utf-8';
  const files = [
    [import.meta.resolve('swagger-ui-dist/swagger-ui.css'), 'text/css; charset=utf-8'],
    [import.meta.resolve('swagger-ui-dist/swagger-ui-bundle.js'), script],
    [import.meta.resolve('swagger-ui-dist/favicon-32x32.png'), 'image/png'],
    [import.meta.resolve('./swagger-initializer.js'), script],
  ] as const;
  const hash = createHash('sha256');
  const byName = new Map(
    files.map(([url, contentType]) => {
      const name = url.slice(url.lastIndexOf('/') + 1);
      const content = readFileSync(fileURLToPath(url));
      hash.update(content);
      return [name, { content, contentType }];
    }),
  );
  return { folder: hash.digest('hex').slice(0, 16), byName };
}

/** Scripts only from here, nothing from another host. Swagger UI sets styles of elements, which counts as inline. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The addresses are relative to `/docs`, because a proxy may put a path in front. */
const page = (folder: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Despatch API</title>
<link rel="icon" href="docs/${folder}/favicon-32x32.png">
<link rel="stylesheet" href="docs/${folder}/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. The OpenAPI document is at <a href="spec">/spec</a>.</noscript>
<div id="swagger-ui"></div>
<script src="docs/${folder}/swagger-ui-bundle.js"></script>
<script src="docs/${folder}/swagger-initializer.js"></script>
</body>
</html>
`;

const showSpec = (path: '/spec' | '/spec.json') =>
  defineRoute({
    method: 'GET',
    path,
    authentication: 'none',
    handlerName: 'docs.show_spec',
    summary: null,
    handler({ specification, publicUrl }: DocsDeps, request, reply) {
      reply.type('application/json').send(specification(baseUrl(request, publicUrl)));
    },
  });

const showDocs = defineRoute({
  method: 'GET',
  path: '/docs',
  authentication: 'none',
  handlerName: 'docs.show_docs',
  summary: null,
  handler({ files }: DocsDeps, _request, reply) {
    reply
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', pagePolicy)
      .send(page(files.folder));
  },
});

const showFile = defineRoute({
  method: 'GET',
  path: '/docs/:folder/:file',
  authentication: 'none',
  handlerName: 'docs.show_file',
  summary: null,
  handler({ files }: DocsDeps, request, reply) {
    const { folder, file } = request.params as { folder: string; file: string };
    const found = folder === files.folder ? files.byName.get(file) : undefined;
    if (!found) return sendNotFound(reply);
    return reply
      .type(found.contentType)
      .header('Cache-Control', 'public, max-age=31536000, immutable')
      .send(found.content);
  },
});

/**
 * The API documents itself: `/spec` (also `/spec.json`) is an OpenAPI 3.1 document of every route with a summary, and
 * `/docs` shows it with Swagger UI.
 */
export const docsRoutes = [showSpec('/spec'), showSpec('/spec.json'), showDocs, showFile];
