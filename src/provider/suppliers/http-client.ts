/** Sending to a provider over HTTP, and what its response means. */

import { createRequire } from 'node:module';
import type { Dispatcher } from 'undici';
import { type CallResult, type Calls, createCalls, withoutOwnLimits } from '../../ground/http-call.ts';
import type { SendResult } from '../contract.ts';

const require = createRequire(import.meta.url);
/** Loaded with the first client: it takes 15 MiB, and a process that only has the pages calls no provider. */
const undici = (): typeof import('undici') => require('undici');

type NotAccepted = Exclude<SendResult, { outcome: 'accepted' }>;

export type HttpResponse = Readonly<{ status: number; text: string }>;

/** A response, or what is known if there was none. */
export type HttpResult = HttpResponse | NotAccepted;

export type HttpLimits = Readonly<{
  /** Bounds the whole request, from waiting for a connection to the last byte of the response. */
  timeoutSeconds: number;
  /** As many as there are senders, since waiting for a connection counts as waiting for the provider. */
  connections: number;
}>;

export type HttpClient = {
  post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<HttpResult>;
  close(): Promise<void>;
};

/** In bytes; no provider needs more. */
const longestResponse = 1_000_000;

/** Options for connections to a provider: kept alive, one request at a time on each. */
export function connectionOptions({ timeoutSeconds, connections }: HttpLimits) {
  return {
    ...withoutOwnLimits,
    connections,
    pipelining: 1,
    connect: { timeout: Math.min(5000, timeoutSeconds * 1000) },
    keepAliveTimeout: 30_000,
    maxResponseSize: longestResponse,
  };
}

/** Calls over connections to a provider. */
export function providerCalls(dispatcher: Dispatcher, { timeoutSeconds }: HttpLimits): Calls {
  return createCalls(dispatcher, { milliseconds: timeoutSeconds * 1000, keepBodies: true });
}

/** Like undici's own reading of a body: without a byte order mark, and with what is no UTF-8 replaced. */
const utf8 = new TextDecoder();

/**
 * HTTP to one provider. An error before the request could be sent is `failed`; a time-out or a connection lost
 * afterwards is `unknown`, because the provider may have taken the message anyway.
 */
export function connectProvider(url: string, limits: HttpLimits): HttpClient {
  const base = new URL(url);
  const { call, close } = providerCalls(new (undici().Pool)(base.origin, connectionOptions(limits)), limits);
  const prefix = base.pathname.replace(/\/+$/, '');
  return {
    async post(path, headers, body, signal) {
      const result = await call({ method: 'POST', path: prefix + path, headers, body }, signal);
      return isWhole(result) ? { status: result.status, text: utf8.decode(result.body) } : classify(result);
    },
    close,
  };
}

/** Whether a call got a response to its end; one that is cut off counts as none. */
export function isWhole(result: CallResult): result is CallResult & { status: number } {
  return result.isWhole && result.status !== null;
}

/** What is known after a call ended without a whole response. */
export function classify({ error, endedBy, mayBeSent }: CallResult): NotAccepted {
  const { code } = (error ?? {}) as { code?: unknown };
  const name = error instanceof Error ? error.name : '';
  const known = typeof code === 'string' ? code : name || 'error';
  // A caller who stopped says nothing about the provider.
  if (!mayBeSent && endedBy !== 'signal')
    return {
      outcome: 'failed',
      code: endedBy === 'deadline' ? 'ETIMEDOUT' : known,
      detail: 'The provider could not be reached',
    };
  if (name === 'TimeoutError') return { outcome: 'unknown', code: '504', detail: 'Gateway Time-out' };
  return { outcome: 'unknown', code: known, detail: 'The connection ended before the provider answered' };
}

export function isSuccess({ status }: Pick<HttpResponse, 'status'>): boolean {
  return status >= 200 && status < 300;
}

/**
 * A gateway's status when its upstream server did not respond in time, or not in HTTP. That server may have the
 * message, so it must not go to another provider.
 */
export function isGatewayError(status: number): boolean {
  return status === 502 || status === 504;
}

/**
 * A response outside 2xx: the provider did not take the message. `ownCode` is the provider's code for it. Its text is
 * left out: providers repeat the recipient in it, and the detail is kept on the timeline.
 */
export function refusedBy(
  provider: string,
  { status }: Pick<HttpResponse, 'status'>,
  ownCode?: unknown,
): NotAccepted {
  const isCode =
    typeof ownCode === 'number' || (typeof ownCode === 'string' && /^[\w.-]{1,60}$/.test(ownCode));
  return {
    outcome: isGatewayError(status) ? 'unknown' : 'failed',
    code: isCode ? String(ownCode) : String(status),
    detail: `${provider} answered ${status}`,
  };
}

/**
 * 2xx with a body that cannot be read. The provider probably has the message: giving it to another one would risk a
 * second copy, while waiting and retrying with the same reference does not.
 */
export function unreadableFrom(provider: string, { status }: Pick<HttpResponse, 'status'>): NotAccepted {
  return {
    outcome: 'unknown',
    code: String(status),
    detail: `${provider} answered ${status} with a body that cannot be read`,
  };
}

/** The receipt URL to give to a provider, with the `user:password` that its receipts must carry, if any. */
export function receiptUrlWith(url: string | null, userAndPassword: string | null): string | null {
  if (url === null || userAndPassword === null) return url;
  const withCredentials = new URL(url);
  const colon = userAndPassword.indexOf(':');
  withCredentials.username = encodeURIComponent(userAndPassword.slice(0, colon));
  withCredentials.password = encodeURIComponent(userAndPassword.slice(colon + 1));
  return withCredentials.href;
}

/** The origin to connect to, and the path with its query. */
export function splitUrl(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: pathname + search };
}
