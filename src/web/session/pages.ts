import { setTimeout as pause } from 'node:timers/promises';
import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Answer, openPage, type Page, page, personPage, redirect, type Visit } from '../frame/page.ts';
import { codePage } from './code.ts';
import { emailPages } from './email.ts';
import { firstPages } from './first.ts';
import { invitationPages } from './invitation.ts';
import { passwordPages } from './password.ts';
import { registerPages } from './register.ts';
import { findByEmail, onwardField, sendCode, sessionWithoutCode, type User, waitSentence } from './steps.ts';

const wrongPassword = 'The email address or password you entered is incorrect.';
/** Wrong, unknown, locked and pending are answered after the same time (spec 07, section 4). */
const leastMilliseconds = 500;
/** After so many wrong ones in a row somebody is locked (spec 04, section 3.4). */
const mostTries = 10;

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
    )}${paragraph(link('/forgot-password', 'Forgotten your password?'))}${
      site.registration === null
        ? paragraph('No account yet? Ask somebody in the team of your service to invite you.', 'app-quiet')
        : null
    }`,
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
async function tryPassword({ alone }: Visit, email: string, password: string): Promise<User | string> {
  const user = await findByEmail(alone, email);
  if (!user) return wrongPassword;
  const outcome = await alone.send('POST', `/user/${user.id}/verify/password`, { password });
  if (outcome.ok && user.state === 'active') return user;
  // Told in their mail alone, so that nobody else learns who has an account, and in which state.
  if (outcome.ok && user.state === 'pending')
    await alone.send('POST', `/user/${user.id}/email-verification`, {});
  const isLastTry = user.failed_login_count === mostTries - 1;
  if (!outcome.ok && outcome.status === 400 && isLastTry && user.state === 'active')
    await alone.send('POST', '/user/reset-password', { email: user.email_address });
  return waitSentence(outcome) ?? wrongPassword;
}

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
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#password' }])}${heading(1, 'Enter your password')}${paragraph('What you are about to do is hard to undo, and you last entered your password more than 30 minutes ago.')}${postForm(
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

export const sessionPages: readonly Page[] = [
  ...[signIn, codePage, again, signOut, ...firstPages],
  ...[...passwordPages, ...registerPages, ...invitationPages, ...emailPages],
];
