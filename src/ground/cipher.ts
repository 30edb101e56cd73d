import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomFillSync,
} from 'node:crypto';

/**
 * Authenticated encryption at rest of personal and secret values (spec 05, section 1.3; spec 06, section 7).
 * AES-256-GCM with a random 96-bit nonce; `context` (the id of the row or task) is associated data, so a value copied
 * to another row does not open. Stored form: version (1 byte), key id (4), nonce (12), tag (16), text.
 */
export type Cipher = {
  /** The ids of the keys in the order of SECRET_KEY, 8 hexadecimal digits as at bytes 2 to 5 of the stored form. */
  readonly keyIds: readonly string[];
  /** Encrypts UTF-8 text under the first key. */
  seal(text: string, context: string): Buffer;
  /**
   * The same, but equal texts under an equal context give equal values: for links that are made anew whenever they are
   * shown. The nonce is a keyed hash of both.
   */
  sealAlike(text: string, context: string): Buffer;
  /** Decrypts text sealed under any of the keys. Throws a CipherError. */
  open(sealed: Uint8Array, context: string): string;
  /** A hash of text under the first key, 64 hexadecimal digits: it says nothing to those who lack SECRET_KEY. */
  hash(text: string, context: string): string;
};

/** The value was changed, belongs to another row, or was sealed under a key that is no longer in SECRET_KEY. */
export class CipherError extends Error {
  override name = 'CipherError';
}

const version = 1;
const headerLength = 5;
const nonceLength = 12;
const tagLength = 16;
const prefixLength = headerLength + nonceLength + tagLength;

/** `secretKeys`: the first encrypts, all decrypt. `salt` separates installations that share a secret. */
export function createCipher(secretKeys: readonly string[], salt: string): Cipher {
  const keys = secretKeys.map((secret) => {
    const bytes = Buffer.from(hkdfSync('sha256', secret, salt, 'despatch at rest', 32));
    // Node would convert raw bytes into a key object at every use, which costs more than the encryption.
    const id = createHash('sha256').update(bytes).digest().readUInt32BE(0);
    return {
      key: createSecretKey(bytes),
      id,
      nonceKey: Buffer.from(hkdfSync('sha256', secret, salt, 'despatch nonces', 32)),
      hashKey: Buffer.from(hkdfSync('sha256', secret, salt, 'despatch hashes', 32)),
    };
  });
  const current = keys[0];
  if (!current) throw new Error('A cipher needs at least one secret key.');
  const byId = new Map(keys.map((entry) => [entry.id, entry.key]));
  const nonces = noncePool();

  const { key: currentKey, id: currentId, nonceKey, hashKey } = current;

  function sealWith(nonce: Buffer, text: string, context: string): Buffer {
    const cipher = createCipheriv('aes-256-gcm', currentKey, nonce);
    cipher.setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    const sealed = Buffer.allocUnsafe(prefixLength + body.length);
    sealed.writeUInt8(version, 0);
    sealed.writeUInt32BE(currentId, 1);
    nonce.copy(sealed, headerLength);
    cipher.getAuthTag().copy(sealed, headerLength + nonceLength);
    body.copy(sealed, prefixLength);
    return sealed;
  }

  return Object.freeze({
    keyIds: Object.freeze(keys.map(({ id }) => id.toString(16).padStart(8, '0'))),

    seal: (text: string, context: string) => sealWith(nonces(), text, context),

    sealAlike(text: string, context: string): Buffer {
      const hash = createHmac('sha256', nonceKey).update(`${context.length} ${context}${text}`).digest();
      return sealWith(hash.subarray(0, nonceLength), text, context);
    },

    hash: (text: string, context: string) =>
      createHmac('sha256', hashKey).update(`${context.length} ${context}${text}`).digest('hex'),

    open(stored: Uint8Array, context: string): string {
      const sealed = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
      if (sealed.length < prefixLength || sealed.readUInt8(0) !== version)
        throw new CipherError('Not a sealed value of a known version.');
      const key = byId.get(sealed.readUInt32BE(1));
      if (!key) throw new CipherError('Sealed under a key that is not in SECRET_KEY.');
      const decipher = createDecipheriv(
        'aes-256-gcm',
        key,
        sealed.subarray(headerLength, headerLength + nonceLength),
      );
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(sealed.subarray(headerLength + nonceLength, prefixLength));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(prefixLength)), decipher.final()]).toString(
          'utf8',
        );
      } catch (cause) {
        throw new CipherError('The sealed value does not belong here or was changed.', { cause });
      }
    },
  });
}

/** Nonces from one large random block: asking the system for 12 bytes per message costs more than encrypting it. */
function noncePool(): () => Buffer {
  const pool = Buffer.alloc(nonceLength * 512);
  let offset = pool.length;
  return () => {
    if (offset === pool.length) {
      randomFillSync(pool);
      offset = 0;
    }
    offset += nonceLength;
    return Buffer.from(pool.subarray(offset - nonceLength, offset));
  };
}
