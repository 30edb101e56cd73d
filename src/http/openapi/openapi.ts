import type { Answer, Tag } from '../server/define-route.ts';
import type { ErrorFormat } from '../server/error-format.ts';
import type { MountedRoute } from '../server/server.ts';
import {
  allAnswers,
  type DocumentedRoute,
  errorSchemas,
  headerObjects,
  headersOf,
  headersTaken,
} from './answers.ts';
import { adminTokenText, examplePath, type Sample, samplesOf, tokenText } from './samples.ts';
import { createSchemaTranslator, type JsonSchema, propertiesOf, type SchemaTranslator } from './schema.ts';

export type Parameter = Readonly<{
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: JsonSchema;
}>;
export type Media = Readonly<{ schema?: JsonSchema; example?: unknown }>;
export type Response = Readonly<{
  description: string;
  headers?: Readonly<Record<string, JsonSchema>>;
  content?: Readonly<Record<string, Media>>;
}>;
export type Operation = Readonly<{
  operationId: string;
  summary: string;
  description?: string;
  tags: readonly string[];
  security: readonly object[];
  parameters?: readonly Parameter[];
  requestBody?: Readonly<{ required: boolean; content: Readonly<Record<string, Media>> }>;
  responses: Readonly<Record<string, Response>>;
  /** Path and query of the example call; the caller's own values are names in braces. */
  'x-example-path': string;
  'x-codeSamples'?: readonly Sample[];
}>;

/** An OpenAPI 3.1 document, with the parts that we use. */
export type OpenApi = Readonly<{
  openapi: string;
  info: Readonly<{ title: string; version: string; description: string }>;
  servers: readonly { url: string }[];
  tags: readonly { name: string; description: string }[];
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{
    securitySchemes: Readonly<Record<string, JsonSchema>>;
    headers: Readonly<Record<string, JsonSchema>>;
    schemas: Readonly<Record<string, JsonSchema>>;
  }>;
}>;

/** The sections of the document, in order. */
const tags: Readonly<Record<Tag, string>> = {
  Sending: 'Send a message from a template to one recipient.',
  Reading: 'Look up messages and what happened to them.',
  Templates: 'The templates of the service.',
  'Received texts': 'Text messages that people sent to the service.',
  Files: 'Files that recipients download.',
  Suppressions: 'Recipients who unsubscribed, complained or cannot be reached, and the link to unsubscribe.',
  'Version 1': 'The older API, for clients that still use it. Its errors have the form `Error`.',
  Callbacks: 'The log of the callbacks sent to your service, and their replay.',
  Status: 'For operators of the platform.',
  'Provider receipts': 'Where providers report the outcome of messages. Not for services.',
  Administration: 'For the admin client, which has a token of its own.',
};
const order = Object.keys(tags);

const about = `Despatch sends templated emails and text messages on behalf of services, and reports the outcome of each.

The API is compatible with that of GOV.UK Notify: its official clients work unchanged. Requests and responses are JSON in UTF-8; the content type of a request does not matter. Times are in UTC.

Every response has an \`X-B3-TraceId\`, taken from the request or generated, which appears in the log lines of the request and its message.`;

/** One operation of the document. `url` is the path without the patterns of its parameters. */
type Described = Readonly<{ method: string; url: string; route: DocumentedRoute; errors: ErrorFormat }>;

/** The document of all routes that have a summary. `base`: the address of the API, without a trailing slash. */
export function openApiOf(routes: readonly MountedRoute[], base: string): OpenApi {
  const schemas = createSchemaTranslator();
  const paths: Record<string, Record<string, Operation>> = {};
  const described = routes
    .filter(isDocumented)
    .map(({ route, errors }) => ({
      // All methods of a route do the same; the first one is documented.
      method: [route.method].flat()[0] ?? 'GET',
      url: route.path.replace(/\([^)]*\)/g, ''),
      route,
      errors,
    }))
    .sort((a, b) => order.indexOf(a.route.tag) - order.indexOf(b.route.tag));
  for (const one of described) {
    const path = one.url.replace(/:([a-z_]+)/gi, '{$1}');
    paths[path] ??= {};
    paths[path][one.method.toLowerCase()] = operationOf(one, base, schemas);
  }
  const used = new Set<string>(described.map(({ route }) => route.tag));
  return {
    openapi: '3.1.0',
    info: { title: 'Despatch', version: '2', description: about },
    servers: [{ url: base }],
    tags: Object.entries(tags)
      .filter(([name]) => used.has(name))
      .map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: tokenText },
        admin: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: adminTokenText },
      },
      headers: headerObjects,
      schemas: { ...schemas.named, ...errorSchemas },
    },
  };
}

function isDocumented(mounted: MountedRoute): mounted is MountedRoute & Readonly<{ route: DocumentedRoute }> {
  return mounted.route.summary !== null;
}

function securityOf({ authentication }: DocumentedRoute): readonly object[] {
  if (authentication === 'admin') return [{ admin: [] }];
  return authentication === 'service key' ? [{ apiKey: [] }] : [];
}

function operationOf(described: Described, base: string, schemas: SchemaTranslator): Operation {
  const { method, url, route } = described;
  const body = route.body ?? route.rawBody?.schema;
  const bodyType = route.rawBody?.contentType ?? 'application/json';
  const parameters = parametersOf(method, url, route, schemas);
  const samples = samplesOf(method, url, base, route);
  return {
    operationId: `${method.toLowerCase()}${url.replace(/[^a-z0-9]+/gi, '_')}`,
    summary: route.summary,
    ...(route.description && { description: route.description }),
    tags: [route.tag],
    security: securityOf(route),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: !route.bodyOptional,
        content: {
          [bodyType]: {
            schema: schemas.translate(body),
            ...(route.example !== undefined && { example: route.example }),
          },
        },
      },
    }),
    responses: Object.fromEntries(
      [...allAnswers(method, url, route)].map(([status, answer]) => [
        status,
        responseOf(status, answer, headersOf(status, method, route), described.errors, schemas),
      ]),
    ),
    'x-example-path': examplePath(url, route),
    ...(samples.length > 0 && { 'x-codeSamples': samples }),
  };
}

function parametersOf(
  method: string,
  url: string,
  route: DocumentedRoute,
  { translate }: SchemaTranslator,
): Parameter[] {
  const parameter = (
    where: Parameter['in'],
    name: string,
    schema: JsonSchema,
    required: boolean,
  ): Parameter => {
    const { description, ...rest } = schema;
    return {
      name,
      in: where,
      ...(required && { required }),
      ...(typeof description === 'string' && { description }),
      schema: rest,
    };
  };
  const params = propertiesOf(route.params && translate(route.params));
  const inPath = [...url.matchAll(/:([a-z_]+)/gi)].map(([, name = '']) =>
    parameter('path', name, params[name] ?? { type: 'string' }, true),
  );
  const documented = route.query ?? route.rawQuery;
  const query = documented && translate(documented);
  const required = (query?.['required'] ?? []) as readonly string[];
  const inQuery = Object.entries(propertiesOf(query)).map(([name, schema]) =>
    parameter('query', name, schema, required.includes(name)),
  );
  const inHeaders = Object.entries(headersTaken(method, route)).map(([name, schema]) =>
    parameter('header', name, translate(schema), false),
  );
  return [...inPath, ...inQuery, ...inHeaders];
}

function responseOf(
  status: number,
  { description, schema, contentType = 'application/json', example }: Answer,
  headers: readonly string[],
  errors: ErrorFormat,
  { translate }: SchemaTranslator,
): Response {
  const isError = status >= 400 && !schema && contentType === 'application/json';
  const shown = isError ? errorSchema(errors.schemas(status)) : schema && translate(schema);
  return {
    description,
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    }),
    ...((shown || contentType !== 'application/json') && {
      content: {
        [contentType]: { ...(shown && { schema: shown }), ...(example !== undefined && { example }) },
      },
    }),
  };
}

function errorSchema(names: readonly string[]): JsonSchema {
  const references = names.map((name) => ({ $ref: `#/components/schemas/${name}` }));
  return references.length === 1 ? references[0]! : { anyOf: references };
}
