/** Requests and answers of the sandbox on plain node:http (docs/decisions/0006-sandbox-on-node-http.md). */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The largest body that is accepted, in bytes; an email is far smaller. */
const maxBytes = 5_000_000;

/** One request and its answer. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without query, undecoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Reports a bug in the sandbox: answers 500 and logs it. */
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

/** Answers with JSON; does nothing if the client has gone away. */
export function answerJson({ response }: Exchange, status: number, value: unknown): void {
  end(response, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

/** Answers `{"error": {"code", "message"}}`, the shape of every error of the sandbox. */
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
 * Reads the JSON body and passes it to `use`; answers 400 or 413 and calls `refused` if it is malformed or too large.
 * The Content-Type must say JSON: a page of another site can make a browser post plain text here, but not JSON.
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
    if (body === null) return refuse(413, 'too-large', `The body must have at most ${maxBytes} bytes`);
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

/** The whole body; null if it is too large. It is always read completely, or the client would not see the answer. */
export function readBody({ request, fail }: Exchange, use: (body: Buffer | null) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks = [];
    if (size > 20 * maxBytes) request.destroy();
  });
  request.on('end', () => {
    try {
      if (size > maxBytes) use(null);
      else use(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
    } catch (err) {
      fail(err);
    }
  });
}
