import { createHash } from 'node:crypto';
import type { Db } from '../../database/connection.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { Problem } from '../../ground/problem.ts';
import type { AcceptResult, Submission } from './accept-batch.ts';
import { dailyProblem, type KnownLimits, rateHeaders, rateProblem } from './limits.ts';
import type { Prepared, Sending } from './prepare.ts';
import { findAnswer } from './store.ts';

export type SubmitDeps = Readonly<{
  db: Db;
  cipher: Cipher;
  clock: Clock;
  knownLimits: KnownLimits;
  acceptance: Batcher<Submission, AcceptResult>;
}>;

/** An `Idempotency-Key`, and what tells a repeated request from another one under the same key. */
export type Idempotency = Readonly<{ key: string; fingerprint: Buffer }>;

/** What is answered, and the headers that say how much of the rate is left. */
export type Submitted = Readonly<{ answer: string; headers: Readonly<Record<string, string>> }>;

const longestKey = 255;

/** The key of a request's `Idempotency-Key` header; null without one. Throws a Problem for one that cannot be kept. */
export function readIdempotency(
  header: string | string[] | undefined,
  type: string,
  body: unknown,
): Idempotency | null {
  if (header === undefined) return null;
  const key = String(header);
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key) || key.length > longestKey)
    throw new Problem(400, [
      {
        error: 'BadRequestError',
        message: `Idempotency-Key must be 1 to ${longestKey} printable ASCII characters`,
      },
    ]);
  const fingerprint = createHash('sha256').update(`${type}\n`);
  if (Buffer.isBuffer(body)) fingerprint.update(body);
  return { key, fingerprint: fingerprint.digest() };
}

/**
 * The answer that a request with the same key has got within the last 24 hours; null when there was none. Throws a
 * Problem (409) when that request was another one.
 */
export async function repeatedAnswer(
  deps: SubmitDeps,
  { service }: Sending,
  idempotency: Idempotency,
): Promise<Submitted | null> {
  const found = await findAnswer(deps.db, service.id, idempotency.key);
  if (!found) return null;
  if (!found.fingerprint.equals(idempotency.fingerprint))
    throw new Problem(409, [
      {
        error: 'ConflictError',
        message:
          'This Idempotency-Key was used for a different request within the last 24 hours. Use a new key for a new message.',
      },
    ]);
  const answer = deps.cipher.open(found.answer, answerContext(service.id, idempotency.key));
  return { answer, headers: { 'Idempotency-Replayed': 'true' } };
}

/**
 * The last step: reserves the limits and commits the message, with many others. Guarantee: when this resolves, the
 * message is durable, or an earlier one with the same key is; when it throws, nothing was kept. Throws a Problem (429)
 * when a limit is reached.
 */
export async function submit(
  deps: SubmitDeps,
  sending: Sending,
  prepared: Prepared,
  answer: string,
  idempotency: Idempotency | null,
): Promise<Submitted> {
  const { service, key } = sending;
  const { message, isSimulated } = prepared;
  const isCounted = key.keyType !== 'test';
  const submission: Submission = {
    serviceId: service.id,
    keyType: key.keyType,
    rateLimit: service.rateLimit,
    message: isSimulated ? null : message,
    dailyLimit: isCounted ? service.limits[message.type] : null,
    internationalLimit:
      isCounted && message.international && !message.normalisedRecipient.startsWith('44')
        ? service.limits.international_sms
        : null,
    idempotency: idempotency && {
      ...idempotency,
      answer: deps.cipher.seal(answer, answerContext(service.id, idempotency.key)),
    },
  };
  for (let attempt = 1; ; attempt++) {
    const { verdict, tokens } = await deps.acceptance.add(submission);
    switch (verdict) {
      case 'accepted':
      case 'counted':
        return { answer, headers: rateHeaders(service, tokens) };
      case 'rate':
        deps.knownLimits.rateFull(sending);
        throw rateProblem(sending);
      case 'daily':
        deps.knownLimits.dailyFull(service, message.type);
        throw dailyProblem(service, message.type, new Date(deps.clock.now()));
      case 'international':
        throw dailyProblem(service, 'international_sms', new Date(deps.clock.now()));
      case 'duplicate': {
        const repeated = idempotency && (await repeatedAnswer(deps, sending, idempotency));
        if (repeated) return repeated;
        // The one it came after was itself refused: then it stands for itself.
        if (attempt === 3)
          throw new Error('A request with an Idempotency-Key found neither a place nor an answer.');
      }
    }
  }
}

/** A request that was refused takes its token all the same (spec 01, section 4.1). Nobody waits for it. */
export function countRefused(deps: SubmitDeps, { service, key }: Sending): void {
  deps.acceptance
    .add({
      serviceId: service.id,
      keyType: key.keyType,
      rateLimit: service.rateLimit,
      message: null,
      dailyLimit: null,
      internationalLimit: null,
      idempotency: null,
    })
    .then(
      ({ verdict }) => {
        if (verdict === 'rate') deps.knownLimits.rateFull({ service, key });
      },
      // A database that is away counts nothing.
      () => undefined,
    );
}

function answerContext(serviceId: string, key: string): string {
  return `${serviceId} ${key}`;
}
