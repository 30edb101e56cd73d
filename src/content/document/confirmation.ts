import type { Cipher } from '../../ground/cipher.ts';

/** How long a confirmed email address opens the document without being asked for again. */
const maxAgeSeconds = 15 * 60;
const cookieName = 'document';

const contextOf = (documentId: string) => `document confirmed ${documentId}`;

/**
 * The `Set-Cookie` header that proves a confirmed email address for one document; `now` is in Unix milliseconds. It is
 * sealed under SECRET_KEY, because everybody with the link has the document's own key. It has no path, so browsers send
 * it back to this document only, whatever path a proxy adds.
 */
export function confirmationCookie(
  cipher: Cipher,
  documentId: string,
  now: number,
  isSecure: boolean,
): string {
  const sealed = cipher.seal(String(now + maxAgeSeconds * 1000), contextOf(documentId));
  const value = sealed.toString('base64url');
  return `${cookieName}=${value}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

/** Whether a `Cookie` header holds a confirmation of this document that is valid at `now` (Unix milliseconds). */
export function isConfirmed(
  cipher: Cipher,
  documentId: string,
  now: number,
  header: string | undefined,
): boolean {
  for (const cookie of (header ?? '').split(';')) {
    const [name, value = ''] = cookie.trim().split('=', 2);
    if (name !== cookieName) continue;
    try {
      if (Number(cipher.open(Buffer.from(value, 'base64url'), contextOf(documentId))) > now) return true;
    } catch {
      // Tampered with, of another document, or sealed under a key that is gone.
    }
  }
  return false;
}
