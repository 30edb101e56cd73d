import type { TSchema } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import type { Node } from './check.ts';

/**
 * Values that arrive as texts, in a path or a query, as the document that an object schema describes. A text that does
 * not convert stays a text, which the check then refuses.
 */

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
