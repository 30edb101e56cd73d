import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest, onSendAsyncHookHandler } from 'fastify';
import type { Log } from '../../ground/log.ts';
import { badRequest, callerLeft, Problem } from '../../ground/problem.ts';
import { callerLeaves } from './request.ts';

/**
 * What is known of a request with an `Idempotency-Key`: nothing until now (`id` is that of its claim); its answer; that
 * the key belongs to a different request; that the request is under way; or that it did not come to an end in time.
 */
export type Claimed =
  | Readonly<{ state: 'new'; id: string }>
  | Readonly<{ state: 'answered'; status: number; body: string }>
  | Readonly<{ state: 'different' | 'under way' | 'lost' }>;

/** Where requests with an `Idempotency-Key` are remembered, for all processes. */
export type RequestMemory = Readonly<{
  /** Claims the key for the request's caller. When this resolves to `new`, the claim is durable. */
  claim(request: FastifyRequest, key: string, fingerprint: string): Promise<Claimed>;
  /** The request has taken effect, with this answer. */
  keep(id: string, answer: Readonly<{ status: number; body: string }>): Promise<void>;
  /** The request has changed nothing. */
  forget(id: string): Promise<void>;
  /** Nobody can say whether the request has taken effect. */
  lose(id: string): Promise<void>;
}>;

const longestKey = 255;

/** Reads an `Idempotency-Key` header. Throws a Problem (400) for an invalid key. */
export function readIdempotencyKey(header: string | string[]): string {
  const key = String(header);
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key) || key.length > longestKey)
    throw badRequest(`Idempotency-Key must be 1 to ${longestKey} printable ASCII characters`);
  return key;
}

/** 409: the key belongs to a different request. `next`: what a new key is for. */
export function keyConflict(next: string): Problem {
  return conflict(
    `This Idempotency-Key was used for a different request within the last 24 hours. Use a new key for a new ${next}.`,
  );
}

function conflict(message: string, headers: Record<string, string> = {}): Problem {
  return new Problem(409, [{ error: 'ConflictError', message }], headers);
}

/** Waits between looks at a request that is still under way; after the last one its repeat is refused. */
const pauses = [25, 50, 100, 200, 400, 800, 1500];

/**
 * Runs each request that has an `Idempotency-Key` at most once (spec 04, section 0.2). The claim of its key is committed
 * before the handler runs, and its answer is recorded before it is sent; repeats get that answer. A request that is
 * refused leaves its key free. After a fault, a lost connection or the end of the process nobody knows whether the
 * request took effect: its repeats are told so, and never run.
 */
export type Once = Readonly<{
  /** Before the handler. Resolves to true if it has sent the answer of an earlier request. Throws a Problem. */
  begin: (request: FastifyRequest, reply: FastifyReply) => Promise<boolean>;
  /** The handler has thrown. */
  failed: (request: FastifyRequest, error: unknown) => void;
  /** The hook that records the answer. */
  end: onSendAsyncHookHandler;
}>;

export function createOnce(memory: RequestMemory, log: Log): Once {
  const claims = new WeakMap<FastifyRequest, { id: string; isLost: boolean }>();

  async function claim(request: FastifyRequest, reply: FastifyReply, key: string): Promise<Claimed> {
    const fingerprint = fingerprintOf(request);
    let claimed = await memory.claim(request, key, fingerprint);
    if (claimed.state !== 'under way') return claimed;
    const left = callerLeaves(reply);
    for (const pause of pauses) {
      await sleep(pause, undefined, { signal: left }).catch(() => {
        throw callerLeft();
      });
      claimed = await memory.claim(request, key, fingerprint);
      if (claimed.state !== 'under way') break;
    }
    return claimed;
  }

  return {
    async begin(request, reply) {
      const header = request.headers['idempotency-key'];
      if (header === undefined) return false;
      const claimed = await claim(request, reply, readIdempotencyKey(header));
      switch (claimed.state) {
        case 'new':
          claims.set(request, { id: claimed.id, isLost: false });
          return false;
        case 'answered': {
          const { status, body } = claimed;
          reply.code(status).header('Idempotency-Replayed', 'true');
          if (body === '') reply.send();
          else reply.type('application/json').send(body);
          return true;
        }
        case 'different':
          throw keyConflict('request');
        case 'under way':
          throw conflict(
            'An earlier request with this Idempotency-Key is still under way. Send this one again in a few seconds to get its answer.',
            { 'Retry-After': '2' },
          );
        case 'lost':
          throw conflict(
            'An earlier request with this Idempotency-Key did not come to an end. Look whether it took effect; if it did not, send it again with a new key.',
          );
      }
    },
    failed(request, error) {
      const claimed = claims.get(request);
      // A Problem is a refusal; anything else may have come after a commit, or during it.
      if (claimed) claimed.isLost = !(error instanceof Problem);
    },
    async end(request, reply, payload) {
      const claimed = claims.get(request);
      if (!claimed) return payload;
      claims.delete(request);
      const { id, isLost } = claimed;
      const body = payload ?? '';
      try {
        if (isLost || typeof body !== 'string') await memory.lose(id);
        else if (reply.statusCode >= 400) await memory.forget(id);
        else await memory.keep(id, { status: reply.statusCode, body });
      } catch (error) {
        // The caller still gets the answer; its repeats learn that it was not recorded.
        log.warn(
          { err: error, requestId: request.traceId },
          'The answer for an Idempotency-Key was not kept',
        );
      }
      return payload;
    },
  };
}

/** The same for a repeated request, and different for any other. */
function fingerprintOf({ method, url, body }: FastifyRequest): string {
  const hash = createHash('sha256').update(`${method} ${url}\n`);
  if (Buffer.isBuffer(body)) hash.update(body);
  return hash.digest('base64url');
}
