import { numberSource, parseLossless } from '../../ground/json.ts';
import { badRequest } from '../../ground/problem.ts';

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
