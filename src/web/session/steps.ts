import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { type Api, NotFound, type Outcome } from '../frame/api.ts';
import { type Answer, page, redirect, type SessionChange, Unexpected, type Visit } from '../frame/page.ts';

/** Steps of getting in that several pages share (spec 04, section 3.7). */

/** How far somebody has come: who they say they are is known, and a code was sent to them. Kept sealed. */
export type SigningIn = Readonly<{
  userId: string;
  codeType: 'sms' | 'email';
  sentAt: number;
  onward: string | null;
  /** The page after the code, if `onward` says nothing. */
  next?: string;
  /** The code proves a new person's number, and makes them active. */
  activates?: boolean;
  /** The token of the invitation that they accept with it. */
  invitation?: string;
}>;

export type User = Readonly<{
  id: string;
  state: string;
  auth_type: string;
  email_address: string;
  failed_login_count: number;
}>;

type Further = Pick<SigningIn, 'next' | 'activates' | 'invitation'>;

/** The value, or null where the API knows no such thing. */
export async function orNothing<T>(value: Promise<T>): Promise<T | null> {
  try {
    return await value;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

export async function findByEmail(api: Api, email: string): Promise<User | null> {
  const found = await orNothing(api.send<{ data: User }>('POST', '/user/email', { email }));
  return found?.ok ? found.data.data : null;
}

/** The sentence for somebody who has tried too often; null: that is not the reason. */
export function waitSentence(outcome: Outcome<unknown>): string | null {
  if (outcome.ok || outcome.status !== 429) return null;
  const seconds = outcome.retryAfter ?? 1;
  return `Too many wrong tries. Try again in ${seconds === 1 ? '1 second' : `${seconds} seconds`}.`;
}

/** Throws Unexpected if the API refused. */
export async function done<T>(outcome: Promise<Outcome<T>>): Promise<T> {
  const result = await outcome;
  if (!result.ok) throw new Unexpected(result);
  return result.data;
}

/** Begins a session as a link would, where no code is asked for. */
export async function sessionWithoutCode({ alone }: Visit, userId: string): Promise<SessionChange> {
  const made = await done(alone.send<{ data: { url: string } }>('POST', `/user/${userId}/sign-in-link`, {}));
  const token = made.data.url.split('/').at(-1)!;
  const used = await checkToken(alone, 'sign-in', token, true);
  if (typeof used === 'string') throw new Error('A link that was just made does not sign in');
  return { begin: { userId, sessionId: used.session_id! } };
}

/** Sends a code, and leads to the page that asks for it. */
export async function sendCode(
  { alone, now }: Visit,
  { id, auth_type }: Pick<User, 'id' | 'auth_type'>,
  onward: string | null,
  further: Further = {},
): Promise<Answer> {
  const codeType = auth_type === 'email_auth' ? 'email' : 'sms';
  await done(alone.send('POST', `/user/${id}/${codeType}-code`, {}));
  const waiting: SigningIn = { userId: id, codeType, sentAt: now, onward, ...further };
  return redirect('/sign-in/code', undefined, { waiting });
}

/** Whoever has proved who they are gets in: made active, into the service of their invitation, or where they wanted. */
export async function letIn(
  visit: Visit,
  { userId, onward, next, activates, invitation }: Omit<SigningIn, 'codeType' | 'sentAt'>,
  begin: SessionChange,
): Promise<Answer> {
  const { alone } = visit;
  // Whoever is active already is refused, which is as good.
  if (activates) await alone.send('POST', `/user/${userId}/activate`, {});
  if (invitation === undefined) return visit.goOn(onward, next ?? '/services', begin);
  const accepted = await orNothing(
    alone.send<{ data: { service: string } }>('POST', `/invite/${encodeURIComponent(invitation)}/accept`, {
      user_id: userId,
    }),
  );
  if (!accepted?.ok) {
    const why = accepted ? Object.values(accepted.fields).flat().join(' ') : 'The invitation is gone.';
    return redirect('/services', `You are signed in. ${why}`, begin);
  }
  return redirect(`/services/${accepted.data.data.service}`, 'You are a member of this service now.', begin);
}

type Checked = Readonly<{ user_id: string; email: string; session_id: string | null }>;

/** Checks the token of a link in a mail, and uses it up if `use`. The sentence for people if it is no good. */
export async function checkToken(
  api: Api,
  purpose: 'verify-email' | 'change-email' | 'reset-password' | 'sign-in',
  token: string,
  use: boolean,
): Promise<Checked | string> {
  const outcome = await api.send<{ data: Checked }>('POST', '/user/check-token', { token, purpose, use });
  return outcome.ok ? outcome.data.data : Object.values(outcome.fields).flat().join(' ');
}

/** A link that does not work, and what does. */
export function deadLink(why: string, ...help: readonly Html[]): Answer {
  return page(
    'This link cannot be used',
    html`${heading(1, 'This link cannot be used')}${paragraph(why)}${help.map((each) => paragraph(each))}${paragraph(html`Or ${link('/sign-in', 'sign in')} with your password.`)}`,
    { status: 400 },
  );
}

export const onwardField = (onward: string | null) =>
  onward === null ? null : html`<input type="hidden" name="_onward" value="${onward}">`;
