import type { FastifyReply } from 'fastify';
import { numberSource, parseLossless } from '../../ground/json.ts';
import { badRequest } from '../../ground/problem.ts';

/**
 * The JSON document of a request, whatever its content type (spec 01, section 3.2). A falsy document counts as `{}`.
 * Throws a Problem where the body is no JSON.
 */
export function readJson(body: unknown): unknown {
  let document: unknown;
  try {
    document = parseLossless(Buffer.isBuffer(body) ? body.toString('utf8') : '');
  } catch {
    throw badRequest('Invalid JSON supplied in POST data');
  }
  const isEmptyList = Array.isArray(document) && document.length === 0;
  return !document || isEmptyList || isZero(document) ? {} : document;
}

/** A zero that was written with a fraction or a sign, and so is kept with its source text (literal.ts). */
function isZero(document: unknown): boolean {
  return numberSource(document) !== null && Number(numberSource(document)) === 0;
}

/** Answers with `body` as JSON. */
export function sendJson(reply: FastifyReply, body: unknown): FastifyReply {
  return reply.type('application/json').send(JSON.stringify(body));
}
