import type { CallbackType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { loggedUrl } from './address.ts';
import type { Poster } from './post.ts';
import type { Result } from './record.ts';
import type { Claimed } from './store.ts';
import { type Exchange, judge, type Verdict } from './verdict.ts';

export type MakeDeps = Readonly<{
  clock: Clock;
  log: Log;
  metrics: Metrics;
  cipher: Cipher;
  poster: Poster;
  retries: number;
  retrySeconds: number;
}>;

/** The tasks as log lines and metrics name them (spec 05, section 1.2). */
const tasks: Readonly<Record<CallbackType, string>> = {
  delivery_status: 'send-delivery-status',
  complaint: 'send-complaint',
  inbound_sms: 'send-inbound-sms',
};

/** Makes a callback that was claimed, logs how it went (spec 05, section 8.4), and says what is to be written. */
export function createMake(deps: MakeDeps): (claimed: Claimed, signal: AbortSignal) => Promise<Result> {
  const { clock, log, metrics, cipher, poster, retries, retrySeconds } = deps;

  async function exchange(claimed: Claimed, signal: AbortSignal): Promise<Exchange> {
    const { id, apiId, url, payload, bearerToken } = claimed;
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

  function tell(claimed: Claimed, answer: Exchange, verdict: Verdict): void {
    const task = tasks[claimed.type];
    const id = claimed.notificationId ?? claimed.subjectId;
    const url = loggedUrl(claimed.url);
    const fields = { callbackId: claimed.id, attempt: claimed.attempt };
    const exception = verdict.detail ?? `HTTP ${verdict.code}`;
    if (answer.kind === 'answered')
      log.info(fields, `${task} sending ${id} to ${url}, response ${answer.status}`);
    else log.warn(fields, `${task} request failed for id: ${id} and url: ${url}. exception: ${exception}`);
    if (verdict.outcome !== 'failed') return;
    log.warn(
      fields,
      verdict.isExhausted
        ? `Retry: ${task} has retried the max num of times for callback url ${url} and id: ${id}`
        : `${task} callback is not being retried for id: ${id} and url: ${url}. exception: ${exception}`,
    );
  }

  return async (claimed, signal) => {
    const { type, isProbe } = claimed;
    const name = tasks[type].replaceAll('-', '_');
    const answer = await metrics.timed('tasks', name, () => exchange(claimed, signal));
    const now = clock.now();
    const verdict = judge(answer, { tries: claimed.tries, isProbe, retries, retrySeconds }, now);
    tell(claimed, answer, verdict);
    const { outcome, code, detail, seconds } = verdict;
    const isDelivered = outcome === 'delivered';
    if (outcome !== 'again') metrics.count(`service-callback.${type}.${isDelivered ? 'success' : 'failure'}`);
    const isFinished = isDelivered || outcome === 'failed';
    return {
      apiId: claimed.apiId,
      ended: {
        id: claimed.id,
        attempt: claimed.attempt,
        state: isDelivered || outcome === 'failed' ? outcome : 'pending',
        dueAt: isFinished ? null : new Date(now + seconds * 1000),
        tries: outcome === 'again' || isDelivered || isProbe ? claimed.tries : claimed.tries + 1,
        finishedAt: new Date(now),
        outcome: outcome === 'again' ? 'retry' : outcome,
        code,
        detail,
      },
      effect:
        outcome === 'again'
          ? null
          : { isDelivered, isProbe, at: now, notBefore: verdict.isAsked ? now + seconds * 1000 : null },
    };
  };
}
