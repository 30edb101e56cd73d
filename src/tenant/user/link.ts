import { randomUUID } from 'node:crypto';
import { type Cipher, CipherError } from '../../ground/cipher.ts';

/** What a link in a message is for. A token for one purpose is none for another. */
export const linkPurposes = ['verify-email', 'change-email', 'reset-password', 'sign-in'] as const;
export type LinkPurpose = (typeof linkPurposes)[number];

/** How long the link to make the first operator can be used. */
export const firstOperatorMinutes = 60;

/** How long a link can be used. */
const lifeMilliseconds: Readonly<Record<LinkPurpose, number>> = {
  'verify-email': 60 * 60_000,
  'change-email': 60 * 60_000,
  'reset-password': 60 * 60_000,
  'sign-in': 15 * 60_000,
};

/** The pages that open the links, below ADMIN_BASE_URL (spec 04, section 3.5). */
export const linkPaths: Readonly<Record<LinkPurpose, string>> = {
  'verify-email': '/verify-email/',
  'change-email': '/user-profile/email/confirm/',
  'reset-password': '/new-password/',
  'sign-in': '/first/',
};

/** What people read whose link cannot be used (spec 04, section 3.5). */
export const linkTexts = {
  unreadable: 'Something’s wrong with this link. Make sure you’ve copied the whole thing.',
  expired: 'This link has expired. Ask for a new one.',
  used: 'This link has been used already. Ask for a new one.',
  outdated: 'This link is no longer valid. Ask for a new one.',
} as const;

export type Link = Readonly<{
  /** For single use. */
  id: string;
  userId: string;
  /** The address that the link was sent to, or is about. */
  email: string;
  createdAt: Date;
  expiresAt: Date;
}>;

/** A token that only this installation can make or read; its characters need no escaping in a URL. */
export function makeToken(
  cipher: Cipher,
  purpose: LinkPurpose,
  { userId, email }: Pick<Link, 'userId' | 'email'>,
  now: number,
): string {
  return sealToken(cipher, purpose, [randomUUID(), userId, email, now, now + lifeMilliseconds[purpose]]);
}

/** null if the token was not made by this installation for this purpose, or was changed. It may have expired. */
export function readToken(cipher: Cipher, purpose: LinkPurpose, token: string): Link | null {
  const values = openToken(cipher, purpose, token) as [string, string, string, number, number] | null;
  if (values === null) return null;
  const [id, userId, email, created, expires] = values;
  return { id, userId, email, createdAt: new Date(created), expiresAt: new Date(expires) };
}

const firstOperator = 'first-operator';

/** The token of the link that makes the first operator, whoever opens it (spec 07, section 4). */
export function makeFirstOperatorToken(cipher: Cipher, now: number): string {
  return sealToken(cipher, firstOperator, [randomUUID(), now + firstOperatorMinutes * 60_000]);
}

/** null if the token was not made by this installation for that, or was changed. It may have expired. */
export function readFirstOperatorToken(cipher: Cipher, token: string): Pick<Link, 'id' | 'expiresAt'> | null {
  const values = openToken(cipher, firstOperator, token) as [string, number] | null;
  return values && { id: values[0], expiresAt: new Date(values[1]) };
}

/** The token of a link that holds these values, encrypted. `purpose`: a token for one is none for another. */
export function sealToken(cipher: Cipher, purpose: string, values: readonly (string | number)[]): string {
  return cipher.seal(JSON.stringify(values), `link ${purpose}`).toString('base64url');
}

/** The values of a token; null if this installation did not make it for this purpose, or it was changed. */
export function openToken(
  cipher: Cipher,
  purpose: string,
  token: string,
): readonly (string | number)[] | null {
  try {
    return JSON.parse(cipher.open(Buffer.from(token, 'base64url'), `link ${purpose}`)) as (string | number)[];
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
}
