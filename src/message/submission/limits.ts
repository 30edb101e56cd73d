import type { Clock } from '../../ground/clock.ts';
import { Problem } from '../../ground/problem.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/time-zone.ts';
import type { Caller } from '../../tenant/key/authenticate.ts';
import type { DailyLimit, Service } from '../../tenant/service/service.ts';

/** How the key types are called in messages (spec 01, section 1.1). */
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

/** 429: too many messages in a day (spec 01, section 4.2). */
export function dailyProblem(service: Service, name: DailyLimit, now: Date): Problem {
  const message = `Exceeded send limits (${name}: ${service.limits[name]}) for today`;
  const time = now.getTime();
  const seconds = Math.ceil((dayStart(dayAfter(dayOf(time), 1)) - time) / 1000);
  return new Problem(429, [{ error: 'TooManyRequestsError', message }], {
    'Retry-After': String(seconds),
    'RateLimit-Policy': `"${name}";q=${service.limits[name]};w=86400`,
    RateLimit: `"${name}";r=0;t=${seconds}`,
  });
}

/**
 * How much of the rate is left, as the IETF draft has it: `q` requests in `w` seconds; `r` left now, `t` seconds until
 * there are more.
 */
export function rateHeaders(service: Service, tokens: number): Readonly<Record<string, string>> {
  return {
    'RateLimit-Policy': `"rate";q=${service.rateLimit};w=60`,
    // The last token is never given (spec 01, section 4.1).
    RateLimit: `"rate";r=${Math.max(0, tokens - 1)};t=${secondsToToken(service)}`,
  };
}

function secondsToToken({ rateLimit }: Service): number {
  return rateLimit > 0 ? Math.max(1, Math.ceil(60 / rateLimit)) : 60;
}

/**
 * What this process knows to be full. A caller that has just been told so is refused at once, before anything else of
 * its request is looked at, and costs the database nothing (DESIGN, section 6). What is not known to be full is
 * decided by the accept batch.
 */
export type KnownLimits = {
  /** Steps 3 and 4 of spec 01 section 4.3. Throws a Problem. */
  check(caller: Caller, type: Exclude<DailyLimit, 'international_sms'>): void;
  /** The bucket was empty: nothing more until its next token. */
  rateFull(caller: Caller): void;
  dailyFull(service: Service, name: DailyLimit): void;
};

export function createKnownLimits(clock: Clock): KnownLimits {
  /** By service and key type: until when. */
  const rates = new Map<string, number>();
  /** By service and name: the day and the limit that are used up. A new limit is a new question. */
  const days = new Map<string, string>();
  const stamp = (service: Service, name: DailyLimit) => `${dayOf(clock.now())} ${service.limits[name]}`;

  return {
    check(caller, type) {
      const { service, key } = caller;
      const until = rates.get(`${service.id} ${key.keyType}`);
      if (until !== undefined && clock.now() < until) throw rateProblem(caller);
      // A test key counts nothing, so only a limit of nothing at all is reached (spec 01, section 4.2).
      if (key.keyType === 'test' && !service.restricted && service.limits[type] === 0)
        throw dailyProblem(service, type, new Date(clock.now()));
      const full = key.keyType === 'test' ? undefined : days.get(`${service.id} ${type}`);
      if (full !== undefined && full === stamp(service, type))
        throw dailyProblem(service, type, new Date(clock.now()));
    },
    rateFull({ service, key }) {
      const milliseconds = service.rateLimit > 0 ? 60_000 / service.rateLimit : 1000;
      rates.set(`${service.id} ${key.keyType}`, clock.now() + milliseconds);
    },
    dailyFull(service, name) {
      days.set(`${service.id} ${name}`, stamp(service, name));
    },
  };
}
