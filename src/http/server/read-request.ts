import type { FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { isObject, type Node, numberOf, type Violation, violationsOf } from '../validate/check.ts';
import type { Route } from './define-route.ts';
import type { ErrorFormat } from './error-format.ts';
import { pathDocument, queryDocument, queryParameters, readJson } from './request.ts';

const noFormats = Object.freeze({});

/**
 * Creates the step that runs before a route's handler: it replaces the raw `params`, `query` and `body` by checked,
 * typed values. null if the route has no schemas. The step throws one Problem with all faults.
 */
export function requestReader<Deps>(
  route: Route<Deps>,
  deps: Deps,
  errors: ErrorFormat,
): ((request: FastifyRequest) => void) | null {
  const { params, query, body, bodyOptional = false, formats, refine } = route;
  const schemas = [params, query, body].filter((schema) => schema !== undefined);
  if (schemas.length === 0) return null;
  const ownFormats = formats?.(deps) ?? noFormats;
  const numbers = body ? numericFields(body) : [];

  return (request) => {
    const document = body ? readBody(request, errors, bodyOptional) : null;
    const path = params ? pathDocument(params, request.params as Record<string, string>) : null;
    const asked = query ? queryDocument(query, queryParameters(request.url)) : null;
    const inBody = body ? violationsOf(body, document, ownFormats) : [];
    // A body that is not an object is the only fault named, whatever else is wrong.
    const others = inBody.some(({ rule }) => rule === 'document')
      ? []
      : [
          ...(params ? violationsOf(params, path, ownFormats).map(withErrorName) : []),
          ...(query ? violationsOf(query, asked, ownFormats).map(ofQuery) : []),
        ];
    const refined =
      refine && isObject(document)
        ? refine(deps, document).map(({ field, text }) => violationOf(field, text))
        : [];
    if (inBody.length + others.length + refined.length > 0)
      throw errors.invalidRequest([...others, ...inBody], refined, schemas);
    if (path) request.params = path;
    if (asked) request.query = asked;
    if (body) request.body = numbers.length > 0 ? withNumbers(document, numbers) : document;
  };
}

function readBody({ body }: FastifyRequest, errors: ErrorFormat, isOptional: boolean): unknown {
  const isEmpty = !Buffer.isBuffer(body) || body.length === 0;
  return isOptional && isEmpty ? {} : readJson(body, errors.malformedJson);
}

function withErrorName(violation: Violation): Violation {
  return { ...violation, field: violation.node.errorName ?? violation.field };
}

/** A parameter that the list does not have is no field that may not be changed. */
function ofQuery(violation: Violation): Violation {
  return violation.rule === 'additionalProperties'
    ? { ...violation, text: 'There is no such parameter.' }
    : violation;
}

function violationOf(field: string, text: string): Violation {
  return { rule: 'format', field, value: undefined, node: {}, text };
}

function numericFields(schema: TSchema): readonly string[] {
  const { properties = {} } = schema as unknown as Node;
  return Object.entries(properties).flatMap(([name, node]) => {
    const types = [node, ...(node.anyOf ?? [])].flatMap(({ type }) => type ?? []);
    return types.includes('integer') || types.includes('number') ? [name] : [];
  });
}

/** `7.0` is an integer, and `parseLossless` keeps it with its source text; the handler gets the number. */
function withNumbers(document: unknown, names: readonly string[]): unknown {
  const given = document as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      names.includes(name) ? (numberOf(value) ?? value) : value,
    ]),
  );
}
