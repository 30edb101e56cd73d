/** One entry of the v2 error envelope (spec 01, section 3.1). */
export type Fault = Readonly<{ error: string; message: string }>;

/**
 * The error response to a request that cannot be served: HTTP status and one or more faults, each with a stable code
 * (`error`) and a sentence. Any other error is our fault: the caller gets a 500, and the cause stays in the log.
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

/** 400 for any request without a more specific error class (spec 01, section 3.1). */
export function badRequest(message: string): Problem {
  return new Problem(400, [{ error: 'BadRequestError', message }]);
}

/** 400 for schema failures, all of them, in order (spec 01, section 3.2). */
export function invalid(messages: readonly string[]): Problem {
  return new Problem(
    400,
    messages.map((message) => ({ error: 'ValidationError', message })),
  );
}

/**
 * 400 with everything that is wrong, by field, as in v1 and the admin API (spec 01, section 2):
 * `{"to": ["Missing data for required field."]}`.
 */
export class FieldProblem extends Problem {
  readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(fields: Readonly<Record<string, readonly string[]>>) {
    super(
      400,
      Object.values(fields).flatMap((messages) =>
        messages.map((message) => ({ error: 'ValidationError', message })),
      ),
    );
    this.fields = fields;
  }
}

/** 400 for a schema failure of the admin routes that answer in the form of v2 (spec 04, section 10.3). */
export class SchemaProblem extends Problem {
  constructor(messages: readonly string[]) {
    super(
      400,
      messages.map((message) => ({ error: 'ValidationError', message })),
    );
    this.name = 'SchemaProblem';
  }
}

/** 404 for a row that does not exist or belongs to another service. */
export function noResultFound(): Problem {
  return new Problem(404, [{ error: 'NoResultFound', message: 'No result found' }]);
}

/** 503: the database cannot be reached, and nothing of the request was kept; the caller should send it again. */
export function unavailable(): Problem {
  return new Problem(
    503,
    [
      {
        error: 'ServiceUnavailable',
        message:
          'The service is temporarily unavailable. Nothing was accepted: send the request again in a few seconds.',
      },
    ],
    { 'Retry-After': '5' },
  );
}
