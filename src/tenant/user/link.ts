import { randomUUID } from 'node:crypto';
import { type Cipher, CipherError } from '../../ground/cipher.ts';

/** What a link in a message is for. A token for one purpose is none for another. */
export const linkPurposes = ['verify-email', 'change-email', 'reset-password', 'sign-in'] as const;
export type LinkPurpose = (typeof linkPurposes)[number];

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
  const text = JSON.stringify([randomUUID(), userId, email, now, now + lifeMilliseconds[purpose]]);
  return cipher.seal(text, contextOf(purpose)).toString('base64url');
}

/** null if the token was not made by this installation for this purpose, or was changed. It may have expired. */
export function readToken(cipher: Cipher, purpose: LinkPurpose, token: string): Link | null {
  try {
    const text = cipher.open(Buffer.from(token, 'base64url'), contextOf(purpose));
    const [id, userId, email, created, expires] = JSON.parse(text) as [
      string,
      string,
      string,
      number,
      number,
    ];
    return { id, userId, email, createdAt: new Date(created), expiresAt: new Date(expires) };
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
}

function contextOf(purpose: LinkPurpose): string {
  return `link ${purpose}`;
}
