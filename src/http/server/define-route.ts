import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema, TUnknown } from 'typebox';
import { assertCheckable, type Formats } from '../validate/check.ts';
import type { ErrorFormat } from './error-format.ts';
import type { RoutePermission } from './permission.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * The credentials that a route needs: a service's API key, the admin client's token, a provider's credentials (checked
 * by the handler, because they differ between providers), or none.
 */
export type Authentication = 'service key' | 'admin' | 'provider' | 'none';

/** One response of a route. */
export type Answer = Readonly<{
  description: string;
  /** Schema of a JSON body; one with an `$id` becomes a named schema of the document. */
  schema?: TSchema;
  /** For a body that is not JSON. */
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
  | 'Suppressions'
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
       * By status code. The first one below 400 is sent when the handler returns. Responses that follow from the
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
    /** Of a route of the admin API: who may use it, if the client acts for a person. Without it the route does not start. */
    permission?: RoutePermission;
    /** `<module>.<handler>` of the request metrics (spec 06, section 4.2). */
    handlerName: string;
    /** Replaces the error format of its scope. */
    errors?: ErrorFormat;
    /**
     * Object schemas of what the handler gets, checked before it is called: UUIDs of paths and queries are in canonical
     * form, numbers are numbers. The order of the properties is the order of the errors.
     */
    params?: Params;
    query?: Query;
    body?: Body;
    /** Pages of other sites may not read it. */
    sameOrigin?: boolean;
    /** Largest body in bytes; a larger one is a 413. 16 MiB if it is left out, 0 for no body. */
    bodyLimit?: number;
    /** The text of that 413, if not the usual one. */
    bodyLimitText?: string;
    /** A request without a body counts as one with `{}`. */
    bodyOptional?: boolean;
    /** Documented, and left to the handler: the parsed query, and the bytes of the body. */
    rawQuery?: TSchema;
    rawBody?: Readonly<{ schema: TSchema; contentType?: string }>;
    /** Preconditions, checked before the schemas. Throws a Problem. */
    before?: (deps: Deps, request: Request<Params, TUnknown, TUnknown>) => Promise<void>;
    /** Formats in the schemas whose check needs `deps`. */
    formats?: (deps: Deps) => Formats;
    /** Called with a body that may not fit its schema. */
    refine?: (deps: Deps, body: Readonly<Record<string, unknown>>) => readonly Refinement[];
    /**
     * Its result is sent as JSON, or no body for a 204. A handler that sends the response itself returns nothing or the
     * reply. Throws a Problem.
     */
    handler: (deps: Deps, request: Request<Params, Query, Body>, reply: FastifyReply) => unknown;
  }>;

/** A route, ready to be registered with its handler's dependencies. */
export type Route<Deps = never> = Definition<Deps, TSchema, TSchema, TSchema>;

/**
 * Defines a route as one value: its registration, validation, OpenAPI operation, metrics name and entry in the table of
 * who may call what all come from it. Throws for a schema with a rule that would not be checked, and for a route of the
 * admin API without a permission.
 */
export function defineRoute<
  Deps,
  Params extends TSchema = TUnknown,
  Query extends TSchema = TUnknown,
  Body extends TSchema = TUnknown,
>(definition: Definition<Deps, Params, Query, Body>): Route<Deps> {
  const { params, query, body, path, authentication, permission } = definition;
  if ((authentication === 'admin') !== (permission !== undefined))
    throw new Error(`${path} has to declare a permission if it belongs to the admin API, and only then`);
  for (const schema of [params, query, body]) if (schema) assertCheckable(schema, path);
  return definition as unknown as Route<Deps>;
}

/**
 * The part `:name` of a path that has to be a UUID: with anything else the path does not exist (spec 04, section 0.3).
 */
export function uuidPart(name: string): string {
  const hex = '[0-9a-fA-F]';
  return `:${name}(^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$)`;
}
