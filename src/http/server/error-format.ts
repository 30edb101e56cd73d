import type { TSchema } from 'typebox';
import { invalid, invalidFields, type Problem } from '../../ground/problem.ts';
import type { Violation } from '../validate/check.ts';
import { fieldTexts, schemaTexts } from '../validate/fault-texts.ts';

/**
 * How a part of the API shows errors. A scope of the server is registered with one, and a route may choose another; code
 * that throws a Problem need not know which.
 */
export type ErrorFormat = Readonly<{
  /** The body of an answer to a Problem. */
  envelope: (problem: Problem) => string;
  /** What is said of a body that is not JSON. */
  malformedJson: string;
  /**
   * The Problem of a request that does not fit its schemas. `refined`: what the route found beyond its schemas;
   * `schemas`: those of the path, the query and the body.
   */
  invalidRequest: (
    violations: readonly Violation[],
    refined: readonly Violation[],
    schemas: readonly TSchema[],
  ) => Problem;
  /** Named schemas of the OpenAPI document that an error answer has. */
  schemas: (status: number) => readonly ('Errors' | 'Error')[];
}>;

/** The old envelope, `result` and `message`; also for what Fastify cannot route or parse (spec 01, section 6). */
export function plainError(message: unknown): string {
  return JSON.stringify({ result: 'error', message });
}

/** Faults of fields by field, an authentication error under `token`; otherwise the first text. */
function plainEnvelope({ faults }: Problem): string {
  if (!faults.some(({ field }) => field !== undefined)) return plainError(faults[0]?.message ?? '');
  const byField = Object.groupBy(faults, ({ field = '' }) => field);
  return plainError(
    Object.fromEntries(
      Object.entries(byField).map(([field, found = []]) => [field, found.map(({ message }) => message)]),
    ),
  );
}

function listEnvelope({ status, faults }: Problem): string {
  return JSON.stringify({
    status_code: status,
    errors: faults.map(({ error, message }) => ({ error, message })),
  });
}

const invalidSchema: ErrorFormat['invalidRequest'] = (violations, refined) =>
  invalid(schemaTexts([...violations, ...refined]));

/** v2: a status code and a list of errors (spec 01, section 3.1). A wrong method has no route, so it is shown plainly. */
export const v2Errors: ErrorFormat = {
  envelope: listEnvelope,
  malformedJson: 'Invalid JSON supplied in POST data',
  invalidRequest: invalidSchema,
  schemas: (status) => [status === 405 ? 'Error' : 'Errors'],
};

/** v1, the admin API and what is open: faults by field (spec 01, section 2; spec 04, section 10.1). */
export const plainErrors: ErrorFormat = {
  envelope: plainEnvelope,
  malformedJson: 'The browser (or proxy) sent a request that this server could not understand.',
  invalidRequest: (violations, refined, schemas) =>
    invalidFields(fieldTexts([...refined, ...violations], schemas)),
  schemas: () => ['Error'],
};

/** Routes of the admin API whose bodies are validated as in v2, and only their validation (spec 04, section 10.3). */
export const adminSchemaErrors: ErrorFormat = {
  envelope: (problem) =>
    problem.faults.every(({ error, field }) => error === 'ValidationError' && field === undefined)
      ? listEnvelope(problem)
      : plainEnvelope(problem),
  malformedJson: plainErrors.malformedJson,
  invalidRequest: invalidSchema,
  schemas: (status) => (status === 400 ? ['Errors', 'Error'] : ['Error']),
};
