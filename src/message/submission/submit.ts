import { createHash } from 'node:crypto';
import type { NewDocument } from '../../content/document/file.ts';
import type { DocumentLimits } from '../../content/document/store.ts';
import type { Db } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, dayAfter, dayOf, dayStart, stopwatch } from '../../ground/clock.ts';
import { Problem } from '../../ground/problem.ts';
import { keyConflict, readIdempotencyKey } from '../../http/server/once.ts';
import type { Caller } from '../../tenant/key/authenticate.ts';
import type { DailyLimit, Service } from '../../tenant/service/service.ts';
import type { AcceptResult, Submission } from './accept-batch.ts';
import type { AcceptWithFiles, FilesResult, FilesVerdict } from './accept-with-files.ts';
import type { Prepared, Sending } from './prepare.ts';
import { type AcceptedMessage, findAnswer, storedKey } from './store.ts';

export type SubmitDeps = Readonly<{
  db: Db;
  cipher: Cipher;
  clock: Clock;
  knownLimits: KnownLimits;
  acceptance: Batcher<Submission, AcceptResult>;
  acceptWithFiles: AcceptWithFiles;
  documentLimits: DocumentLimits;
}>;

/** An `Idempotency-Key`, and the request's fingerprint, which distinguishes a repeated request from a different one. */
export type Idempotency = Readonly<{ key: string; fingerprint: Buffer }>;

/** The response body, and the headers with the remaining rate. */
export type Submitted = Readonly<{ answer: string; headers: Readonly<Record<string, string>> }>;

/** How often a request is submitted while others compete for its Idempotency-Key. */
const mostAttempts = 3;

/** Reads a request's `Idempotency-Key` header; null without one. Throws a Problem for an invalid key. */
export function readIdempotency(
  header: string | string[] | undefined,
  type: string,
  body: unknown,
): Idempotency | null {
  if (header === undefined) return null;
  const key = readIdempotencyKey(header);
  const fingerprint = createHash('sha256').update(`${type}\n`);
  if (Buffer.isBuffer(body)) fingerprint.update(body);
  return { key, fingerprint: fingerprint.digest() };
}

/**
 * The response to a request with the same Idempotency-Key and an API key of the same type in the last 24 hours; null if
 * there was none. Throws a Problem (409) if
 * that was a different request.
 */
export async function repeatedAnswer(
  deps: SubmitDeps,
  { service, key }: Sending,
  idempotency: Idempotency,
): Promise<Submitted | null> {
  const found = await findAnswer(deps.db, service.id, key.keyType, idempotency.key);
  if (!found) return null;
  if (!found.fingerprint.equals(idempotency.fingerprint)) throw keyConflict('message');
  const answer = deps.cipher.open(found.answer, answerContext(service.id, found.key));
  return { answer, headers: { 'Idempotency-Replayed': 'true' } };
}

/**
 * The last step: reserves the limits and commits the message, batched with others. Guarantee: when this resolves, the
 * message, or an earlier one with the same key, is durable; when it throws, nothing was stored. Throws a Problem: 429
 * when a limit is reached, 409 if a different request has the same key.
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
    ...(isCounted ? dailyLimits(service, message) : { dailyLimit: null, internationalLimit: null }),
    idempotency: idempotency && withAnswer(deps, sending, idempotency, answer),
  };
  for (let attempt = 1; ; attempt++) {
    const { verdict, tokens } = await accept(deps, sending, submission, prepared.documents ?? []);
    if (verdict === 'accepted' || verdict === 'counted')
      return { answer, headers: rateHeaders(service, tokens) };
    if (verdict === 'duplicate') {
      const repeated = idempotency && (await repeatedAnswer(deps, sending, idempotency));
      if (repeated) return repeated;
      // A different request that used the key first was itself refused, so this one is submitted again, unless several
      // more compete for the key.
      if (attempt === mostAttempts) throw keyConflict('message');
      continue;
    }
    const limit = limitProblem(deps, sending, message.type, verdict);
    const repeated = idempotency && (await answerPastLimit(deps, sending, idempotency));
    if (repeated) return repeated;
    throw limit;
  }
}

/** The daily limits that a message counts towards, unless it was sent with a test key; null: not towards that one. */
export function dailyLimits(
  { limits }: Pick<Service, 'limits'>,
  { type, international, normalisedRecipient }: AcceptedMessage,
): Pick<Submission, 'dailyLimit' | 'internationalLimit'> {
  const isAbroad = international && !normalisedRecipient.startsWith('44');
  return { dailyLimit: limits[type], internationalLimit: isAbroad ? limits.international_sms : null };
}

/** A message with files is accepted by itself; nothing remains of one that is refused, so its token is taken here. */
async function accept(
  deps: SubmitDeps,
  sending: Sending,
  submission: Submission,
  documents: readonly NewDocument[],
): Promise<FilesResult> {
  if (documents.length === 0) return await deps.acceptance.add(submission);
  const result = await deps.acceptWithFiles(submission, documents);
  if (result.verdict !== 'accepted') countRefused(deps, sending);
  return result;
}

/** The error for the limit that refused a message, which this process remembers. */
function limitProblem(
  { knownLimits, clock, documentLimits }: SubmitDeps,
  sending: Sending,
  type: NotificationType,
  verdict: Exclude<FilesVerdict, 'accepted' | 'counted' | 'duplicate'>,
): Problem {
  const { service } = sending;
  switch (verdict) {
    case 'rate':
      knownLimits.rateFull(sending);
      return rateProblem(sending);
    case 'daily':
      knownLimits.dailyFull(service, type);
      return dailyProblem(type, service.limits[type], new Date(clock.now()));
    case 'international':
      return dailyProblem('international_sms', service.limits.international_sms, new Date(clock.now()));
    case 'files':
    case 'file_bytes':
      return dailyProblem(verdict, documentLimits[verdict], new Date(clock.now()));
  }
}

/**
 * The response to an earlier request with the same key, for one that a limit refuses: what was accepted stays accepted.
 * A limit hides every other fault (spec 01, section 4.3), so a different request with that key gets null too.
 */
export async function answerPastLimit(
  deps: SubmitDeps,
  sending: Sending,
  idempotency: Idempotency,
): Promise<Submitted | null> {
  try {
    return await repeatedAnswer(deps, sending, idempotency);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

/** Counts a refused request against the rate limit (spec 01, section 4.1), in the background. */
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
      // While the database is unreachable, nothing is counted.
      () => undefined,
    );
}

/** What is remembered of a request with an `Idempotency-Key`: its answer is sealed. */
export function withAnswer(
  { cipher }: Pick<SubmitDeps, 'cipher'>,
  { service, key }: Caller,
  idempotency: Idempotency,
  answer: string,
) {
  const context = answerContext(service.id, storedKey(key.keyType, idempotency.key));
  return { ...idempotency, answer: cipher.seal(answer, context) };
}

/** What its sealed value belongs to. */
export function answerContext(serviceId: string, stored: string): string {
  return `${serviceId} ${stored}`;
}

/** The key types' names in error messages (spec 01, section 1.1). */
const keyNames = { normal: 'LIVE', team: 'TEAM', test: 'TEST' } as const;

/** 429: too many requests in a minute (spec 01, section 4.1). */
export function rateProblem({ service, key }: Caller): Problem {
  const { rateLimit } = service;
  const message = `Exceeded rate limit for key type ${keyNames[key.keyType]} of ${rateLimit} requests per 60 seconds`;
  const seconds = secondsToToken(service);
  return new Problem(429, [{ error: 'RateLimitError', message }], {
    'Retry-After': String(seconds),
    ...rateHeaders(service, 0),
  });
}

/** 429: too many messages, files or bytes of files in a day (spec 01, section 4.2). */
export function dailyProblem(name: DailyLimit | keyof DocumentLimits, limit: number, now: Date): Problem {
  const message = `Exceeded send limits (${name}: ${limit}) for today`;
  const time = now.getTime();
  const seconds = Math.ceil((dayStart(dayAfter(dayOf(time), 1)) - time) / 1000);
  return new Problem(429, [{ error: 'TooManyRequestsError', message }], {
    'Retry-After': String(seconds),
    'RateLimit-Policy': `"${name}";q=${limit};w=86400`,
    RateLimit: `"${name}";r=0;t=${seconds}`,
  });
}

/**
 * The remaining rate in the IETF draft's header fields: `q` requests in `w` seconds; `r` left now, `t` seconds until
 * the next one.
 */
export function rateHeaders(service: Service, tokens: number): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"rate";q=${service.rateLimit};w=60`,
    // The last token is never spent (spec 01, section 4.1).
    ratelimit: `"rate";r=${Math.max(0, tokens - 1)};t=${secondsToToken(service)}`,
  };
}

function secondsToToken({ rateLimit }: Service): number {
  return rateLimit > 0 ? Math.max(1, Math.ceil(60 / rateLimit)) : 60;
}

/**
 * Limits that this process knows to be exhausted. A caller that has just hit one is refused at once, before its request
 * is read, at no cost to the database. Everything else is decided by the accept batch.
 */
export type KnownLimits = {
  /** Steps 3 and 4 of spec 01 section 4.3: the error for the limit that is reached; null for none. */
  reached(caller: Caller, type: Exclude<DailyLimit, 'international_sms'>): Problem | null;
  /** Records that the bucket is empty: nothing is accepted until its next token. */
  rateFull(caller: Caller): void;
  /** Records that the limit is exhausted for the rest of the day. */
  dailyFull(service: Service, name: DailyLimit): void;
};

export function createKnownLimits(clock: Clock): KnownLimits {
  /** By service and key type: whether the bucket may have its next token. */
  const refilled = new Map<string, () => boolean>();
  /** By service and limit name: the day and the exhausted limit's value, so that a changed limit is tried again. */
  const days = new Map<string, string>();
  const stamp = (service: Service, name: DailyLimit) => `${dayOf(clock.now())} ${service.limits[name]}`;

  return {
    reached(caller, type) {
      const { service, key } = caller;
      const isRefilled = refilled.get(`${service.id} ${key.keyType}`);
      if (isRefilled && !isRefilled()) return rateProblem(caller);
      // Messages of test keys are not counted, so only a limit of zero can be reached (spec 01, section 4.2).
      if (key.keyType === 'test' && !service.restricted && service.limits[type] === 0)
        return dailyProblem(type, service.limits[type], new Date(clock.now()));
      const full = key.keyType === 'test' ? undefined : days.get(`${service.id} ${type}`);
      if (full !== undefined && full === stamp(service, type))
        return dailyProblem(type, service.limits[type], new Date(clock.now()));
      return null;
    },
    rateFull({ service, key }) {
      const milliseconds = service.rateLimit > 0 ? 60_000 / service.rateLimit : 1000;
      const elapsed = stopwatch();
      refilled.set(`${service.id} ${key.keyType}`, () => elapsed() >= milliseconds);
    },
    dailyFull(service, name) {
      days.set(`${service.id} ${name}`, stamp(service, name));
    },
  };
}
