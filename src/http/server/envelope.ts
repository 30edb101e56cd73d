import { FieldProblem, type Problem, SchemaProblem } from '../../ground/problem.ts';

/** A body that Fastify could not even parse or route, in the old envelope (spec 01, section 6). */
export function plainError(message: unknown): string {
  return JSON.stringify({ result: 'error', message });
}

/**
 * The two error envelopes (spec 01, sections 1.4, 2 and 3.1): below `/v2` a status code and a list of errors,
 * everywhere else `result` and `message`, with an authentication error under `token` and those of fields by field.
 */
export function envelope(problem: Problem, path: string): string {
  if (path.startsWith('/v2/') || problem instanceof SchemaProblem)
    return JSON.stringify({ status_code: problem.status, errors: problem.faults });
  if (problem instanceof FieldProblem) return plainError(problem.fields);
  const [first] = problem.faults;
  const message = first?.error === 'AuthError' ? { token: [first.message] } : (first?.message ?? '');
  return plainError(message);
}
