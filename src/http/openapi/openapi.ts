import { allAnswers, envelopeOf, errorSchemas, headerObjects, headersOf } from './answers.ts';
import type { Answer, Description } from './describe.ts';
import { examplePath, type Sample, samplesOf } from './sample.ts';
import { createSchemaTranslator, type JsonSchema, type SchemaTranslator } from './schema.ts';
import { adminTokenText, tokenText } from './token-text.ts';

/** A route that describes itself. */
export type DescribedRoute = Readonly<{ method: string; url: string; describe: Description }>;

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
  /** Path and query of the example call; what is the caller's own stands in braces. */
  'x-example-path': string;
  'x-codeSamples'?: readonly Sample[];
}>;

/** An OpenAPI 3.1 document, as far as we write one. */
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

/** The parts of the API, in the order in which they are told. */
const tags: Readonly<Record<Description['tag'], string>> = {
  Sending: 'Messages from a template to one recipient each.',
  Reading: 'What became of messages.',
  Templates: 'The templates of the service.',
  'Received texts': 'Text messages that people sent to the service.',
  Files: 'Files that recipients download.',
  'Version 1': 'The older API, for the clients that still speak it. Its errors are of the form `Error`.',
  Callbacks: 'What your service was told of its messages, at the address that it gave.',
  Status: 'For those who run the platform.',
  'Provider receipts': 'Where providers report what became of messages. Not for services.',
  Administration: 'For the one internal client that runs the platform, with a token of its own.',
};
const order = Object.keys(tags);

const about = `Despatch sends templated emails and text messages on behalf of services, and says what became of each.

The API is that of GOV.UK Notify: its official clients work unchanged. Requests and answers are JSON in UTF-8; the content type of a request does not matter. Times are in UTC.

Every answer has an \`X-B3-TraceId\`, taken from the request or made for it, which stands in the log lines of the request and its message.`;

/** The document of all described routes. `base`: the address of the API, without a slash at the end. */
export function openApiOf(routes: readonly DescribedRoute[], base: string): OpenApi {
  const schemas = createSchemaTranslator();
  const paths: Record<string, Record<string, Operation>> = {};
  const sorted = [...routes].sort((a, b) => order.indexOf(a.describe.tag) - order.indexOf(b.describe.tag));
  for (const route of sorted) {
    const path = route.url.replace(/:([a-z_]+)/gi, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationOf(route, base, schemas);
  }
  const used = new Set(sorted.map(({ describe }) => describe.tag as string));
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

function securityOf({ authentication }: Description): readonly object[] {
  if (authentication === 'none') return [];
  return [authentication === 'admin' ? { admin: [] } : { apiKey: [] }];
}

function operationOf(
  { method, url, describe }: DescribedRoute,
  base: string,
  schemas: SchemaTranslator,
): Operation {
  const { body, example, bodyType = 'application/json' } = describe;
  const parameters = parametersOf(url, describe, schemas);
  const samples = samplesOf(method, url, base, describe);
  return {
    operationId: `${method.toLowerCase()}${url.replace(/[^a-z0-9]+/gi, '_')}`,
    summary: describe.summary,
    ...(describe.description && { description: describe.description }),
    tags: [describe.tag],
    security: securityOf(describe),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: !describe.bodyOptional,
        content: {
          [bodyType]: { schema: schemas.translate(body), ...(example !== undefined && { example }) },
        },
      },
    }),
    responses: Object.fromEntries(
      [...allAnswers(method, url, describe)].map(([status, answer]) => [
        status,
        responseOf(status, answer, url, headersOf(status, method, describe), schemas),
      ]),
    ),
    'x-example-path': examplePath(url, describe),
    ...(samples.length > 0 && { 'x-codeSamples': samples }),
  };
}

function parametersOf(url: string, describe: Description, { translate }: SchemaTranslator): Parameter[] {
  const told = (where: Parameter['in'], name: string, schema: JsonSchema, required: boolean): Parameter => {
    const { description, ...rest } = schema;
    return {
      name,
      in: where,
      ...(required && { required }),
      ...(typeof description === 'string' && { description }),
      schema: rest,
    };
  };
  const inPath = [...url.matchAll(/:([a-z_]+)/gi)].map(([, name = '']) => {
    const schema = describe.parameters?.[name];
    return told('path', name, schema ? translate(schema) : { type: 'string' }, true);
  });
  const query = (describe.query ? translate(describe.query) : {}) as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
  };
  const inQuery = Object.entries(query.properties ?? {}).map(([name, schema]) =>
    told('query', name, schema, query.required?.includes(name) ?? false),
  );
  const inHeaders = Object.entries(describe.headers ?? {}).map(([name, schema]) =>
    told('header', name, translate(schema), false),
  );
  return [...inPath, ...inQuery, ...inHeaders];
}

function responseOf(
  status: number,
  { description, schema, contentType = 'application/json', example }: Answer,
  url: string,
  headers: readonly string[],
  { translate }: SchemaTranslator,
): Response {
  const isPlainError = status >= 400 && !schema && contentType === 'application/json';
  const shown = isPlainError
    ? { $ref: `#/components/schemas/${envelopeOf(status, url)}` }
    : schema && translate(schema);
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
