import { createHash } from 'node:crypto';
import { Html, html } from '../../ground/html.ts';
import { field, fieldList, typeOf } from './docs-fields.ts';
import { docsScript } from './docs-script.ts';
import { docsStyle } from './docs-style.ts';
import { codeBlock, prose } from './docs-text.ts';
import type { OpenApi, Operation, Response } from './openapi.ts';

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but our own style sheet and our own script. */
export const docsPolicy = [
  "default-src 'none'",
  `style-src ${hashOf(docsStyle)}`,
  `script-src ${hashOf(docsScript)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

type Route = Readonly<{ method: string; path: string; operation: Operation }>;
type Part = Readonly<{ name: string; id: string; description: string; routes: readonly Route[] }>;

/** The page at /docs: the OpenAPI document for people. */
export function docsPage(document: OpenApi): string {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const parts = document.tags.map(({ name, description }) => ({
    name,
    description,
    id: name.toLowerCase().replaceAll(' ', '-'),
    routes: routes.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const { info, components } = document;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} API</title>
<style>${new Html(docsStyle)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<div class="page">
<header><h1>${info.title} API</h1>
<p class="quiet">The same for programs, as OpenAPI 3.1: <a href="spec">/spec</a></p></header>
<nav aria-label="Contents"><details open><summary>Contents</summary>${contents(parts)}</details></nav>
<main id="main">
<section id="about"><h2>About</h2>${prose(info.description)}
<p>Address: <code>${document.servers[0]?.url ?? ''}</code></p>
<p>In the examples, put what is yours in place of what stands in braces, such as <code>{sms_template_id}</code>.</p></section>
<section id="authentication"><h2>Authentication</h2>${['apiKey', 'admin'].map((scheme) =>
    prose(String(components.securitySchemes[scheme]?.['description'])),
  )}</section>
${parts.map(part)}
<section id="headers"><h2>Headers of answers</h2><dl class="fields">${Object.entries(components.headers).map(
    ([name, header]) =>
      field(name, { description: header['description'], ...(header['schema'] as object) }, false),
  )}</dl></section>
<section id="schemas"><h2>Schemas</h2>${Object.entries(components.schemas).map(
    ([name, schema]) =>
      html`<article class="route" id="schema-${name}"><h3>${name}</h3>${
        schema['description'] ? prose(String(schema['description'])) : null
      }${fieldList(schema)}</article>`,
  )}</section>
</main>
</div>
<script>${new Html(docsScript)}</script>
</body>
</html>
`.text;
}

function contents(parts: readonly Part[]): Html {
  const fixed = (id: string, name: string) => html`<li><a class="part" href="#${id}">${name}</a></li>`;
  return html`<ul>${fixed('about', 'About')}${fixed('authentication', 'Authentication')}${parts.map(
    ({ id, name, routes }) =>
      html`<li><a class="part" href="#${id}">${name}</a><ul>${routes.map(
        ({ method, operation }) =>
          html`<li><a href="#${operation.operationId}"><span class="method ${method}">${method.toUpperCase()}</span> ${operation.summary}</a></li>`,
      )}</ul></li>`,
  )}${fixed('headers', 'Headers of answers')}${fixed('schemas', 'Schemas')}</ul>`;
}

function part({ name, id, description, routes }: Part): Html {
  return html`<section id="${id}"><h2>${name}</h2>${prose(description)}${routes.map(route)}</section>`;
}

function route({ method, path, operation }: Route): Html {
  const { parameters = [], requestBody, responses } = operation;
  const [bodyType, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const bodySchema = body?.schema ?? {};
  return html`<article class="route" id="${operation.operationId}">
<h3>${operation.summary}</h3>
<p class="address"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></p>
${operation.description ? prose(operation.description) : null}
${operation.security.length === 0 ? html`<p class="quiet">Needs no API key.</p>` : null}
${(['path', 'query', 'header'] as const).map((where) => {
  const own = parameters.filter((parameter) => parameter.in === where);
  if (own.length === 0) return html``;
  const title = { path: 'In the path', query: 'In the query', header: 'Request headers' }[where];
  return html`<h4>${title}</h4><dl class="fields">${own.map(
    ({ name, description, schema, required = false }) =>
      field(name, { ...schema, ...(description && { description }) }, required),
  )}</dl>`;
})}
${
  requestBody && bodyType === 'application/json'
    ? html`<h4>Body${requestBody.required ? '' : ' (may be left out)'}</h4>${
        fieldList(bodySchema) ?? html`<p>${typeOf(bodySchema)}</p>`
      }`
    : null
}
${(operation['x-codeSamples'] ?? []).map(({ label, source }) => html`<h4>${label}</h4>${codeBlock(source)}`)}
<h4>Answers</h4><dl class="fields">${Object.entries(responses).map(([status, response]) => answer(status, response))}</dl>
</article>`;
}

function answer(status: string, { description, headers = {}, content = {} }: Response): Html {
  const [type, media] = Object.entries(content)[0] ?? [];
  const shape = media?.schema
    ? (fieldList(media.schema) ?? html`<p class="type">${typeOf(media.schema)}</p>`)
    : null;
  const names = Object.keys(headers);
  return html`<div><dt><span class="status">${status}</span></dt><dd>${prose(description)}${
    type !== undefined && type !== 'application/json' ? html`<p class="type">${type}</p>` : null
  }${shape}${
    names.length > 0 ? html`<p class="rules">With ${headerNames(names)}.</p>` : null
  }${media?.example === undefined ? null : html`<pre tabindex="0"><code>${JSON.stringify(media.example, null, 2)}</code></pre>`}</dd></div>`;
}

function headerNames(names: readonly string[]): Html {
  return html`${names.map((name, index) => html`${index === 0 ? '' : ', '}<code>${name}</code>`)}`;
}
