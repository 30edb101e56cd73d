import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema, TUnknown } from 'typebox';
import { assertCheckable, type Formats } from '../validate/check.ts';
import type { ErrorFormat } from './error-format.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * Whose credentials a route needs: an API key of a service, the token of the admin client, those of a provider, which the
 * handler checks because they differ from provider to provider, or nobody's.
 */
export type Authentication = 'service key' | 'admin' | 'provider' | 'none';

/** One answer of a route. */
export type Answer = Readonly<{
  description: string;
  /** Of a JSON body; one with an `$id` becomes a named schema of the document. */
  schema?: TSchema;
  /** Of a body that is not JSON. */
  contentType?: string;
  /** An example body; it must fit the schema. */
  example?: unknown;
}>;

/** The section of the document that a route belongs to. */
export type Tag =
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

/** What only the OpenAPI document needs. */
export type Documentation =
  | Readonly<{ summary: null; answers?: undefined }>
  | Readonly<{
      summary: string;
      /** Markdown: paragraphs, `code`, and lists of lines that begin with a hyphen. */
      description?: string;
      tag: Tag;
      /**
       * By status code. The first one below 400 is the answer of a handler that returns. Answers that follow from the
       * kind of route (401, 403, 404 of a route with parameters, 405, 413, 429, 503) need not be listed.
       */
      answers: Readonly<Record<number, Answer>>;
      headers?: Readonly<Record<string, TSchema>>;
      /** A body that can be sent as it is; ids of the demo service are written `{sms_template_id}` and so on. */
      example?: unknown;
      /** The same call with the official client for Node.js: what comes after `client.`. */
      client?: string;
    }>;

/** Something wrong with a field of a body that its schema cannot express. `text`: in the words of the error format. */
export type Refinement = Readonly<{ field: string; text: string }>;

type Request<Params extends TSchema, Query extends TSchema, Body extends TSchema> = FastifyRequest<{
  Params: Static<Params>;
  Querystring: Static<Query>;
  Body: Static<Body>;
}>;

type Definition<Deps, Params extends TSchema, Query extends TSchema, Body extends TSchema> = Documentation &
  Readonly<{
    method: Method | readonly Method[];
    /** In Fastify's notation; `uuidPart` is a part that has to be a UUID. */
    path: string;
    authentication: Authentication;
    /** `<module>.<handler>` of the request metrics (spec 06, section 4.2). */
    handlerName: string;
    /** In place of that of its scope. */
    errors?: ErrorFormat;
    /**
     * Object schemas of what the handler gets, checked before it is called: UUIDs of paths and queries are in canonical
     * form, numbers are numbers. The order of the properties is the order of the errors.
     */
    params?: Params;
    query?: Query;
    body?: Body;
    /** A request without a body counts as one with `{}`. */
    bodyOptional?: boolean;
    /** Documented, and left to the handler: the parsed query, and the bytes of the body. */
    rawQuery?: TSchema;
    rawBody?: Readonly<{ schema: TSchema; contentType?: string }>;
    /** What has to hold before the request is checked. Throws a Problem. */
    before?: (deps: Deps, request: Request<Params, TUnknown, TUnknown>) => Promise<void>;
    /** Formats that the schemas name and that need something to be judged by. */
    formats?: (deps: Deps) => Formats;
    /** Called with a body that may not fit its schema. */
    refine?: (deps: Deps, body: Readonly<Record<string, unknown>>) => readonly Refinement[];
    /**
     * Answers with what it returns, as JSON, or without a body for a 204. A handler that sends the answer itself returns
     * nothing or the reply. Throws a Problem.
     */
    handler: (deps: Deps, request: Request<Params, Query, Body>, reply: FastifyReply) => unknown;
  }>;

/** A route, ready to be registered with what its handler works with. */
export type Route<Deps = never> = Definition<Deps, TSchema, TSchema, TSchema>;

/**
 * One value for all that there is to a route: registration, validation, the OpenAPI document, the name of its metrics and
 * the table of who may call it come from it. Throws for a schema with a rule that would not be checked.
 */
export function defineRoute<
  Deps,
  Params extends TSchema = TUnknown,
  Query extends TSchema = TUnknown,
  Body extends TSchema = TUnknown,
>(definition: Definition<Deps, Params, Query, Body>): Route<Deps> {
  const { params, query, body, path } = definition;
  for (const schema of [params, query, body]) if (schema) assertCheckable(schema, path);
  return definition as unknown as Route<Deps>;
}

/** The part `:name` of a path that has to be a UUID: with anything else the path does not exist (spec 04, section 0.3). */
export function uuidPart(name: string): string {
  const hex = '[0-9a-fA-F]';
  return `:${name}(^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$)`;
}
