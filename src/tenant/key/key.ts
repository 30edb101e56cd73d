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

/** Whether a key has come to its end at `now` (Unix milliseconds). Its end may have been set long before. */
export function hasEnded({ expiresAt }: Pick<ApiKey, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= now;
}

const week = 7 * 86_400_000;
const day = 86_400_000;

/**
 * A key that has ended still counts while 00:00 UTC on the date of its end is less than a week ago: so that the error
 * can say that it was revoked, and lists show it.
 */
export function stillCounts({ expiresAt }: Pick<ApiKey, 'expiresAt'>, now: number): boolean {
  return expiresAt === null || Math.floor(expiresAt.getTime() / day) * day > now - week;
}

/**
 * The client of a user agent: its name in lower case without the version, `notify-api-node-client` or `curl`; `unknown`
 * if there is none.
 */
export function clientOf(userAgent: string): string {
  const name = userAgent.trim().split(/[/\s]/, 1)[0]!;
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9_.-]/g, '-')
      .slice(0, 60) || 'unknown'
  );
}

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
