import { type Cipher, CipherError } from '../../ground/cipher.ts';
import { idTime, parseUuid } from '../../ground/id.ts';

const validMilliseconds = 365 * 86_400_000;

/** The token is sealed for this message alone. */
const contextOf = (id: string) => `unsubscribe ${id}`;

/**
 * The link that unsubscribes the recipient of an email: `{base}/unsubscribe/{id}/{token}` (spec 01, section 1.6). The
 * token is the recipient, encrypted, because it is needed long after the message's personal data is deleted. It is the
 * same each time, so the API shows the link that was sent.
 */
export function unsubscribeUrl(
  baseUrl: string,
  cipher: Cipher,
  { id, normalisedRecipient }: Readonly<{ id: string; normalisedRecipient: string }>,
): string {
  const token = cipher.sealAlike(normalisedRecipient, contextOf(id)).toString('base64url');
  return `${baseUrl}/unsubscribe/${id}/${token}`;
}

/**
 * The message and the recipient of a link at `now` (Unix milliseconds); null if the token is not ours, belongs to
 * another message, or is older than a year.
 */
export function readUnsubscribeLink(
  cipher: Cipher,
  notificationId: string,
  token: string,
  now: number,
): Readonly<{ id: string; recipient: string }> | null {
  const id = parseUuid(notificationId);
  if (id === null || idTime(id) + validMilliseconds <= now) return null;
  try {
    return { id, recipient: cipher.open(Buffer.from(token, 'base64url'), contextOf(id)) };
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
}
