/** What follows from how a service answered a callback (spec 05, section 8.4). Pure. */

/** One callback as it went over the wire. */
export type Exchange =
  | Readonly<{ kind: 'answered'; status: number; retryAfter: string | null }>
  /** No connection, or none that lasted until the answer. `code`: of the error, or `timeout`. */
  | Readonly<{ kind: 'no answer'; code: string; detail: string }>
  /** Never sent: the address is one that we do not call. */
  | Readonly<{ kind: 'forbidden'; code: string; detail: string }>
  /** This process stops. */
  | Readonly<{ kind: 'given up' }>;

export type Verdict = Readonly<{
  /** `again`: at once, since nothing is known against the service; it does not count as a try. */
  outcome: 'delivered' | 'retry' | 'failed' | 'again';
  /** HTTP status, or name of the error. */
  code: string;
  /** What went wrong, in words; null where the code says it. */
  detail: string | null;
  /** Whether it failed because its tries are used up. */
  isExhausted: boolean;
  /** Until it is tried again. */
  seconds: number;
  /** The service itself said when. */
  isAsked: boolean;
}>;

/** `tries`: failed ones before this. A probe uses up none (docs/decisions/0011). */
export type Course = Readonly<{ tries: number; isProbe: boolean; retries: number; retrySeconds: number }>;

export const longestRetryAfter = 86_400;

/**
 * Tried again: no connection, time-out, 429 and 500 upwards, `retries` times, `retrySeconds` apart or when the answer
 * says. Anything else outside 2xx is an answer that another try would not change; redirects are not followed.
 */
export function judge(exchange: Exchange, course: Course, now: number): Verdict {
  const verdict = { detail: null, isExhausted: false, seconds: 0, isAsked: false };
  switch (exchange.kind) {
    case 'given up':
      return { ...verdict, outcome: 'again', code: 'stopped', detail: 'The worker was stopped' };
    case 'forbidden':
      return { ...verdict, outcome: 'failed', code: exchange.code, detail: exchange.detail };
    case 'no answer':
      return { ...verdict, ...later(course, null), code: exchange.code, detail: exchange.detail };
    case 'answered': {
      const { status } = exchange;
      const code = String(status);
      if (status >= 200 && status < 300) return { ...verdict, outcome: 'delivered', code };
      if (status >= 500 || status === 429) {
        const asked = exchange.retryAfter === null ? null : readRetryAfter(exchange.retryAfter, now);
        return { ...verdict, ...later(course, asked), code };
      }
      const detail = status < 400 ? 'Redirects are not followed: give the address it leads to' : null;
      return { ...verdict, outcome: 'failed', code, detail };
    }
  }
}

function later(
  { tries, isProbe, retries, retrySeconds }: Course,
  asked: number | null,
): Pick<Verdict, 'outcome' | 'isExhausted' | 'seconds' | 'isAsked'> {
  const isExhausted = !isProbe && tries >= retries;
  return {
    outcome: isExhausted ? 'failed' : 'retry',
    isExhausted,
    seconds: asked ?? retrySeconds,
    isAsked: asked !== null,
  };
}

/** `Retry-After` in seconds from now, at least one and at most a day: a number, or a date of HTTP. null: it is neither. */
export function readRetryAfter(text: string, now: number): number | null {
  const given = text.trim();
  const bound = (seconds: number) => Math.min(longestRetryAfter, Math.max(1, Math.ceil(seconds)));
  if (/^\d+$/.test(given)) return bound(Number(given));
  // A date of HTTP begins with the day of the week; Date.parse alone takes much that is none.
  const time = /^[A-Za-z]{3,9},? /.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(time) ? null : bound((time - now) / 1000);
}
