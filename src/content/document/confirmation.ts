import type { Cipher } from '../../ground/cipher.ts';

/** How long a confirmed address opens the document without being asked for again. */
const seconds = 15 * 60;
const name = 'document';

const contextOf = (documentId: string) => `document confirmed ${documentId}`;

/**
 * `Set-Cookie` that says: whoever holds it has confirmed the address of this document. It is sealed under SECRET_KEY,
 * since the key of the document is in the hands of whoever has the link. Without a path it goes back to this document
 * alone, whatever a proxy puts in front.
 */
export function confirmationCookie(
  cipher: Cipher,
  documentId: string,
  now: number,
  isSecure: boolean,
): string {
  const value = cipher.seal(String(now + seconds * 1000), contextOf(documentId)).toString('base64url');
  return `${name}=${value}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

/** Whether a `Cookie` header holds a confirmation of this document that is still good at `now`. */
export function isConfirmed(
  cipher: Cipher,
  documentId: string,
  now: number,
  header: string | undefined,
): boolean {
  for (const cookie of (header ?? '').split(';')) {
    const [key, value = ''] = cookie.trim().split('=', 2);
    if (key !== name) continue;
    try {
      if (Number(cipher.open(Buffer.from(value, 'base64url'), contextOf(documentId))) > now) return true;
    } catch {
      // Changed, of another document, or sealed under a key that is gone: no confirmation.
    }
  }
  return false;
}
