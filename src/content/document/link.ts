import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** What a link carries: the id of the document and its key. */
export type DocumentLink = Readonly<{ id: string; key: Buffer }>;

/** Every path below it opens a document, so these paths are never logged (http/server/request.ts). */
const root = '/d';

/** The link that goes into the message: `{base}/d/{id}/{key}`, id and key in base64url. */
export function documentUrl(baseUrl: string, { id, key }: DocumentLink): string {
  const shortId = Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
  return `${baseUrl}${root}/${shortId}/${key.toString('base64url')}`;
}

/** Id and key from the two parts of a path; null if they cannot belong to any document. */
export function parseLink(shortId: string, key: string): DocumentLink | null {
  if (!/^[\w-]{22}$/.test(shortId) || !/^[\w-]{43}$/.test(key)) return null;
  const hex = Buffer.from(shortId, 'base64url').toString('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return { id, key: Buffer.from(key, 'base64url') };
}

/** The ids of the documents whose links a text has. */
export function documentsIn(text: string): readonly string[] {
  const links = text.matchAll(/\/d\/([\w-]{22})\/([\w-]{43})/g);
  return [...links].flatMap(([, shortId, key]) => parseLink(shortId!, key!)?.id ?? []);
}

/** The link that a simulated recipient gets (spec 01, section 3.6). It opens no document. */
export function testDocumentUrl(baseUrl: string, serviceId: string): string {
  return `${baseUrl}/services/${serviceId}/documents/test-document`;
}

/** A random key for one document, 32 bytes. It goes into the link and is stored nowhere. */
export function newKey(): Buffer {
  return randomBytes(32);
}

/**
 * Encrypts and hashes everything about one document under its key. Because only the link holds the key, a stolen
 * database neither opens a document nor says whom it was for. Each use has a key of its own, derived from it.
 */
export type DocumentCipher = Readonly<{
  /** AES-256-GCM; `part` is associated data. Stored form: nonce (12 bytes), tag (16 bytes), ciphertext. */
  seal(bytes: Uint8Array, part: string): Buffer;
  /** Throws if the bytes were changed, or belong to another part or another document. */
  open(sealed: Uint8Array, part: string): Buffer;
  /** Stored with the document; proves later that a caller has its key. */
  proof(): Buffer;
  /** Stored with the document instead of the recipient. */
  recipientHash(normalisedRecipient: string): Buffer;
}>;

const nonceLength = 12;
const tagLength = 16;

export function documentCipher({ id, key }: Readonly<{ id: string; key: Uint8Array }>): DocumentCipher {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', key, id, `despatch document ${use}`, 32));
  const hash = (use: string, text: string) => createHmac('sha256', derive(use)).update(text).digest();
  return {
    seal(bytes, part) {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv('aes-256-gcm', derive('content'), nonce).setAAD(Buffer.from(part));
      const sealed = [cipher.update(bytes), cipher.final()];
      return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]);
    },
    open(sealed, part) {
      const nonce = sealed.subarray(0, nonceLength);
      const decipher = createDecipheriv('aes-256-gcm', derive('content'), nonce, { authTagLength: tagLength })
        .setAAD(Buffer.from(part))
        .setAuthTag(sealed.subarray(nonceLength, nonceLength + tagLength));
      return Buffer.concat([decipher.update(sealed.subarray(nonceLength + tagLength)), decipher.final()]);
    },
    proof: () => hash('proof', ''),
    recipientHash: (normalisedRecipient) => hash('recipient', normalisedRecipient),
  };
}

/** Compares two hashes in constant time. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
