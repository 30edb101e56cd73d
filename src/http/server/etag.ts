import { createHash } from 'node:crypto';
import type { onSendAsyncHookHandler } from 'fastify';

/** A strong entity tag: equal for equal bodies, quotes included. */
export function etagOf(body: string): string {
  return `"${createHash('sha1').update(body).digest('base64url')}"`;
}

/**
 * Whether an `If-None-Match` header names the tag (RFC 9110, section 13.1.2): one of its list, weak or strong, or `*`,
 * which names every answer there is.
 */
export function namesTag(header: string, tag: string): boolean {
  return header
    .split(',')
    .map((one) => one.trim())
    .some((one) => one === '*' || one.replace(/^W\//, '') === tag);
}

/**
 * Gives every JSON answer to a read an `ETag`, and answers 304 without a body to a caller that has it already (spec 04,
 * section 0.2).
 */
export const tagReads: onSendAsyncHookHandler = async (request, reply, payload) => {
  const { method, headers } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  const isJson = String(reply.getHeader('content-type')).startsWith('application/json');
  if (!isRead || reply.statusCode !== 200 || !isJson || typeof payload !== 'string') return payload;
  const tag = etagOf(payload);
  reply.header('ETag', tag);
  const known = headers['if-none-match'];
  if (known === undefined || !namesTag(known, tag)) return payload;
  reply.code(304).removeHeader('content-type');
  // What Fastify adds for HEAD takes the body away, and needs its length.
  return method === 'HEAD' ? payload : null;
};
