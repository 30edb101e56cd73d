import { setTimeout as pause } from 'node:timers/promises';
import { html } from '../../ground/html.ts';
import { passwordFault } from '../../ground/password-rules.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Answer, openPage, type Page, page, redirect, type Visit } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';
import { checkToken, deadLink, done, orNothing, sendCode, sessionWithoutCode, type User } from './steps.ts';

/** Known and unknown addresses are answered after the same time. */
const leastMilliseconds = 500;

/** A field to choose a password in. */
export function newPasswordField(faults: Faults) {
  return input({
    name: 'password',
    label: 'New password',
    hint: 'At least 8 characters, and not one that many people use.',
    type: 'password',
    error: errorAt(faults, 'password'),
    attributes: { autocomplete: 'new-password' },
  });
}

function forgotForm({ fields }: Visit, email: string, faults: Faults): Answer {
  return page(
    'Forgotten your password?',
    html`${faultSummary(faults)}${heading(1, 'Forgotten your password?')}${paragraph('We will send you a link to choose a new one. It works for an hour.')}${postForm(
      { action: '/forgot-password', fields },
      input({
        name: 'email',
        label: 'Email address',
        type: 'email',
        value: email,
        error: errorAt(faults, 'email'),
        attributes: { autocomplete: 'username', spellcheck: 'false' },
      }),
      button({ text: 'Send the link', preventDoubleClick: true }),
    )}`,
    answering(faults),
  );
}

const forgot = openPage('/forgot-password', {
  get: (visit) => forgotForm(visit, '', noFaults),
  async post(visit, form) {
    const email = form.text('email').trim();
    if (email === '') return forgotForm(visit, '', { email: 'Enter your email address.' });
    const [outcome] = await Promise.all([
      orNothing(visit.alone.send('POST', '/user/reset-password', { email }, form.id)),
      pause(leastMilliseconds),
    ]);
    if (outcome && !outcome.ok) return forgotForm(visit, email, faultsOf(outcome, { email: 'email' }));
    return redirect('/forgot-password/sent');
  },
});

const forgotSent = openPage('/forgot-password/sent', {
  get: () =>
    page(
      'Check your email',
      html`${heading(1, 'Check your email')}${paragraph('If somebody has an account with this address, an email with a link is on its way.')}${paragraph(html`If nothing comes within a few minutes, look in your spam folder, or ${link('/forgot-password', 'try another address')}.`)}`,
    ),
});

const askAgain = html`${link('/forgot-password', 'Ask for a new link')}.`;

/**
 * The link of the mail: a button, then the second step, then the new password (spec 04, section 3.7). The token is used
 * up by the last of them.
 */
const choose = openPage('/new-password/:token', {
  async get(visit) {
    const checked = await checkToken(visit.alone, 'reset-password', visit.params['token']!, false);
    if (typeof checked === 'string') return deadLink(checked, askAgain);
    if (visit.person?.id === checked.user_id) return chooseForm(visit, noFaults);
    return page(
      'Choose a new password',
      html`${heading(1, 'Choose a new password')}${paragraph('First we make sure that it is you.')}${postForm({ action: visit.path, fields: visit.fields }, button({ text: 'Continue', preventDoubleClick: true }))}`,
    );
  },
  async post(visit, form) {
    const { alone, params, path, person } = visit;
    const token = params['token']!;
    const checked = await checkToken(alone, 'reset-password', token, false);
    if (typeof checked === 'string') return deadLink(checked, askAgain);
    const userId = checked.user_id;
    if (person?.id !== userId) return prove(visit, userId, path);
    if (!form.has('password')) return chooseForm(visit, noFaults);
    const fault = await passwordFault(form.text('password'));
    if (fault !== null) return chooseForm(visit, { password: fault });
    const used = await checkToken(alone, 'reset-password', token, true);
    if (typeof used === 'string') return deadLink(used, askAgain);
    await done(
      visit.api.send('POST', `/user/${userId}/update-password`, { _password: form.text('password') }),
    );
    return redirect('/services', 'Your password is changed. You are signed out everywhere else.', {
      proved: true,
    });
  },
});

/** The link unlocks; the code, where there is one, signs in. */
async function prove(visit: Visit, userId: string, next: string): Promise<Answer> {
  const { data } = await done(
    visit.alone.send<{ data: User }>('POST', `/user/${userId}/reset-failed-login-count`, {}),
  );
  if (data.state !== 'active') return deadLink('This account is not active.');
  // A code by email would prove what the link has proved.
  if (data.auth_type === 'email_auth' || !visit.site.secondStep)
    return visit.goOn(null, next, await sessionWithoutCode(visit, userId));
  return sendCode(visit, data, null, { next });
}

function chooseForm({ path, fields }: Visit, faults: Faults): Answer {
  return page(
    'Choose a new password',
    html`${faultSummary(faults)}${heading(1, 'Choose a new password')}${postForm({ action: path, fields }, newPasswordField(faults), button({ text: 'Save', preventDoubleClick: true }))}`,
    answering(faults),
  );
}

export const passwordPages: readonly Page[] = [forgot, forgotSent, choose];
