import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/**
 * The lock of one document. Its key is random, stands in the link alone and is stored nowhere, so that a stolen database
 * opens no document and does not even tell whom it was for. Three keys are derived from it, one for each use.
 */
export type Lock = Readonly<{
  /** AES-256-GCM; `part` is associated data. Stored form: nonce (12 bytes), tag (16), text. */
  seal(bytes: Uint8Array, part: string): Buffer;
  /** Throws where the bytes were changed, or are another part or another document's. */
  open(sealed: Uint8Array, part: string): Buffer;
  /** Stored with the document: shows later that somebody has its key. */
  proof(): Buffer;
  /** Stored with the document in place of the recipient. */
  recipientHash(normalisedRecipient: string): Buffer;
}>;

const nonceLength = 12;
const tagLength = 16;

export function newKey(): Buffer {
  return randomBytes(32);
}

/** The lock of the document `id` under its key. */
export function lockOf(id: string, key: Uint8Array): Lock {
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

/** Whether two hashes are the same, in a time that does not tell where they differ. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
