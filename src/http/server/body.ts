import type { FastifyRequest } from 'fastify';
import { badRequest, Problem, unavailable } from '../../ground/problem.ts';

/** Largest body that a route accepts unless it says otherwise, in bytes (spec 01, section 6: at least 10 MB). */
export const usualBodyLimit = 16 * 1024 * 1024;

/** Largest body of a provider's post in bytes: callers without an API key can hold no more. */
export const providerBodyLimit = 64 * 1024;

/** Bytes of each body that are not counted: the number of connections already bounds them. */
const uncounted = 16 * 1024;

/** Calls back with what is wrong, or with the bytes; undefined for a body that nobody reads. */
type Done = (problem: Problem | null, body?: Buffer) => void;

/** A body that is still arriving. */
type Incoming = { capacity: number; refuse: (problem: Problem) => void };

/**
 * Reads the bodies of requests into memory, at most as many bytes as the route allows, and all bodies together about
 * `heldBytes`. If they would be more, the largest that is still arriving is refused: somebody who holds back large
 * bodies loses those, and small requests of others still get through. A body counts until `release`.
 */
export function createBodyReader(heldBytes: number) {
  const arriving = new Set<Incoming>();
  const held = new WeakMap<FastifyRequest, number>();
  let total = 0;

  function makeRoom(): void {
    while (total > heldBytes) {
      let largest: Incoming | null = null;
      for (const one of arriving)
        if (one.capacity > uncounted && one.capacity > (largest?.capacity ?? 0)) largest = one;
      if (!largest) return;
      largest.refuse(unavailable());
    }
  }

  function read(request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done): void {
    const { bodyLimit } = request.routeOptions.config;
    if (bodyLimit === undefined || request.is404) {
      payload.resume();
      done(null);
      return;
    }
    const declared = Number(request.headers['content-length'] ?? bodyLimit);
    if (declared > bodyLimit) {
      done(tooLarge(bodyLimit));
      return;
    }
    let bytes: Buffer = Buffer.alloc(0);
    let length = 0;
    const incoming: Incoming = { capacity: 0, refuse: (problem) => settle(problem) };
    arriving.add(incoming);

    function onData(chunk: Buffer): void {
      if (length + chunk.length > bodyLimit!) {
        settle(tooLarge(bodyLimit!));
        return;
      }
      bytes = length === 0 ? chunk : append(bytes, length, chunk, declared);
      length += chunk.length;
      const before = counted(incoming.capacity);
      incoming.capacity = bytes.length;
      total += counted(bytes.length) - before;
      makeRoom();
    }

    function settle(problem: Problem | null): void {
      if (!arriving.delete(incoming)) return;
      payload.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      if (problem) {
        total -= counted(incoming.capacity);
        bytes = Buffer.alloc(0);
        payload.resume();
        done(problem);
        return;
      }
      held.set(request, counted(incoming.capacity));
      done(null, bytes.subarray(0, length));
    }
    const onEnd = () => settle(null);
    const onBroken = () => settle(badRequest('The request could not be read.'));
    payload.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  }

  /** The request is answered: its body is no longer needed. */
  function release(request: FastifyRequest): void {
    total -= held.get(request) ?? 0;
    held.delete(request);
  }

  return { read, release };
}

function counted(bytes: number): number {
  return Math.max(0, bytes - uncounted);
}

/** Copied into one growing buffer: many tiny chunks would take far more memory than their bytes. */
function append(bytes: Buffer, length: number, chunk: Buffer, whole: number): Buffer {
  let target = bytes;
  if (bytes.length - length < chunk.length) {
    const enough = length + chunk.length;
    target = Buffer.allocUnsafeSlow(Math.max(enough, Math.min(whole, 2 * bytes.length)));
    bytes.copy(target, 0, 0, length);
  }
  chunk.copy(target, length);
  return target;
}

function tooLarge(limit: number): Problem {
  const message = `The request is too large: the limit is ${limit} bytes.`;
  return new Problem(413, [{ error: 'BadRequestError', message }]);
}
