import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Effect } from './health.ts';
import { type CallbackResponse, loggedUrl, type Poster } from './post.ts';
import type { CallbackEnd, ClaimedCallback } from './store.ts';

export type AttemptDeps = Readonly<{
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  poster: Poster;
  retries: number;
  retrySeconds: number;
}>;

/** How an attempt ended, and what that says about the address. `effect`: null where it says nothing. */
export type FinishedAttempt = Readonly<{ apiId: string; end: CallbackEnd; effect: Effect | null }>;

/** The tasks as log lines and metrics name them (spec 05, section 1.2). */
const taskNames: Readonly<Record<CallbackType, string>> = {
  delivery_status: 'send-delivery-status',
  complaint: 'send-complaint',
  inbound_sms: 'send-inbound-sms',
};

/** Posts a callback that this process has claimed, logs how it went (spec 05, section 8.4), and says what to record. */
export async function attemptCallback(
  deps: AttemptDeps,
  claimed: ClaimedCallback,
  signal: AbortSignal,
): Promise<FinishedAttempt> {
  const { clock, metrics, retries, retrySeconds } = deps;
  const { type, isProbe } = claimed;
  const name = taskNames[type].replaceAll('-', '_');
  const response = await metrics.timed('tasks', name, () => post(deps, claimed, signal));
  const now = clock.now();
  const result = resultOf(response, { tries: claimed.tries, isProbe, retries, retrySeconds }, now);
  logResult(deps.log, claimed, response, result);
  const { outcome, code, detail, seconds } = result;
  const isDelivered = outcome === 'delivered';
  const isOurs = outcome === 'again';
  const isFinished = isDelivered || outcome === 'failed';
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
  return await poster.post({ url, token, body }, signal);
}

function logResult(
  log: Log,
  claimed: ClaimedCallback,
  response: CallbackResponse,
  result: CallbackResult,
): void {
  const task = taskNames[claimed.type];
  const id = claimed.notificationId ?? claimed.subjectId;
  const url = loggedUrl(claimed.url);
  const fields = { callbackId: claimed.id, attempt: claimed.attempt };
  const exception = result.detail ?? `HTTP ${result.code}`;
  if (response.kind === 'answered')
    log.info(fields, `${task} sending ${id} to ${url}, response ${response.status}`);
  else log.warn(fields, `${task} request failed for id: ${id} and url: ${url}. exception: ${exception}`);
  if (result.outcome !== 'failed') return;
  log.warn(
    fields,
    result.isExhausted
      ? `Retry: ${task} has retried the max num of times for callback url ${url} and id: ${id}`
      : `${task} callback is not being retried for id: ${id} and url: ${url}. exception: ${exception}`,
  );
}

/** What follows from a service's response to a callback (spec 05, section 8.4). */
export type CallbackResult = Readonly<{
  /** `again`: at once, since the service is not to blame; it does not count as a try. */
  outcome: 'delivered' | 'retry' | 'failed' | 'again';
  /** The HTTP status, or the name of the error. */
  code: string;
  /** What went wrong, in words; null where the code says enough. */
  detail: string | null;
  /** Whether it failed because its tries are used up. */
  isExhausted: boolean;
  /** Until the next try. */
  seconds: number;
  /** The service asked for that delay. */
  isAsked: boolean;
}>;

/** The tries of a callback: `tries` have failed before this one. A probe uses up none (docs/decisions/0011). */
export type CallbackTries = Readonly<{
  tries: number;
  isProbe: boolean;
  retries: number;
  retrySeconds: number;
}>;

export const longestRetryAfter = 86_400;

/**
 * No connection, a time-out, 429 and 5xx are tried again, `retries` times, `retrySeconds` apart or as `Retry-After` says.
 * Any other status outside 2xx is final: another try would not change it. Redirects are not followed.
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
      if (status >= 500 || status === 429) {
        const asked = response.retryAfter === null ? null : readRetryAfter(response.retryAfter, now);
        return { ...result, ...later(before, asked), code };
      }
      const detail = status < 400 ? 'Redirects are not followed: give the address it leads to' : null;
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

/** `Retry-After`, a number of seconds or an HTTP date, as seconds from now: 1 to a day. null: it is neither. */
export function readRetryAfter(text: string, now: number): number | null {
  const given = text.trim();
  const bound = (seconds: number) => Math.min(longestRetryAfter, Math.max(1, Math.ceil(seconds)));
  if (/^\d+$/.test(given)) return bound(Number(given));
  // An HTTP date begins with the day of the week; Date.parse alone accepts far more than dates.
  const time = /^[A-Za-z]{3,9},? /.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(time) ? null : bound((time - now) / 1000);
}
