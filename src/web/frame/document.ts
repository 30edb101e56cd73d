import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const toGzip = promisify(gzip);
const toBrotli = promisify(brotliCompress);
/** Below this many bytes compressing is not worth its time. */
const smallBytes = 1024;

/** Sends a document, compressed as the browser accepts. */
export async function sendDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
): Promise<FastifyReply> {
  reply.type('text/html; charset=utf-8').header('Vary', 'Accept-Encoding');
  const accepted = String(request.headers['accept-encoding'] ?? '');
  if (text.length < smallBytes || !/\b(br|gzip)\b/.test(accepted)) return reply.send(text);
  if (/\bbr\b/.test(accepted)) {
    // Pages are small: the usual window of 4 MiB would take megabytes for each that is being compressed.
    const params = { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 16 };
    return reply.header('Content-Encoding', 'br').send(await toBrotli(text, { params }));
  }
  return reply.header('Content-Encoding', 'gzip').send(await toGzip(text, { level: 5 }));
}
