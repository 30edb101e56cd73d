import { type TSchema, Type } from 'typebox';
import { usualBodyLimit } from '../server/body.ts';
import type { Answer, Documentation, Route } from '../server/define-route.ts';
import { type JsonSchema, propertiesOf } from './schema.ts';

/** A documented route. */
export type DocumentedRoute = Route & Extract<Documentation, { summary: string }>;

/** The codes of the v2 envelope and when each is given (spec 01, section 3.1). */
export const errorClasses: Readonly<Record<string, string>> = {
  AuthError: '401, 403: the token is missing or does not belong to an active key.',
  ValidationError: '400: the request does not match its schema; one entry for each fault.',
  BadRequestError: '400, 413: the request is well formed but cannot be served.',
  InvalidPhoneError: '400: the service may not send to this kind of number.',
  NoResultFound: '404: the service has nothing with this id.',
  ConflictError: '409: the `Idempotency-Key` was used for a different request.',
  RateLimitError: '429: too many requests in a minute; try again in a few seconds.',
  TooManyRequestsError: '429: the daily limit is reached, or too many requests that read are waiting.',
  SoftEventletTimeout: '504: reading took too long; the message says what to ask instead.',
  ServiceUnavailable: '503: the database cannot be reached. Nothing was stored; send the request again.',
  InternalServerError: '500: a fault on our side.',
};

/** The two error envelopes (server/error-format.ts). */
export const errorSchemas: Readonly<Record<string, JsonSchema>> = {
  Errors: {
    type: 'object',
    description: 'An error under `/v2`.',
    properties: {
      status_code: { type: 'integer', description: 'The status of the response.' },
      errors: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          properties: {
            error: {
              type: 'string',
              enum: Object.keys(errorClasses),
              description: Object.entries(errorClasses)
                .map(([name, meaning]) => `- \`${name}\`: ${meaning}`)
                .join('\n'),
            },
            message: { type: 'string', description: 'A sentence. It does not change between releases.' },
          },
          required: ['error', 'message'],
        },
      },
    },
    required: ['status_code', 'errors'],
  },
  Error: {
    type: 'object',
    description:
      'An error outside `/v2`, or for an unknown path or wrong method anywhere. `message` is a text, or the errors by field; those of the token are under `token`.',
    properties: {
      result: { const: 'error' },
      message: { type: ['string', 'object', 'array', 'null'] },
    },
    required: ['result', 'message'],
  },
};

/** Response headers by name. */
export const headerObjects: Readonly<Record<string, JsonSchema>> = {
  RateLimit: {
    description:
      'What remains of the limit: `"rate";r=998;t=1` means that 998 requests are left for this type of key, and that there will be more in 1 second.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description:
      'The limit: `"rate";q=3000;w=60` means 3000 requests in 60 seconds, `"sms";q=250000;w=86400` means 250,000 texts in a day.',
    schema: { type: 'string' },
  },
  'Idempotency-Replayed': {
    description: '`true` if the response repeats that to an earlier request with the same `Idempotency-Key`.',
    schema: { const: 'true' },
  },
  ETag: {
    description:
      'Names the body: sent back as `If-None-Match`, it is answered 304 while the body is the same.',
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds to wait before sending the request again.',
    schema: { type: 'string', pattern: '^\\d+$' },
  },
};

/** Whether requests of this route are rate limited (spec 01, section 4.1). */
function isLimited(method: string, { tag, body, rawBody }: DocumentedRoute): boolean {
  return method === 'POST' && (body ?? rawBody) !== undefined && (tag === 'Sending' || tag === 'Version 1');
}

/** Whether a service reads with it, from connections of their own (spec 01, section 4.1). */
function isRead(method: string, { authentication }: DocumentedRoute): boolean {
  return method === 'GET' && authentication === 'service key';
}

/** Whether it reads JSON in the admin API, so that its answers have an `ETag` (spec 04, section 0.2). */
function isAdminRead(method: string, { authentication, answers }: DocumentedRoute): boolean {
  return method === 'GET' && authentication === 'admin' && answers?.[200]?.contentType === undefined;
}

/** Whether it writes in the admin API, and takes an `Idempotency-Key` (spec 04, section 0.2). */
function isAdminWrite(method: string, { authentication }: DocumentedRoute): boolean {
  return (method === 'POST' || method === 'PUT') && authentication === 'admin';
}

/** Whether it checks a part of its path that the path itself admits with any text. */
function checksPath(url: string, { params }: DocumentedRoute): boolean {
  return Object.entries(propertiesOf(params)).some(
    ([name, { type, description, examples, ...rules }]) =>
      !url.includes(`:${name}(`) && Object.keys(rules).length > 0,
  );
}

const idempotencyKey = Type.String({
  minLength: 1,
  maxLength: 255,
  description:
    'A unique value for this request, such as a UUID, in printable ASCII. For 24 hours, repeating the request with the same value for the same acting user returns the first response, and nothing is done twice. A refused request leaves the value free.',
});
const ifNoneMatch = Type.String({
  description: 'The `ETag` of an earlier response: 304 if the body would be the same.',
});

/** The headers that a route takes: its own, and those that follow from its kind. */
export function headersTaken(method: string, route: DocumentedRoute): Readonly<Record<string, TSchema>> {
  return {
    ...route.headers,
    ...(isAdminWrite(method, route) && { 'Idempotency-Key': idempotencyKey }),
    ...(isAdminRead(method, route) && { 'If-None-Match': ifNoneMatch }),
  };
}

/** The headers of a response. */
export function headersOf(status: number, method: string, route: DocumentedRoute): readonly string[] {
  const hasRate = isLimited(method, route) && (status === 201 || status === 429);
  return [
    ...(hasRate ? ['RateLimit', 'RateLimit-Policy'] : []),
    ...(status < 300 && headersTaken(method, route)['Idempotency-Key'] ? ['Idempotency-Replayed'] : []),
    ...(isAdminRead(method, route) && (status === 200 || status === 304) ? ['ETag'] : []),
    ...(status === 429 || status === 503 ? ['Retry-After'] : []),
  ];
}

/** What a status means if the route does not say. */
const general: Readonly<Record<number, string>> = {
  304: 'The body is the one whose `ETag` is in `If-None-Match`.',
  400: 'A part of the path, or the `Idempotency-Key`, is malformed.',
  401: 'The token is missing.',
  403: 'The token does not belong to an active key, or its time is off by more than 30 seconds.',
  404: 'There is nothing at this path.',
  409: 'The `Idempotency-Key` was used for a different request, for one that is still under way (`Retry-After`), or for one that did not come to an end, which may have taken effect or not.',
  405: 'The path does not allow this method; `Allow` lists those it does.',
  429: 'Too many requests in the last minute (`RateLimitError`), or too many messages today (`TooManyRequestsError`).',
  503: 'The database cannot be reached. Nothing was stored; send the request again.',
  504: 'Reading took longer than 5 seconds, or a search found nothing in time. The message says what to ask instead.',
};
const tooManyReads = 'Too many requests of the service that read are waiting (`TooManyRequestsError`).';

/** All responses of a route: those it lists, and those that follow from its kind. */
export function allAnswers(method: string, url: string, route: DocumentedRoute): Map<number, Answer> {
  const hasToken = needsToken(route);
  const follows: Readonly<Record<number, boolean>> = {
    304: isAdminRead(method, route),
    400: isAdminWrite(method, route) || checksPath(url, route),
    401: hasToken,
    403: hasToken,
    404: url.includes(':'),
    405: true,
    409: isAdminWrite(method, route),
    429: isLimited(method, route) || isRead(method, route),
    503: hasToken,
    504: isRead(method, route),
  };
  const answers = new Map<number, Answer>();
  for (const [status, text] of Object.entries(general))
    if (follows[Number(status)]) answers.set(Number(status), { description: text });
  if (isRead(method, route)) answers.set(429, { description: tooManyReads });
  if (method === 'POST' || method === 'PUT') answers.set(413, { description: sizeText(route) });
  for (const [status, answer] of Object.entries(route.answers)) answers.set(Number(status), answer);
  return new Map([...answers].sort(([a], [b]) => a - b));
}

function sizeText({ bodyLimit = usualBodyLimit }: DocumentedRoute): string {
  if (bodyLimit === 0) return 'There is a body.';
  const mebibytes = bodyLimit / 1024 / 1024;
  return `The body is larger than ${mebibytes >= 1 ? `${mebibytes} MiB` : `${bodyLimit / 1024} KiB`}.`;
}

export function needsToken({ authentication }: DocumentedRoute): boolean {
  return authentication === 'service key' || authentication === 'admin';
}
