import { type Db, databaseErrors } from '../../database/connection.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import type { CallbackType } from '../../database/tables.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import { InFlight, type Member } from '../../ground/in-flight.ts';
import { type Log, requestIdOf } from '../../ground/log.ts';
import type { Metrics, Observe } from '../../ground/metrics.ts';
import type { Traces } from '../../ground/traces.ts';
import { startRounds } from '../../queue/consume.ts';
import type { Queues } from '../../queue/queues.ts';
import { callbackQueue } from './enqueue.ts';
import { type Effect, healthAfter } from './health.ts';
import { type CallbackResponse, loggedHost, type Poster } from './post.ts';
import {
  type CallbackEnd,
  type ClaimedCallback,
  claimCallbacks,
  expireCallbacks,
  lockHealth,
  recordEnds,
  updateHealth,
} from './store.ts';

export type CallbackWorkDeps = AttemptDeps &
  Readonly<{
    db: Db;
    queues: Pick<Queues, 'onArrival'>;
    timeoutSeconds: number;
    /** Most concurrent callbacks from this process to one address. */
    concurrency: number;
  }>;

const day = 86_400_000;
const pollMilliseconds = 1000;
/** Least time between two claims. */
const paceMilliseconds = 20;
const sweepMilliseconds = 60_000;
/** Added to the time-out for recording the outcome. A dead worker's callbacks stay claimed for the sum of both. */
const leaseMilliseconds = 10_000;
/** Callbacks in one process. Beyond that each address gets a single place, so that fast addresses are still served. */
const mostAtOnce = 1000;
const longestWaitDays = 3;

type UnderWay = Member & Readonly<{ ended: Promise<void> }>;

/**
 * The tasks `send-delivery-status`, `send-complaint` and `send-inbound-sms` (spec 05, section 8), read from the table
 * `service_callbacks`. At least once: a callback is claimed, posted with no transaction open, and its outcome recorded;
 * if its worker dies, it is posted again when the claim expires. Each address has places of its own, so a slow one
 * delays no other; one that keeps failing is paused and probed (health.ts). A callback that has waited 72 hours fails.
 */
export function startCallbacks(deps: CallbackWorkDeps): { stop(milliseconds: number): Promise<void> } {
  const { db, clock, log, queues, timeoutSeconds, concurrency } = deps;
  const finished = createRecorder(deps);
  const busy = new Map<string, number>();
  const underWay = new InFlight<UnderWay>();
  const abort = new AbortController();
  /** Addresses that may have more callbacks waiting than they had places for. */
  const full = new Set<string>();
  let sinceSweep: () => number = () => Number.POSITIVE_INFINITY;

  async function run(claimed: ClaimedCallback): Promise<void> {
    const { apiId } = claimed;
    busy.set(apiId, (busy.get(apiId) ?? 0) + 1);
    try {
      await finished.add(await attemptCallback(deps, claimed, abort.signal));
    } catch (error) {
      log.error(
        { err: error, callbackId: claimed.id, requestId: requestIdOf(claimed.requestId) },
        'The outcome of a callback could not be recorded; it is sent again when its claim expires',
      );
    } finally {
      const left = busy.get(apiId)! - 1;
      if (left > 0) busy.set(apiId, left);
      else busy.delete(apiId);
      // A successful probe releases everything that waits for its address.
      if (claimed.isProbe || full.has(apiId)) rounds.wake();
    }
  }

  async function claim(): Promise<void> {
    const now = clock.now();
    const total = [...busy.values()].reduce((sum, count) => sum + count, 0);
    const places = total < mostAtOnce ? concurrency : 1;
    const claimed = await claimCallbacks(db, {
      now: new Date(now),
      until: new Date(now + timeoutSeconds * 1000 + leaseMilliseconds),
      concurrency: places,
      busy,
    });
    for (const one of claimed) {
      const ended = run(one).finally(() => underWay.delete(running));
      const running: UnderWay = { place: -1, ended };
      underWay.add(running);
    }
    full.clear();
    for (const [apiId, count] of busy) if (count >= places) full.add(apiId);
  }

  async function sweep(): Promise<void> {
    if (sinceSweep() < sweepMilliseconds) return;
    sinceSweep = stopwatch();
    const now = clock.now();
    // Callbacks may be queued on a day on which no message was accepted.
    await ensurePartitions(db, now, now + day);
    const count = await expireCallbacks(db, new Date(now - longestWaitDays * day), new Date(now));
    if (count > 0)
      log.warn({ count }, 'Callbacks that waited for 72 hours have failed; they can be replayed');
  }

  const rounds = startRounds({
    paceMilliseconds,
    pollMilliseconds,
    async round() {
      await sweep();
      await claim();
      return false;
    },
    failed: (error) =>
      log.error({ err: error, queue: callbackQueue }, 'Callbacks could not be fetched; trying again'),
  });
  queues.onArrival(callbackQueue, rounds.wake);
  return {
    async stop(milliseconds) {
      await rounds.stop();
      const late = setTimeout(() => abort.abort(new Error('The process is stopping.')), milliseconds);
      await Promise.all(underWay.all().map(({ ended }) => ended));
      clearTimeout(late);
      await deps.poster.close();
    },
  };
}

/** Batches finished attempts: many callbacks and the health of their addresses are written in one transaction. */
function createRecorder({
  db,
  metrics,
}: Pick<CallbackWorkDeps, 'db' | 'metrics'>): Batcher<FinishedAttempt, void> {
  return createBatcher<FinishedAttempt, void>({
    onFlush: (items) => metrics.batch('callback', items),
    paceMilliseconds: 5,
    ...databaseErrors,
    async flush(attempts) {
      const relevant = attempts.filter(({ effect }) => effect !== null);
      const failing = relevant.filter(({ effect }) => !effect?.isDelivered);
      const ids = (some: readonly FinishedAttempt[]) => [...new Set(some.map(({ apiId }) => apiId))];
      await db.transaction().execute(async (trx) => {
        const healths = new Map(await lockHealth(trx, ids(relevant), ids(failing)));
        for (const { apiId, effect } of relevant) {
          const health = healths.get(apiId);
          if (health && effect) healths.set(apiId, healthAfter(health, effect));
        }
        await updateHealth(trx, healths);
        await recordEnds(
          trx,
          attempts.map(({ end }) => end),
        );
      });
      return attempts.map(() => undefined);
    },
  });
}

const forwardBuckets = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];
/** Attempts that metrics tell apart. */
const mostAttempts = 10;

/** Posts of callbacks, by how they ended (spec 06, section 4.4). */
function forwardDurations(metrics: Pick<Metrics, 'histogram'>): Observe {
  return metrics.histogram(
    'service_callback_forward_duration_seconds',
    'Posts of callbacks to services; one that failed has an error_type.',
    ['callback_type', 'callback_attempt', 'error_type'],
    forwardBuckets,
  );
}

function errorTypeOf(response: CallbackResponse): string {
  if (response.kind !== 'answered') return response.kind.replace(' ', '-');
  const hundreds = Math.floor(response.status / 100);
  return hundreds === 2 ? '' : `${hundreds}xx`;
}

export type AttemptDeps = Readonly<{
  traces: Traces | null;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  poster: Poster;
  retries: number;
  retrySeconds: number;
}>;

/** How an attempt ended, and its effect on the address's health; null if it has none. */
export type FinishedAttempt = Readonly<{ apiId: string; end: CallbackEnd; effect: Effect | null }>;

/** Task names in log lines and metrics (spec 05, section 1.2). */
const taskNames: Readonly<Record<CallbackType, string>> = {
  delivery_status: 'send-delivery-status',
  complaint: 'send-complaint',
  inbound_sms: 'send-inbound-sms',
};

/** Posts a claimed callback, logs the outcome (spec 05, section 8.4) and returns what to record. */
export async function attemptCallback(
  deps: AttemptDeps,
  claimed: ClaimedCallback,
  signal: AbortSignal,
): Promise<FinishedAttempt> {
  const { clock, metrics, retries, retrySeconds, traces } = deps;
  const { type, isProbe } = claimed;
  const name = taskNames[type].replaceAll('-', '_');
  const span = traces?.begin(`callback ${type}`, claimed.requestId, { isCall: true });
  const traceparent = span?.traceparent ?? null;
  const elapsed = stopwatch();
  const response = await metrics.timed('tasks', name, () => post(deps, claimed, traceparent, signal));
  const attempt = String(Math.min(claimed.attempt, mostAttempts));
  forwardDurations(metrics)(elapsed() / 1000, type, attempt, errorTypeOf(response));
  const now = clock.now();
  const result = resultOf(response, { tries: claimed.tries, isProbe, retries, retrySeconds }, now);
  logResult(deps.log, claimed, response, result);
  const { outcome, code, detail, seconds } = result;
  const isDelivered = outcome === 'delivered';
  const isOurs = outcome === 'again';
  const isFinished = isDelivered || outcome === 'failed';
  const about = { 'callback.id': claimed.id, 'notification.id': claimed.notificationId };
  span?.end({ ...about, attempt: claimed.attempt, outcome, code }, !isDelivered);
  if (!isOurs) metrics.count(`service-callback.${type}.${isDelivered ? 'success' : 'failure'}`);
  const nextTry = now + seconds * 1000;
  return {
    apiId: claimed.apiId,
    end: {
      id: claimed.id,
      attempt: claimed.attempt,
      state: isFinished ? outcome : 'pending',
      dueAt: isFinished ? null : new Date(nextTry),
      tries: isOurs || isDelivered || isProbe ? claimed.tries : claimed.tries + 1,
      finishedAt: new Date(now),
      outcome: isOurs ? 'retry' : outcome,
      code,
      detail,
    },
    effect: isOurs ? null : { isDelivered, isProbe, at: now, notBefore: result.isAsked ? nextTry : null },
  };
}

async function post(
  { log, cipher, poster }: AttemptDeps,
  { id, apiId, url, payload, bearerToken }: ClaimedCallback,
  traceparent: string | null,
  signal: AbortSignal,
): Promise<CallbackResponse> {
  let body: string;
  let token: string;
  try {
    body = cipher.open(payload, id);
    token = cipher.open(bearerToken, apiId);
  } catch (error) {
    // Another process may have the secret that it was sealed under.
    log.error({ err: error, callbackId: id }, 'A callback could not be decrypted');
    return { kind: 'no answer', code: 'sealed', detail: 'The callback could not be decrypted' };
  }
  return await poster.post({ url, token, body, traceparent }, signal);
}

function logResult(
  log: Log,
  claimed: ClaimedCallback,
  response: CallbackResponse,
  result: CallbackResult,
): void {
  const task = taskNames[claimed.type];
  const id = claimed.notificationId ?? claimed.subjectId;
  const host = loggedHost(claimed.url);
  const { id: callbackId, attempt } = claimed;
  const fields = { callbackId, attempt, requestId: requestIdOf(claimed.requestId) };
  const exception = result.detail ?? `HTTP ${result.code}`;
  if (response.kind === 'answered')
    log.info(fields, `${task} sending ${id} to ${host}, response ${response.status}`);
  else log.warn(fields, `${task} request failed for id: ${id} and url: ${host}. exception: ${exception}`);
  if (result.outcome !== 'failed') return;
  log.warn(
    fields,
    result.isExhausted
      ? `Retry: ${task} has retried the max num of times for callback url ${host} and id: ${id}`
      : `${task} callback is not being retried for id: ${id} and url: ${host}. exception: ${exception}`,
  );
}

/** What follows from a service's response to a callback (spec 05, section 8.4). */
export type CallbackResult = Readonly<{
  /** `again`: retried at once without counting as a try, since the service is not to blame. */
  outcome: 'delivered' | 'retry' | 'failed' | 'again';
  /** The HTTP status, or the name of the error. */
  code: string;
  /** What went wrong, in words; null where the code says enough. */
  detail: string | null;
  /** Whether it failed because its tries are used up. */
  isExhausted: boolean;
  /** Delay until the next try. */
  seconds: number;
  /** Whether the service asked for that delay. */
  isAsked: boolean;
}>;

/** `tries`: how many have failed before this one. A probe does not count as a try (docs/decisions/0011). */
export type CallbackTries = Readonly<{
  tries: number;
  isProbe: boolean;
  retries: number;
  retrySeconds: number;
}>;

export const longestRetryAfter = 86_400;

/** Statuses below 500 that ask for another try: request time-out, too early (RFC 8470), too many requests. */
const temporaryStatuses: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * A failed connection, a time-out, 408, 425, 429 and 5xx are retried `retries` times, `retrySeconds` apart or as `Retry-After`
 * says. Any other status outside 2xx is final: another try would not change it. Redirects are not followed.
 */
export function resultOf(response: CallbackResponse, before: CallbackTries, now: number): CallbackResult {
  const result = { detail: null, isExhausted: false, seconds: 0, isAsked: false };
  switch (response.kind) {
    case 'given up':
      return { ...result, outcome: 'again', code: 'stopped', detail: 'The worker was stopped' };
    case 'forbidden':
      return { ...result, outcome: 'failed', code: response.code, detail: response.detail };
    case 'no answer':
      return { ...result, ...later(before, null), code: response.code, detail: response.detail };
    case 'answered': {
      const { status } = response;
      const code = String(status);
      if (status >= 200 && status < 300) return { ...result, outcome: 'delivered', code };
      if (status >= 500 || temporaryStatuses.has(status)) {
        const asked = response.retryAfter === null ? null : readRetryAfter(response.retryAfter, now);
        return { ...result, ...later(before, asked), code };
      }
      const detail =
        status < 400 ? 'Redirects are not followed: configure the address that it leads to' : null;
      return { ...result, outcome: 'failed', code, detail };
    }
  }
}

function later(
  { tries, isProbe, retries, retrySeconds }: CallbackTries,
  asked: number | null,
): Pick<CallbackResult, 'outcome' | 'isExhausted' | 'seconds' | 'isAsked'> {
  const isExhausted = !isProbe && tries >= retries;
  return {
    outcome: isExhausted ? 'failed' : 'retry',
    isExhausted,
    seconds: asked ?? retrySeconds,
    isAsked: asked !== null,
  };
}

/**
 * Returns `Retry-After`, a number of seconds or an HTTP date, as seconds from now, from 1 to a day; null if it is
 * neither.
 */
export function readRetryAfter(text: string, now: number): number | null {
  const given = text.trim();
  const bound = (seconds: number) => Math.min(longestRetryAfter, Math.max(1, Math.ceil(seconds)));
  if (/^\d+$/.test(given)) return bound(Number(given));
  // An HTTP date begins with the day of the week; Date.parse alone accepts far more than that.
  const time = /^[A-Za-z]{3,9},? /.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(time) ? null : bound((time - now) / 1000);
}
