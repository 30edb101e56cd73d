import { createHash } from 'node:crypto';
import type { Cipher } from '../../ground/cipher.ts';

/**
 * Simulated receipts (research mode, test keys) arrive at the providers' own endpoints, but cannot carry a provider's
 * credentials or signature. They carry this header instead, which only a holder of SECRET_KEY can produce.
 */
export const ownHeader = 'x-despatch-receipt';

const contextOf = (path: string) => `receipt ${path}`;
const digest = (body: string | Buffer) => createHash('sha256').update(body).digest('base64url');

/** The value of the header for a simulated receipt that is posted to `path`. */
export function sealOwn(cipher: Cipher, path: string, body: string): string {
  return cipher.seal(digest(body), contextOf(path)).toString('base64url');
}

export function isOwn(cipher: Cipher, path: string, body: Buffer, header: unknown): boolean {
  if (typeof header !== 'string') return false;
  try {
    return cipher.open(Buffer.from(header, 'base64url'), contextOf(path)) === digest(body);
  } catch {
    return false;
  }
}
