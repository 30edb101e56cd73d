import type { KeyType } from '../../database/tables.ts';

/** An API key of a service, as authentication needs it. */
export type ApiKey = Readonly<{
  id: string;
  serviceId: string;
  name: string;
  keyType: KeyType;
  /** A UUIDv4, the HMAC key of its tokens. It never changes and is shown once. */
  secret: string;
  revokedAt: Date | null;
}>;

/**
 * The key as people paste it: `{name}-{service id}-{secret}`, the name without accents, in lower case, white space as
 * `_`, every other character that is no letter or digit left out (spec 01, section 1.1).
 */
export function pasteableKey(key: Pick<ApiKey, 'name' | 'serviceId' | 'secret'>): string {
  const name = key.name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_]/g, '');
  return `${name}-${key.serviceId}-${key.secret}`;
}

const week = 7 * 86_400_000;
const day = 86_400_000;

/** A revoked key still counts while 00:00 UTC of its revocation date is later than a week ago, so that the error can say so. */
export function stillCounts(key: Pick<ApiKey, 'revokedAt'>, now: number): boolean {
  return key.revokedAt === null || Math.floor(key.revokedAt.getTime() / day) * day > now - week;
}
