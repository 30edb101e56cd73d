import { randomBytes } from 'node:crypto';
import type { Cipher } from '../../ground/cipher.ts';

/** Somebody's session, as the sealed cookie holds it (spec 07, section 4). */
export type Session = Readonly<{
  userId: string;
  /** The session's id in the API (spec 04, section 3.4). */
  sessionId: string;
  /** When the person signed in (Unix milliseconds); what one does later does not prolong the session. */
  began: number;
  /** When the password, or what stands for it, was given last. */
  proved: number;
  /** For the tokens of forms. */
  secret: string;
  /** For an operator: the services that they gave a reason to look into, and when (spec 07, section 5). */
  entered?: Readonly<Record<string, number>>;
}>;

const freshMilliseconds = 30 * 60_000;
const noticeMilliseconds = 10 * 60_000;
const enteredMilliseconds = 30 * 60_000;
/** A cookie has room for so many; who enters more gives the reason for the first ones again. */
const mostEntered = 10;

export type Cookies = Readonly<{
  sessionName: string;
  visitorName: string;
  saidName: string;
  lookName: string;
  attributes: string;
}>;

/** `__Host-` keeps other hosts of the domain from setting the cookie; it needs HTTPS. */
export function cookiesOf(baseUrl: string): Cookies {
  const isSecure = baseUrl.startsWith('https:');
  const name = (short: string) => (isSecure ? `__Host-${short}` : short);
  return {
    sessionName: isSecure ? '__Host-despatch' : 'despatch-session',
    visitorName: name('despatch-visitor'),
    saidName: name('despatch-said'),
    lookName: name('despatch-look'),
    attributes: `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`,
  };
}

export function newSession(userId: string, sessionId: string, now: number): Session {
  return { userId, sessionId, began: now, proved: now, secret: newSecret() };
}

export function newSecret(): string {
  return randomBytes(16).toString('base64url');
}

/** Sealed for `purpose`: a value that was sealed for another does not open. */
export function sealJson(cipher: Cipher, purpose: string, value: unknown): string {
  return cipher.seal(JSON.stringify(value), `web ${purpose}`).toString('base64url');
}

/** null if it was not sealed here for this purpose, or was changed. */
export function openJson<T>(cipher: Cipher, purpose: string, sealed: string | undefined): T | null {
  if (!sealed) return null;
  try {
    return JSON.parse(cipher.open(Buffer.from(sealed, 'base64url'), `web ${purpose}`)) as T;
  } catch {
    return null;
  }
}

/** Whether a session of `hours` is still under way. */
export function isUnderWay({ began }: Session, hours: number, now: number): boolean {
  return now < endOf({ began }, hours);
}

export function endOf({ began }: Pick<Session, 'began'>, hours: number): number {
  return began + hours * 3_600_000;
}

/** Whether the password was given lately enough for what is hard to undo. */
export function isFresh({ proved }: Session, now: number): boolean {
  return now - proved < freshMilliseconds;
}

/** The session of an operator who has given a reason to look into a service. */
export function entering(session: Session, serviceId: string, now: number): Session {
  const others = Object.entries(session.entered ?? {}).filter(([id]) => id !== serviceId);
  const entered = Object.fromEntries([...others, [serviceId, now] as const].slice(-mostEntered));
  return { ...session, entered };
}

export function hasEntered({ entered }: Session, serviceId: string, now: number): boolean {
  return now - (entered?.[serviceId] ?? Number.NEGATIVE_INFINITY) < enteredMilliseconds;
}

/** Whether a session ends so soon that whoever uses it should know. */
export function endsSoon(session: Session, hours: number, now: number): boolean {
  return endOf(session, hours) - now < noticeMilliseconds;
}

/** The cookies of a request; the first of a name counts. */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of (header ?? '').split(';').slice(0, 50)) {
    const equals = part.indexOf('=');
    if (equals === -1) continue;
    const name = part.slice(0, equals).trim();
    if (!found.has(name)) found.set(name, part.slice(equals + 1).trim());
  }
  return found;
}

/** A `Set-Cookie` line. `seconds`: how long the browser keeps it; 0 deletes it, null ends with the browser. */
export function setCookie(name: string, value: string, attributes: string, seconds: number | null): string {
  return `${name}=${value}; ${attributes}${seconds === null ? '' : `; Max-Age=${seconds}`}`;
}
