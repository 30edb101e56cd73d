import { Agent } from 'undici';
import { classify, connector } from '../http-client.ts';

/** There was no answer; what is known then. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
  readonly result: ReturnType<typeof classify>;

  constructor(cause: unknown) {
    super('SES did not answer', { cause });
    this.result = classify(cause);
  }
}

type SdkRequest = Readonly<{
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  method: string;
  headers: Record<string, string>;
  query?: Record<string, string | string[] | null>;
  body?: string | Uint8Array;
}>;

/**
 * HTTP for the SDK over our own connections, because its own cannot tell a request that was never sent, which another
 * provider may have, from one whose answer was lost. `timeoutSeconds` bounds the whole exchange.
 */
export function sesTransport(settings: Readonly<{ timeoutSeconds: number; connections: number }>) {
  const milliseconds = settings.timeoutSeconds * 1000;
  const agent = new Agent({
    connections: settings.connections,
    pipelining: 1,
    connect: connector(Math.min(5000, milliseconds)),
    headersTimeout: milliseconds,
    bodyTimeout: milliseconds,
    keepAliveTimeout: 30_000,
    maxResponseSize: 1_000_000,
  });
  return {
    async handle(request: SdkRequest, options: Readonly<{ abortSignal?: unknown }> = {}) {
      const limit = AbortSignal.timeout(milliseconds);
      const { abortSignal } = options;
      try {
        const response = await agent.request({
          origin: `${request.protocol}//${request.hostname}${request.port ? `:${request.port}` : ''}`,
          path: request.path,
          method: request.method as 'POST',
          headers: request.headers,
          body: request.body ?? null,
          signal: abortSignal instanceof AbortSignal ? AbortSignal.any([abortSignal, limit]) : limit,
        });
        // Read here, so that an answer which breaks off counts as none.
        const body = new Uint8Array(await response.body.arrayBuffer());
        const headers: Record<string, string> = {};
        for (const [name, value] of Object.entries(response.headers))
          if (value !== undefined) headers[name] = String(value);
        return { response: { statusCode: response.statusCode, headers, body } };
      } catch (error) {
        throw new NoAnswer(error);
      }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy: () => void agent.destroy(),
  };
}
