import type { KeyType } from '../../database/tables.ts';
import { decomposed } from '../../ground/text.ts';

/** A service's API key, as used for authentication. */
export type ApiKey = Readonly<{
  id: string;
  serviceId: string;
  name: string;
  keyType: KeyType;
  /** A UUIDv4: the HMAC key for its tokens. It never changes and is shown only once. */
  secret: string;
  /** When it ended or will end; null: it does not end. */
  expiresAt: Date | null;
}>;

/**
 * The key as people paste it: `{name}-{service id}-{secret}`, with the name in lower case and without accents, white
 * space replaced by `_`, and all other characters but letters and digits removed (spec 01, section 1.1).
 */
export function pasteableKey(key: Pick<ApiKey, 'name' | 'serviceId' | 'secret'>): string {
  const name = decomposed(key.name, 'NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_]/g, '');
  return `${name}-${key.serviceId}-${key.secret}`;
}
