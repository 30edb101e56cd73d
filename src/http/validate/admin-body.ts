import type { FastifyRequest } from 'fastify';
import { badRequest, FieldProblem, Problem } from '../../ground/problem.ts';
import { readJson } from './json-body.ts';

/** The part `:name` of a path that has to be a UUID: any other is a path that is none (spec 04, section 0.3). */
export function uuidPart(name: string): string {
  const hex = '[0-9a-fA-F]';
  return `:${name}(^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$)`;
}

/** The JSON document of a request to the admin API (spec 04, section 10.1). Throws a Problem where the body is no JSON. */
export function readAdminJson(request: FastifyRequest): unknown {
  try {
    return readJson(request.body);
  } catch (error) {
    throw error instanceof Problem
      ? badRequest('The browser (or proxy) sent a request that this server could not understand.')
      : error;
  }
}

/** The same of a route that takes an object and tells of each field what is wrong (spec 04, section 0.3). */
export function readAdminFields(request: FastifyRequest): Record<string, unknown> {
  const document = readAdminJson(request);
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new FieldProblem({ _schema: ['Invalid input type.'] });
  return document as Record<string, unknown>;
}
