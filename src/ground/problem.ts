/**
 * One thing that is wrong with a request: a stable code, a sentence and, where it concerns one field of the request,
 * the name of that field. The error format of the route decides which of them a caller sees
 * (http/server/error-format.ts).
 */
export type Fault = Readonly<{ error: string; message: string; field?: string }>;

/**
 * Why a request cannot be served: HTTP status and one or more faults. The only error that callers are shown; anything
 * else that is thrown is a bug, becomes a 500 and stays in the log.
 */
export class Problem extends Error {
  readonly status: number;
  readonly faults: readonly Fault[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, faults: readonly Fault[], headers: Record<string, string> = {}) {
    super(faults.map(({ message }) => message).join('; '));
    this.name = 'Problem';
    this.status = status;
    this.faults = faults;
    this.headers = headers;
  }
}

/** 400: the request is understood and cannot be served, and no other code fits (spec 01, section 3.1). */
export function badRequest(message: string): Problem {
  return new Problem(400, [{ error: 'BadRequestError', message }]);
}

/** 400 for a request that does not fit its schema: every fault, in the order of spec 01 section 3.2. */
export function invalid(messages: readonly string[]): Problem {
  return new Problem(
    400,
    messages.map((message) => ({ error: 'ValidationError', message })),
  );
}

/**
 * 400 with every fault of every field, for v1 and the admin API:
 * `{"to": ["Missing data for required field."]}` (spec 01, section 2).
 */
export function invalidFields(fields: Readonly<Record<string, readonly string[]>>): Problem {
  return new Problem(
    400,
    Object.entries(fields).flatMap(([field, messages]) =>
      messages.map((message) => ({ error: 'ValidationError', message, field })),
    ),
  );
}

/** 404 for a row that does not exist or belongs to another service. */
export function noResultFound(message = 'No result found'): Problem {
  return new Problem(404, [{ error: 'NoResultFound', message }]);
}

/** The caller has closed the connection, so nobody sees this. */
export function callerLeft(): Problem {
  return new Problem(499, [{ error: 'BadRequestError', message: 'The caller closed the connection.' }]);
}

/** 503: there is no room for the request now. Nothing of it was stored; the caller should send it again. */
export function unavailable(): Problem {
  return temporary('Nothing was accepted: send the request again in a few seconds.');
}

/** 503: the database cannot be reached. If that happened during a commit, nobody knows whether the request took effect. */
export function unreachable(): Problem {
  return temporary(
    'Send the request again in a few seconds. With an Idempotency-Key it takes effect once, even if this one did.',
  );
}

function temporary(advice: string): Problem {
  const message = `The service is temporarily unavailable. ${advice}`;
  return new Problem(503, [{ error: 'ServiceUnavailable', message }], { 'Retry-After': '5' });
}

/**
 * An error that the operator can fix: a setting, a port, a file, a database that does not answer. The message is a
 * sentence that says what to do; the process prints it without a stack trace and exits with 1.
 */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
