import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The largest body that is read, in bytes; an email is far below it. */
export const mostBytes = 5_000_000;

/** One request and its answer. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without query, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** For what is our own mistake: says so to the client and to the log. */
  readonly fail: (err: unknown) => void;
};

export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  failed: (err: unknown) => void,
): Exchange {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
  const fail = (err: unknown) => {
    failed(err);
    if (response.headersSent) response.destroy();
    else answerError(exchange, 500, 'internal', 'The sandbox has failed');
  };
  const exchange = { request, response, path, query, fail };
  return exchange;
}

/** Answers with JSON; does nothing if the client has gone. */
export function answerJson({ response }: Exchange, status: number, value: unknown): void {
  end(response, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

/** Answers `{"error": {"code", "message"}}`, the form of every refusal of the sandbox. */
export function answerError(exchange: Exchange, status: number, code: string, message: string): void {
  answerJson(exchange, status, { error: { code, message } });
}

/** Answers with a page under the given content security policy. */
export function answerPage({ response }: Exchange, status: number, page: string, policy: string): void {
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('Referrer-Policy', 'no-referrer');
  end(response, status, 'text/html; charset=utf-8', page);
}

export function answerNothing({ response }: Exchange): void {
  if (!response.destroyed) response.writeHead(204).end();
}

function end(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.destroyed) return;
  const length = Buffer.byteLength(text);
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}

/**
 * Reads the JSON body and hands it on; answers itself, 400 or 413, if there is none to hand on. `refused` is told so.
 * JSON must be declared as such: a page of a foreign site can make a browser post plain text here, but not JSON.
 */
export function readJson(
  exchange: Exchange,
  use: (value: unknown) => void,
  refused: () => void = () => {},
): void {
  const { request } = exchange;
  const refuse = (status: number, code: string, message: string) => {
    refused();
    answerError(exchange, status, code, message);
  };
  readBody(exchange, (body) => {
    if (body === null) return refuse(413, 'too-large', `The body must have at most ${mostBytes} bytes`);
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      return refuse(400, 'invalid-request', 'The header Content-Type must be application/json');
    if (!isUtf8(body)) return refuse(400, 'invalid-request', 'The body is not UTF-8');
    let value: unknown;
    try {
      value = JSON.parse(body.toString());
    } catch {
      return refuse(400, 'invalid-request', 'The body is not JSON');
    }
    use(value);
  });
}

/** The whole body; null if it is too large. It is read to its end in any case, or the client would not see the answer. */
export function readBody({ request, fail }: Exchange, use: (body: Buffer | null) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= mostBytes) chunks.push(chunk);
    else chunks = [];
    if (size > 20 * mostBytes) request.destroy();
  });
  request.on('end', () => {
    try {
      if (size > mostBytes) use(null);
      else use(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
    } catch (err) {
      fail(err);
    }
  });
}
