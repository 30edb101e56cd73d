import type { FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { invalid } from '../../ground/problem.ts';
import { faultsOf } from './schema.ts';

export type Query<Document> = Readonly<{
  document: Document;
  /** The parameters as they were given, in their order. */
  parameters: URLSearchParams;
}>;

/**
 * The query of a request as the document that an object schema asks for: every value of a parameter that the schema has
 * as a list, the first of any other (spec 01, section 3.8). Throws a Problem with all faults of it.
 */
export function readQuery<Document>(schema: TSchema, request: FastifyRequest): Query<Document> {
  const question = request.url.indexOf('?');
  const parameters = new URLSearchParams(question === -1 ? '' : request.url.slice(question + 1));
  const properties = (schema as unknown as { properties: Record<string, { type?: unknown }> }).properties;
  const isList = (name: string) => Object.hasOwn(properties, name) && properties[name]?.type === 'array';
  const document = Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => [
      name,
      isList(name) ? parameters.getAll(name) : parameters.get(name),
    ]),
  );
  const faults = faultsOf(schema, document, {});
  if (faults.length > 0) throw invalid(faults);
  return { document: document as Document, parameters };
}
