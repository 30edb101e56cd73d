import { Agent, type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps, Agent as SecureAgent } from 'node:https';
import type { Readable } from 'node:stream';
import type { Clock } from '../../ground/clock.ts';
import { tokenFor } from '../../http/auth/tokens.ts';

/** The admin API was not reached, failed, or took too long. Shown as a page that keeps what was typed (503). */
export class ApiAway extends Error {
  override name = 'ApiAway';
}

/** The API does not let this person do that (403). `reason`: its sentence. */
export class NotAllowed extends Error {
  override name = 'NotAllowed';
  readonly reason: string;

  constructor(reason: string) {
    super('The API refused the acting person');
    this.reason = reason;
  }
}

/** There is no such thing (404). */
export class NotFound extends Error {
  override name = 'NotFound';
}

/** What the API would not do, and why. */
export type Refused = Readonly<{
  ok: false;
  status: number;
  /** By field, in the API's words. Messages without a field are under ''. */
  fields: Readonly<Record<string, readonly string[]>>;
  /** Seconds to wait before trying again, if the API said so. */
  retryAfter: number | null;
}>;

/** Thrown for what the API refused in a way that no page expects. */
export class Unexpected extends Error {
  override name = 'Unexpected';
  readonly refused: Refused;

  constructor(refused: Refused) {
    super(`The API refused with ${refused.status}`);
    this.refused = refused;
  }
}

export type Outcome<T> =
  | Readonly<{ ok: true; status: number; data: T; headers: Readonly<Record<string, string>> }>
  | Refused;

export type Download = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Readable;
}>;

/** The admin API (spec 04) over HTTP, for one visit. */
export type Api = Readonly<{
  /** The JSON at `path`. Throws NotFound, NotAllowed or ApiAway. */
  get: <T>(path: string) => Promise<T>;
  /** The same, or null if it is not there within the time of a page: that part is shown as late. */
  getSoon: <T>(path: string) => Promise<T | null>;
  /**
   * The same, read once a second at most for all visitors together and without the person's name: for subjects that are
   * the same for whoever may open the page. An unchanged answer is the same object. `milliseconds`: read less often than
   * once a second, for what takes long to find out.
   */
  subject: <T>(path: string, milliseconds?: number) => Promise<T>;
  /**
   * Sends `body` as JSON. `key`: the `Idempotency-Key` of a form, so that it takes effect once. Refusals with 400, 409,
   * 413 and 429 are returned; throws NotFound, NotAllowed or ApiAway. GET: for reads whose refusals have texts for people.
   */
  send: <T>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: unknown,
    key?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Outcome<T>>;
  /** Sends a file as it arrives. */
  upload: <T>(path: string, body: NodeJS.ReadableStream, key?: string) => Promise<Outcome<T>>;
  /** A file as it comes. Throws as `get` does, and Unexpected with the API's sentence if it would not give it now. */
  download: (path: string) => Promise<Download>;
}>;

export type ApiSettings = Readonly<{
  url: string;
  issuer: string;
  secret: string;
  clock: Clock;
}>;

/** For whom a call is made; null: nobody has signed in yet. */
export type Acting = Readonly<{ userId: string; sessionId: string } | null>;

const readMilliseconds = 2000;
const writeMilliseconds = 30_000;
const fileMilliseconds = 300_000;
const subjectMilliseconds = 1000;
/** Subjects that nobody has asked for since are forgotten. */
const mostSubjects = 10_000;
const mostBytes = 32 * 1024 * 1024;

type Asked = Readonly<{
  acting?: Acting;
  client?: Readonly<{ address: string; browser: string }> | null;
  body?: string | Readable | null;
  headers?: Readonly<Record<string, string>>;
  /** For all of it, the last byte of the answer included. */
  milliseconds: number;
}>;

type Subject = { asked: number; tag: string | null; value: Promise<unknown> };

/** The way to the API that all visits share: connections, the token, and subjects that many look at. */
export type ApiLine = Readonly<{
  for: (acting: Acting, client: Readonly<{ address: string; browser: string }>) => Api;
  close: () => Promise<void>;
}>;

export function createApiLine({ url, issuer, secret, clock }: ApiSettings): ApiLine {
  // Of Node.js itself: undici would take 15 MiB more.
  const isSecure = url.startsWith('https:');
  const agent = new (isSecure ? SecureAgent : Agent)({ keepAlive: true, maxSockets: 64 });
  const subjects = new Map<string, Subject>();
  const token = createToken(issuer, secret, clock);

  async function request(method: string, path: string, asked: Asked): Promise<IncomingMessage> {
    // Whatever stands between here and the API may walk such a path up, to something else.
    if (/(?:\/|%2f)\.{1,2}(?=\/|%2f|$)/i.test(path.split('?', 1)[0]!))
      throw new NotFound('No path of the API goes up');
    try {
      return await send(method, path, asked);
    } catch (cause) {
      throw new ApiAway(`${method} of the admin API failed`, { cause });
    }
  }

  function send(method: string, path: string, asked: Asked, isAgain = false): Promise<IncomingMessage> {
    const { acting = null, client = null, body = null, headers = {}, milliseconds } = asked;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = (isSecure ? overHttps : overHttp)(new URL(path, url), {
      ...{ method, agent, signal: AbortSignal.timeout(milliseconds) },
      headers: {
        Authorization: `Bearer ${token()}`,
        ...(acting && { 'X-Notify-User-Id': acting.userId, 'X-Notify-Session-Id': acting.sessionId }),
        ...(client && {
          'X-Notify-Client-Address': client.address,
          'X-Notify-Client-Browser': client.browser,
        }),
        ...(typeof body === 'string' && { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // The API had closed the connection meanwhile, so it has seen nothing of this.
      const isStale = sent.reusedSocket && error.code === 'ECONNRESET' && method === 'GET' && !isAgain;
      if (isStale) send(method, path, asked, true).then(resolve, reject);
      else reject(error);
    });
    if (body === null || typeof body === 'string') {
      sent.on('response', resolve);
      sent.end(body ?? undefined);
      return promise;
    }
    body.on('error', (error) => sent.destroy(error));
    body.on('close', () => {
      if (!body.readableEnded) sent.destroy(new Error('The file did not come to its end'));
    });
    sent.on('response', (answer) => {
      // Answered before its end: it reads no more of it, and whoever sends the file still has to be rid of the rest.
      if (!body.readableEnded) {
        body.unpipe(sent);
        answer.on('close', () => sent.destroy());
      }
      resolve(answer);
    });
    body.pipe(sent);
    return promise;
  }

  async function read<T>(response: IncomingMessage): Promise<Outcome<T>> {
    const text = await textOf(response);
    const status = statusOf(response);
    const value = parsed(text);
    if (status < 400) return { ok: true, status, data: value as T, headers: flat(response.headers) };
    if (status === 404) throw new NotFound(`The admin API knows no such thing`);
    if (status === 401 || status === 403) throw new NotAllowed(sentences(value).join(' '));
    if (status >= 500 || status === 408) throw new ApiAway(`The admin API answered ${status}`);
    const retryAfter = Number(flat(response.headers)['retry-after']);
    return {
      ok: false,
      status,
      fields: fieldsOf(value),
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : null,
    };
  }

  async function getAs<T>(acting: Acting, path: string): Promise<T> {
    const outcome = await read<T>(await request('GET', path, { acting, milliseconds: readMilliseconds }));
    // A read is refused only if an address holds nonsense.
    if (!outcome.ok) throw new NotFound(`The admin API refused with ${outcome.status}`);
    return outcome.data;
  }

  async function refresh(path: string, before: Subject | undefined): Promise<unknown> {
    const headers: Record<string, string> = before?.tag ? { 'If-None-Match': before.tag } : {};
    const response = await request('GET', path, { headers, milliseconds: readMilliseconds });
    if (response.statusCode === 304 && before) {
      response.resume();
      return before.value;
    }
    const outcome = await read<unknown>(response);
    if (!outcome.ok) throw new NotFound(`The admin API refused with ${outcome.status}`);
    const subject = subjects.get(path);
    if (subject) subject.tag = outcome.headers['etag'] ?? null;
    return outcome.data;
  }

  function subjectAt(path: string, milliseconds: number): Promise<unknown> {
    const now = clock.now();
    const known = subjects.get(path);
    if (known && now - known.asked < milliseconds) return known.value;
    const subject: Subject = { asked: now, tag: known?.tag ?? null, value: refresh(path, known) };
    subjects.delete(path);
    subjects.set(path, subject);
    subject.value.catch(() => subjects.delete(path));
    if (subjects.size > mostSubjects) subjects.delete(subjects.keys().next().value!);
    return subject.value;
  }

  return {
    for: (acting, client) => ({
      get: (path) => getAs(acting, path),
      getSoon: async <T>(path: string) => {
        try {
          return await getAs<T>(acting, path);
        } catch (error) {
          if (error instanceof ApiAway) return null;
          throw error;
        }
      },
      subject: <T>(path: string, milliseconds = subjectMilliseconds) =>
        subjectAt(path, milliseconds) as Promise<T>,
      async send(method, path, body, key, headers = {}) {
        return read(
          await request(method, path, {
            ...{ acting, client, milliseconds: writeMilliseconds },
            body: body === undefined ? null : JSON.stringify(body),
            headers: { ...(key !== undefined && { 'Idempotency-Key': key }), ...headers },
          }),
        );
      },
      async upload(path, body, key) {
        return read(
          await request('POST', path, {
            ...{ acting, client, milliseconds: fileMilliseconds },
            body: body as Readable,
            headers: key === undefined ? {} : { 'Idempotency-Key': key },
          }),
        );
      },
      async download(path) {
        const response = await request('GET', path, { acting, milliseconds: fileMilliseconds });
        const status = statusOf(response);
        if (status >= 400) {
          const outcome = await read(response);
          if (!outcome.ok) throw new Unexpected(outcome);
          throw new ApiAway('The admin API answered with something else than a file');
        }
        return { status, headers: flat(response.headers), body: response };
      },
    }),
    close: async () => agent.destroy(),
  };
}

/** The admin client's token, made anew every 10 seconds. */
function createToken(issuer: string, secret: string, clock: Clock): () => string {
  let made = { at: Number.NEGATIVE_INFINITY, token: '' };
  return () => {
    const now = clock.now();
    if (Math.abs(now - made.at) > 10_000) made = { at: now, token: tokenFor(issuer, secret, now) };
    return made.token;
  };
}

const statusOf = ({ statusCode = 0 }: IncomingMessage) => statusCode;

async function textOf(body: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += (chunk as Buffer).length;
      if (size > mostBytes) throw new Error('The answer is too large');
      chunks.push(chunk as Buffer);
    }
  } catch (cause) {
    throw new ApiAway('The answer of the admin API broke off', { cause });
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiAway('The admin API answered with something else than JSON', { cause });
  }
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

/** The messages of an error by field (spec 04, section 10.1). */
function fieldsOf(value: unknown): Record<string, readonly string[]> {
  const message =
    (value as { message?: unknown } | null)?.message ?? (value as { errors?: unknown } | null)?.errors;
  if (typeof message === 'string') return { '': [message] };
  if (Array.isArray(message))
    return { '': message.map((entry) => String((entry as { message?: string }).message ?? entry)) };
  if (typeof message !== 'object' || message === null) return { '': ['The request was refused'] };
  return Object.fromEntries(
    Object.entries(message).map(([field, texts]) => [field === '_schema' ? '' : field, allTexts(texts)]),
  );
}

function allTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Object.values(value).flatMap(allTexts);
}

function sentences(value: unknown): string[] {
  return Object.values(fieldsOf(value)).flat();
}
