/** Connections: those that are refused, what is still read of a request that is answered, and how all of them close. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { plainError } from './error-format.ts';

/** Answers what is no HTTP request, or did not arrive in time, and closes its connection. */
export function clientErrorHandler(
  error: Error & { code?: string; rawPacket?: unknown },
  socket: Socket,
): void {
  const { code, rawPacket } = error;
  const [status, message] =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'The request took too long to arrive.']
      : code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'The headers of the request are too large.']
        : ['400 Bad Request', 'The request could not be read.'];
  const start = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1', 0, 20) : '';
  // Too many headers may arrive in several packets, of which we see the last.
  const mayBeHead = start.startsWith('HEAD ') || (code === 'HPE_HEADER_OVERFLOW' && !/^[A-Z-]+ /.test(start));
  refuseConnection(socket, status, mayBeHead ? null : message);
}

/** We are no proxy. Node would close the connection of a CONNECT without an answer. */
export function refuseTunnel(_request: unknown, socket: Duplex): void {
  refuseConnection(socket, '405 Method Not Allowed', 'The method is not allowed for the requested URL.');
}

/** How long a refused caller may go on sending. */
const lingerMilliseconds = 1000;

/**
 * Lets the caller send the rest of a request that is answered already: it is thrown away. A connection closed with bytes
 * unread is reset, and the caller may lose the answer, or the proxy before it, which closes each connection.
 */
export function readToEnd({ raw }: FastifyRequest): void {
  if (raw.complete) return;
  const { socket } = raw;
  // Not what the socket had, which may be from a request before: one connection can have very many that are refused.
  const close = () => Socket.prototype.destroySoon.call(socket);
  socket.destroySoon = () => {
    if (raw.complete) {
      close();
      return;
    }
    raw.once('end', close);
    linger(socket);
  };
}

/** Whoever never stops sending loses the connection. */
function linger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMilliseconds);
  socket.once('close', () => clearTimeout(timer));
}

/** `message`: null for an answer to a HEAD, whose caller would take a body for a malformed second answer. */
function refuseConnection(socket: Duplex, status: string, message: string | null): void {
  // More of what has been refused.
  if (socket.writableEnded) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = message === null ? '' : plainError(message);
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
  // A connection closed with bytes unread is reset, and its caller may lose the answer.
  socket.resume();
  linger(socket);
}

/** The longest that requests in progress may run once the server closes. */
const closingMilliseconds = 2000;

/** Accepts no more connections, lets requests in progress finish, and closes connections as they become idle. */
export async function closeServer(app: FastifyInstance): Promise<void> {
  const closed = app.close();
  // A connection with a request in progress when closing began would stay open until its keep-alive ends.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  const limit = setTimeout(() => app.server.closeAllConnections(), closingMilliseconds);
  await closed.finally(() => {
    clearInterval(sweep);
    clearTimeout(limit);
  });
}
