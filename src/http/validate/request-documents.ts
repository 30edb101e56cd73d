import type { TSchema } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import { numberSource, parseLossless } from '../../ground/json.ts';
import { badRequest } from '../../ground/problem.ts';
import type { Node } from './check.ts';

/** The body, the query and the path of a request as documents that can be checked against a schema. */

/**
 * The JSON document of a request, whatever its content type (spec 01, section 3.2). A falsy document counts as `{}`.
 * Throws a Problem with the text `malformed` for a body that is not JSON.
 */
export function readJson(body: unknown, malformed: string): unknown {
  let document: unknown;
  try {
    document = parseLossless(Buffer.isBuffer(body) ? body.toString('utf8') : '');
  } catch {
    throw badRequest(malformed);
  }
  const isEmptyList = Array.isArray(document) && document.length === 0;
  return !document || isEmptyList || isZero(document) ? {} : document;
}

/** A zero written with a fraction or a sign, which `parseLossless` keeps as its source text. */
function isZero(document: unknown): boolean {
  return numberSource(document) !== null && Number(numberSource(document)) === 0;
}

/** The parameters of a URL as the caller gave them, in their order. */
export function queryParameters(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question === -1 ? '' : url.slice(question + 1));
}

/** Every value of a parameter that is a list in the schema, the first one of any other (spec 01, section 3.8). */
export function queryDocument(schema: TSchema, parameters: URLSearchParams): Record<string, unknown> {
  const { properties = {} } = schema as unknown as Node;
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => {
      const node = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (node?.type === 'array')
        return [name, parameters.getAll(name).map((text) => convert(node.items ?? {}, text))];
      return [name, convert(node ?? {}, parameters.get(name)!)];
    }),
  );
}

/** The parameters of a path, under the names that errors use (`errorName`). */
export function pathDocument(
  schema: TSchema,
  params: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const { properties = {} } = schema as unknown as Node;
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => [name, convert(properties[name] ?? {}, text)]),
  );
}

const trueTexts: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const falseTexts: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);
const furthest = Number.MAX_SAFE_INTEGER;

/** A text as the type of its schema; one that does not convert stays a text, which the check then refuses. */
function convert({ type, format }: Node, text: string): unknown {
  if (format === 'uuid') return parseUuid(text) ?? text;
  if (type === 'integer')
    return /^\s*[+-]?\d+\s*$/.test(text) ? Math.max(-furthest, Math.min(Number(text), furthest)) : text;
  if (type === 'boolean') {
    if (trueTexts.has(text)) return true;
    return falseTexts.has(text) ? false : text;
  }
  return text;
}
