/** The bodies of requests in memory: how many bytes of them there may be, and how many large ones are handled at a time. */
import { setImmediate } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InFlight, type Member } from '../../ground/in-flight.ts';
import { badRequest, Problem, unavailable } from '../../ground/problem.ts';
import { createTurns } from '../../ground/turns.ts';
import { callerLeaves } from './request.ts';

/** Largest body that a route accepts unless it says otherwise, in bytes (spec 01, section 6: at least 10 MB). */
export const usualBodyLimit = 16 * 1024 * 1024;

/** Largest body of a provider's post in bytes: callers without an API key can hold no more. */
export const providerBodyLimit = 64 * 1024;

/** Bytes of each body that are not counted: the number of connections already bounds them. */
const uncounted = 16 * 1024;

/** A request with a larger body takes memory and processor time that others need too. */
const largeBytes = 64 * 1024;
const largeAtOnce = 2;
const longestTurnMilliseconds = 30_000;

/** Calls back with what is wrong, or with the bytes; undefined for a body that nobody reads. */
type Done = (problem: Problem | null, body?: Buffer) => void;

/** A body in memory, or about to be. `share`: what it takes of its service's. */
type Held = { readonly serviceId: string | undefined; capacity: number; share: number };

/** A body that is still arriving. */
type Incoming = Member & Held & { refuse: (problem: Problem) => void };

/**
 * Reads the bodies of requests into memory, at most as many bytes as the route allows, and all bodies together about
 * `heldBytes`. If they would be more, the largest that is still arriving is refused: somebody who holds back large
 * bodies loses those, and small requests of others still get through. The large ones of one service have at most
 * `serviceBytes`, or are one. What is beyond that is refused (429) unread where its length is known: reading megabytes
 * for nothing would delay all others. A body counts until `release`.
 */
export function createBodyReader(heldBytes: number, serviceBytes: number) {
  const arriving = new InFlight<Incoming>();
  const held = new WeakMap<FastifyRequest, Held>();
  const shares = new Map<string, number>();
  let total = 0;

  /** Makes a body's share at least `bytes`, if that is large. Returns false if its service has too much with it. */
  function claim(body: Held, bytes: number): boolean {
    if (body.serviceId === undefined || bytes <= Math.max(largeBytes, body.share)) return true;
    const others = (shares.get(body.serviceId) ?? 0) - body.share;
    if (others > 0 && others + bytes > serviceBytes) return false;
    shares.set(body.serviceId, others + bytes);
    body.share = bytes;
    return true;
  }

  function giveBack({ serviceId, capacity, share }: Held): void {
    total -= counted(capacity);
    if (share === 0) return;
    const others = shares.get(serviceId!)! - share;
    if (others > 0) shares.set(serviceId!, others);
    else shares.delete(serviceId!);
  }

  function makeRoom(): void {
    while (total > heldBytes) {
      let largest: Incoming | null = null;
      for (const one of arriving.all())
        if (one.capacity > uncounted && one.capacity > (largest?.capacity ?? 0)) largest = one;
      if (!largest) return;
      largest.refuse(unavailable());
    }
  }

  function read(request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done): void {
    const { bodyLimit, bodyLimitText } = request.route.config;
    if (bodyLimit === undefined || request.is404) {
      payload.resume();
      done(null);
      return;
    }
    const declared = request.headers['content-length'];
    const whole = declared === undefined ? bodyLimit : Number(declared);
    if (whole > bodyLimit) {
      done(tooLarge(bodyLimit, bodyLimitText));
      return;
    }
    const { serviceId } = request;
    const incoming: Incoming = { place: -1, serviceId, capacity: 0, share: 0, refuse: settle };
    if (declared !== undefined && !claim(incoming, whole)) {
      done(tooManyLarge());
      return;
    }
    let bytes: Buffer = Buffer.alloc(0);
    let length = 0;
    arriving.add(incoming);

    function onData(chunk: Buffer): void {
      if (length + chunk.length > bodyLimit!) {
        settle(tooLarge(bodyLimit!, bodyLimitText));
        return;
      }
      bytes = length === 0 ? chunk : append(bytes, length, chunk, whole);
      length += chunk.length;
      total += counted(bytes.length) - counted(incoming.capacity);
      incoming.capacity = bytes.length;
      if (claim(incoming, bytes.length)) makeRoom();
      else settle(tooManyLarge());
    }

    function settle(problem: Problem | null): void {
      if (!arriving.delete(incoming)) return;
      if (problem) {
        // What has ended keeps its listeners: taking them off costs more than they do.
        payload.off('data', onData);
        giveBack(incoming);
        bytes = Buffer.alloc(0);
        payload.resume();
        done(problem);
        return;
      }
      if (counted(incoming.capacity) > 0) held.set(request, incoming);
      done(null, bytes.subarray(0, length));
    }
    const onEnd = () => settle(null);
    // Every request closes in the end: only one that is still arriving is broken.
    const onBroken = () => {
      if (arriving.has(incoming)) settle(badRequest('The request could not be read.'));
    };
    payload.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  }

  /** The request is answered: its body is no longer needed. */
  function release(request: FastifyRequest): void {
    const body = held.get(request);
    if (body === undefined) return;
    giveBack(body);
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

function tooLarge(
  limit: number,
  message = `The request is too large: the limit is ${limit} bytes.`,
): Problem {
  return new Problem(413, [{ error: 'BadRequestError', message }]);
}

/** Waits until a request may be handled; resolves to what has to be called at its end. null: it need not wait. */
export type LargeRequests = (request: FastifyRequest, reply: FastifyReply) => Promise<() => void> | null;

/**
 * Of the large requests of a service, two are handled at a time, and more wait in order. Throws a Problem (429) for one
 * that waits too long.
 */
export function createLargeRequests(): LargeRequests {
  const turns = createTurns({
    ...{ atOnce: largeAtOnce, mostWaiting: Number.POSITIVE_INFINITY },
    longestWaitMilliseconds: longestTurnMilliseconds,
    refused: tooManyLarge,
  });
  return ({ serviceId, body }, reply) =>
    serviceId === undefined || !Buffer.isBuffer(body) || body.length <= largeBytes
      ? null
      : wait(serviceId, reply);

  async function wait(serviceId: string, reply: FastifyReply): Promise<() => void> {
    const leave = await turns(serviceId, callerLeaves(reply));
    // Requests that arrived meanwhile go first.
    await setImmediate();
    return leave;
  }
}

/** 429 (spec 01, section 4.1). */
function tooManyLarge(): Problem {
  const message = `Too many large requests: a service can have ${largeAtOnce} of more than ${largeBytes} bytes under way, and some more waiting. Wait for answers before sending more`;
  return new Problem(429, [{ error: 'TooManyRequestsError', message }], { 'Retry-After': '1' });
}
