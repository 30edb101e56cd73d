import { buildConnector, errors, Pool } from 'undici';
import type { SendResult } from '../contract.ts';

/** The answer of a provider's HTTP server. */
export type Answer = Readonly<{ status: number; text: string }>;

/** One exchange with a provider: an answer, or what is known when there is none. */
export type Exchange = Answer | Exclude<SendResult, { outcome: 'accepted' }>;

export type ProviderHttp = {
  post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<Exchange>;
  close(): Promise<void>;
};

/** Bytes of an answer that are read; a provider says what it has to say in less. */
const longestAnswer = 1_000_000;

/** Errors of connecting, TLS included: no byte of a request can have reached the provider, it did not take it. */
const beforeSending = new WeakSet<Error>();

/** Makes connections, and remembers which errors came of that. `timeout` in milliseconds. */
export function connector(timeout: number): buildConnector.connector {
  const connect = buildConnector({ timeout });
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error) beforeSending.add(error);
      callback(...([error, socket] as Parameters<buildConnector.Callback>));
    });
}

/**
 * HTTP to one provider over kept-alive connections. An error before the request could be sent is `failed`; a time-out
 * or a connection lost afterwards is `unknown`, because the provider may have taken the message all the same (DESIGN,
 * section 5). `timeoutSeconds` bounds the whole exchange; `connections` should be as many as there are senders, since
 * waiting for one counts as waiting for the provider.
 */
export function connectProvider(
  url: string,
  { timeoutSeconds, connections }: Readonly<{ timeoutSeconds: number; connections: number }>,
): ProviderHttp {
  const base = new URL(url);
  const pool = new Pool(base.origin, {
    connections,
    pipelining: 1,
    connect: connector(Math.min(5000, timeoutSeconds * 1000)),
    headersTimeout: timeoutSeconds * 1000,
    bodyTimeout: timeoutSeconds * 1000,
    keepAliveTimeout: 30_000,
    maxResponseSize: longestAnswer,
  });
  const prefix = base.pathname.replace(/\/+$/, '');
  return {
    async post(path, headers, body, signal) {
      try {
        const response = await pool.request({
          method: 'POST',
          path: prefix + path,
          headers,
          body,
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]),
        });
        return { status: response.statusCode, text: await response.body.text() };
      } catch (error) {
        return classify(error);
      }
    },
    close: () => pool.destroy(),
  };
}

/** What is known when an exchange over connections of `connector` ended in an error. */
export function classify(error: unknown): Exclude<SendResult, { outcome: 'accepted' }> {
  const code = (error as { code?: unknown }).code;
  const name = error instanceof Error ? error.name : '';
  if (error instanceof Error && beforeSending.has(error))
    return {
      outcome: 'failed',
      code: typeof code === 'string' ? code : name,
      detail: 'The provider could not be reached',
    };
  const isTimeout =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    name === 'TimeoutError';
  if (isTimeout) return { outcome: 'unknown', code: '504', detail: 'Gateway Time-out' };
  return {
    outcome: 'unknown',
    code: typeof code === 'string' ? code : name || 'error',
    detail: 'The connection ended before the provider answered',
  };
}
