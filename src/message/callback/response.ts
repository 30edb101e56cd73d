/** What follows from a service's response to a callback (spec 05, section 8.4). Pure. */

/** What came back when a callback was posted. */
export type CallbackResponse =
  | Readonly<{ kind: 'answered'; status: number; retryAfter: string | null }>
  /** The connection failed, or broke before the answer. `code`: of the error, or `timeout`. */
  | Readonly<{ kind: 'no answer'; code: string; detail: string }>
  /** It was not posted: callbacks may not go to this address. */
  | Readonly<{ kind: 'forbidden'; code: string; detail: string }>
  /** It was broken off because this process is stopping. */
  | Readonly<{ kind: 'given up' }>;

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
