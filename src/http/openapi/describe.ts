import type { TSchema } from 'typebox';

/** One answer of a route. */
export type Answer = Readonly<{
  description: string;
  /** That of a JSON body; one with an `$id` becomes a named schema of the document. */
  schema?: TSchema;
  /** Of a body that is no JSON. */
  contentType?: string;
  /** A body as it may come; it must fit the schema. */
  example?: unknown;
}>;

/**
 * What the OpenAPI document says about a route. It stands with the route, as `config.describe`, and uses the very
 * schemas that the route checks requests with, so that document and behaviour cannot drift apart.
 *
 * Answers that follow from the kind of route (401, 403, 404 of a route with parameters, 405, 413, 429, 503) are added
 * by openapi.ts; one that is told here stands as it is told.
 */
export type Description = Readonly<{
  summary: string;
  /** Paragraphs, with `code` in backticks and lists of lines that begin with a hyphen. */
  description?: string;
  /** Which part of the page at /docs it stands in. */
  tag:
    | 'Sending'
    | 'Reading'
    | 'Templates'
    | 'Received texts'
    | 'Files'
    | 'Version 1'
    | 'Callbacks'
    | 'Status'
    | 'Provider receipts'
    | 'Administration';
  /** Whose token it needs: a service's, the admin client's, or none. */
  authentication: 'api key' | 'admin' | 'none';
  /**
   * Of the path, by name. In the example call one stands as its first of `examples`, else as its name in braces, which
   * test/journey/openapi.test.ts fills.
   */
  parameters?: Readonly<Record<string, TSchema>>;
  /** An object schema; the example call has the parameters that have `examples`. */
  query?: TSchema;
  headers?: Readonly<Record<string, TSchema>>;
  body?: TSchema;
  /** Of a body that is no JSON. */
  bodyType?: string;
  /** Whether the request may come without its body. */
  bodyOptional?: boolean;
  /** A body that can be sent as it is; ids of the demo service stand as `{sms_template_id}`, `{email_template_id}` and so on. */
  example?: unknown;
  /** The same call with the official client for Node.js: what stands behind `client.`. */
  client?: string;
  /** By status code. */
  responses: Readonly<Record<number, Answer>>;
}>;

declare module 'fastify' {
  interface FastifyContextConfig {
    describe?: Description;
  }
}
