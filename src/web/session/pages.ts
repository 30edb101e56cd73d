import { setTimeout as pause } from 'node:timers/promises';
import { html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound, type Outcome } from '../frame/api.ts';
import {
  type Answer,
  openPage,
  type Page,
  page,
  personPage,
  redirect,
  type SessionChange,
  Unexpected,
  type Visit,
} from '../frame/page.ts';

/** How far somebody has come who signs in: the password was right, and a code was sent. */
export type SigningIn = Readonly<{
  userId: string;
  codeType: 'sms' | 'email';
  sentAt: number;
  onward: string | null;
}>;

type User = Readonly<{ id: string; state: string; auth_type: string }>;

const wrongPassword = 'The email address or password you entered is incorrect.';
/** Wrong, unknown, locked and pending are answered after the same time (spec 07, section 4). */
const leastMilliseconds = 500;
const resendMilliseconds = 60_000;

const onwardField = (onward: string | null) =>
  onward === null ? null : html`<input type="hidden" name="_onward" value="${onward}">`;

function signInForm(visit: Visit, onward: string | null, email = '', error: string | null = null): Answer {
  const { fields, site } = visit;
  return page(
    'Sign in',
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#email' }])}${heading(1, 'Sign in')}${
      site.registration === null
        ? null
        : paragraph(html`If you do not have an account, ${link('/register', 'register')}.`)
    }${postForm(
      { action: '/sign-in', fields },
      onwardField(onward),
      input({
        name: 'email',
        label: 'Email address',
        type: 'email',
        value: email,
        error: error === null ? null : { text: error },
        attributes: { autocomplete: 'username', spellcheck: 'false' },
      }),
      input({
        name: 'password',
        label: 'Password',
        type: 'password',
        attributes: { autocomplete: 'current-password' },
      }),
      button({ text: 'Continue', preventDoubleClick: true }),
    )}${paragraph(link('/forgot-password', 'Forgotten your password?'))}`,
    { isError: error !== null, status: error === null ? 200 : 400 },
  );
}

const signIn = openPage('/sign-in', {
  get: (visit) => signInForm(visit, visit.onward),
  async post(visit, form) {
    const onward = form.text('_onward') || null;
    // What asked to sign in first brings along where to go on.
    if (!form.has('email')) return signInForm(visit, onward);
    const email = form.text('email').trim();
    const [outcome] = await Promise.all([
      tryPassword(visit, email, form.text('password')),
      pause(leastMilliseconds),
    ]);
    if (typeof outcome === 'string') return signInForm(visit, onward, email, outcome);
    if (!visit.site.secondStep)
      return visit.goOn(onward, '/services', await sessionWithoutCode(visit, outcome.id));
    return sendCode(visit, outcome, onward);
  },
});

/** The person, or the sentence that says why not. */
async function tryPassword({ api }: Visit, email: string, password: string): Promise<User | string> {
  const found = await api.send<{ data: User }>('POST', '/user/email', { email }).catch((error: unknown) => {
    if (error instanceof NotFound) return null;
    throw error;
  });
  if (!found?.ok) return wrongPassword;
  const user = found.data.data;
  const outcome = await api.send('POST', `/user/${user.id}/verify/password`, { password });
  if (outcome.ok) return user.state === 'active' ? user : wrongPassword;
  return waitSentence(outcome) ?? wrongPassword;
}

/** The sentence for somebody who has tried too often; null: that is not the reason. */
function waitSentence(outcome: Outcome<unknown>): string | null {
  if (outcome.ok || outcome.status !== 429) return null;
  const seconds = outcome.retryAfter ?? 1;
  return `Too many wrong tries. Try again in ${seconds === 1 ? '1 second' : `${seconds} seconds`}.`;
}

/** Begins a session as a link would, where no code is asked for. */
async function sessionWithoutCode({ api }: Visit, userId: string): Promise<SessionChange> {
  const made = await api.send<{ data: { url: string } }>('POST', `/user/${userId}/sign-in-link`, {});
  if (!made.ok) throw new Unexpected(made);
  const token = made.data.data.url.split('/').at(-1)!;
  const used = await api.send<{ data: { session_id: string } }>('POST', '/user/check-token', {
    token,
    purpose: 'sign-in',
  });
  if (!used.ok) throw new Unexpected(used);
  return { begin: { userId, sessionId: used.data.data.session_id } };
}

async function sendCode(
  { api, now }: Visit,
  { id, auth_type }: User,
  onward: string | null,
): Promise<Answer> {
  const codeType = auth_type === 'email_auth' ? 'email' : 'sms';
  const sent = await api.send('POST', `/user/${id}/${codeType}-code`, {});
  if (!sent.ok) throw new Unexpected(sent);
  const waiting: SigningIn = { userId: id, codeType, sentAt: now, onward };
  return redirect('/sign-in/code', undefined, { waiting });
}

function codeForm(visit: Visit, waiting: SigningIn, error: string | null = null): Answer {
  const { fields, site, now } = visit;
  const isText = waiting.codeType === 'sms';
  const inSandbox = site.sandboxUrl !== null && site.sandboxTypes.includes(waiting.codeType);
  const title = isText ? 'Check your phone' : 'Check your email';
  return page(
    title,
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#code' }])}${heading(1, title)}${paragraph(
      isText ? 'We have sent you a text message with a code.' : 'We have sent you an email with a code.',
    )}${
      inSandbox
        ? insetText(
            html`Messages of this installation do not leave it: the code is in the ${link(site.sandboxUrl!, 'sandbox’s inbox')}.`,
          )
        : null
    }${postForm(
      { action: '/sign-in/code', fields },
      input({
        name: 'code',
        label: 'Code',
        classes: 'govuk-input--width-5',
        error: error === null ? null : { text: error },
        attributes: { autocomplete: 'one-time-code', inputmode: 'numeric' },
      }),
      button({ text: 'Continue', preventDoubleClick: true }),
    )}${
      now - waiting.sentAt >= resendMilliseconds
        ? postForm(
            { action: '/sign-in/code', fields },
            html`<input type="hidden" name="again" value="1">`,
            button({ text: 'Send another code', classes: 'govuk-button--secondary' }),
          )
        : paragraph(
            html`A new code can be asked for after a minute: ${link('/sign-in/code', 'load this page again')} onward.`,
          )
    }`,
    { isError: error !== null, status: error === null ? 200 : 400 },
  );
}

const code = openPage('/sign-in/code', {
  get(visit) {
    const waiting = visit.waiting as SigningIn | null;
    return waiting ? codeForm(visit, waiting) : redirect('/sign-in');
  },
  async post(visit, form) {
    const waiting = visit.waiting as SigningIn | null;
    if (!waiting) return redirect('/sign-in');
    const { userId, codeType, onward } = waiting;
    if (form.has('again')) {
      if (visit.now - waiting.sentAt < resendMilliseconds) return codeForm(visit, waiting);
      const auth = codeType === 'email' ? 'email_auth' : 'sms_auth';
      return sendCode(visit, { id: userId, state: 'active', auth_type: auth }, onward);
    }
    const given = form.text('code').replace(/[\s-]/g, '');
    if (given === '') return codeForm(visit, waiting, 'Enter the code.');
    const outcome = await visit.api
      .send('POST', `/user/${userId}/verify/code`, { code: given, code_type: codeType })
      .catch((error: unknown) => {
        if (error instanceof NotFound) return null;
        throw error;
      });
    if (outcome === null)
      return codeForm(visit, waiting, 'Code not found. Check that you typed it correctly.');
    if (!outcome.ok)
      return codeForm(visit, waiting, waitSentence(outcome) ?? 'This code has expired. Ask for another one.');
    const sessionId = outcome.headers['x-notify-session-id'] ?? '';
    return visit.goOn(onward, '/services', { begin: { userId, sessionId } });
  },
});

/** The password once more, before what is hard to undo. */
const again = personPage('/sign-in/again', {
  get: (visit) => passwordForm(visit, visit.onward, null),
  async post(visit, form) {
    const onward = form.text('_onward') || null;
    if (!form.has('password')) return passwordForm(visit, onward, null);
    const { api, person } = visit;
    const outcome = await api.send('POST', `/user/${person.id}/verify/password`, {
      password: form.text('password'),
    });
    if (!outcome.ok)
      return passwordForm(visit, onward, waitSentence(outcome) ?? 'The password is incorrect.');
    return visit.goOn(onward, '/services', { proved: true });
  },
});

function passwordForm({ fields }: Visit, onward: string | null, error: string | null): Answer {
  return page(
    'Enter your password',
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#password' }])}${heading(1, 'Enter your password')}${paragraph('What you are about to do is hard to undo, and you gave your password more than 30 minutes ago.')}${postForm(
      { action: '/sign-in/again', fields },
      onwardField(onward),
      input({
        name: 'password',
        label: 'Password',
        type: 'password',
        error: error === null ? null : { text: error },
        attributes: { autocomplete: 'current-password' },
      }),
      button({ text: 'Continue', preventDoubleClick: true }),
    )}`,
    { isError: error !== null, status: error === null ? 200 : 400 },
  );
}

const signOut = personPage('/sign-out', {
  async post({ api, person, sessionId }) {
    await api.send('DELETE', `/user/${person.id}/sessions/${sessionId}`, undefined);
    return redirect('/sign-in', 'You are signed out.', { end: true });
  },
});

/**
 * The link that `npm start` and `despatch user sign-in-link` print: a page with one button, so that whatever only looks
 * at links does not use it up.
 */
const first = openPage('/first/:token', {
  get: (visit) => firstPage(visit, null),
  async post(visit) {
    const { api, params, site } = visit;
    const used = await api.send<{ data: { user_id: string; session_id: string } }>(
      'POST',
      '/user/check-token',
      {
        token: params['token'],
        purpose: 'sign-in',
      },
    );
    if (!used.ok) return firstPage(visit, Object.values(used.fields).flat().join(' '));
    const { user_id: userId, session_id: sessionId } = used.data.data;
    const user = await api.get<{ data: { permissions: Readonly<Record<string, unknown>> } }>(
      `/user/${userId}`,
    );
    const services = Object.keys(user.data.permissions);
    const begin = { begin: { userId, sessionId } };
    const to =
      services.length === 1 && site.sandboxUrl !== null ? `/services/${services[0]}/try` : '/services';
    return redirect(to, undefined, begin);
  },
});

function firstPage({ fields, path, site }: Visit, error: string | null): Answer {
  if (error !== null)
    return page(
      'This link cannot be used',
      html`${heading(1, 'This link cannot be used')}${paragraph(error)}${paragraph(html`A new one is printed by this command on the machine of the installation: <code>npm run despatch -- user sign-in-link &lt;email address&gt;</code>`)}${paragraph(html`Or ${link('/sign-in', 'sign in')} with your password.`)}`,
      { status: 400 },
    );
  return page(
    `Welcome to ${site.productName}`,
    html`${heading(1, `Welcome to ${site.productName}`)}${paragraph('This link signs you in once.')}${postForm({ action: path, fields }, button({ text: 'Sign in', preventDoubleClick: true }))}`,
  );
}

export const sessionPages: readonly Page[] = [signIn, code, again, signOut, first];
