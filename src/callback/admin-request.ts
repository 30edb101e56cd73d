import { readJson } from '../http/json-body.ts';
import { badRequest, Problem } from '../problem.ts';

/** Whether a part of a path is a UUID; any other is no path of ours (spec 04, section 0.2). */
export function isPathUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** `readJson` with what the admin API says of a body that is no JSON (spec 04, section 10.1). */
export function readAdminJson(body: unknown): unknown {
  try {
    return readJson(body);
  } catch (error) {
    throw error instanceof Problem
      ? badRequest('The browser (or proxy) sent a request that this server could not understand.')
      : error;
  }
}
