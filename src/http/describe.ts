import type { TSchema } from 'typebox';

/**
 * What the OpenAPI document says about a route. It stands with the route, as `config.describe`, and uses the very
 * schemas that the route checks requests with, so that document and behaviour cannot drift apart.
 */
export type Description = Readonly<{
  summary: string;
  description?: string;
  /** Which part of the page at /docs it stands in. */
  tag: 'Sending' | 'Reading' | 'Templates' | 'Received texts' | 'Files' | 'Version 1' | 'Status' | 'Provider receipts';
  /** Whether it needs an API key. */
  authentication: 'api key' | 'none';
  parameters?: Readonly<Record<string, TSchema>>;
  query?: TSchema;
  headers?: Readonly<Record<string, TSchema>>;
  body?: TSchema;
  /** A body that can be sent as it is; ids of the demo service stand as `{sms_template_id}`, `{email_template_id}` and so on. */
  example?: unknown;
  /** By status code; `schema` is that of a JSON body. */
  responses: Readonly<Record<number, Readonly<{ description: string; schema?: TSchema; contentType?: string }>>>;
}>;

declare module 'fastify' {
  interface FastifyContextConfig {
    describe?: Description;
  }
}
