import { setTimeout as pause } from 'node:timers/promises';
import { html } from '../../ground/html.ts';
import { passwordFault } from '../../ground/password-rules.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Api } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, openPage, type Page, page, redirect, type Visit } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';
import { newPasswordField } from './password.ts';
import {
  checkToken,
  deadLink,
  done,
  findByEmail,
  letIn,
  sendCode,
  sessionWithoutCode,
  type User,
} from './steps.ts';

const leastMilliseconds = 500;

/** Whether people with this address may register by themselves (WEB_REGISTRATION); subdomains count too. Pure. */
export function mayRegister(email: string, domains: readonly string[]): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return domains.some((given) => {
    const allowed = given.toLowerCase().replace(/^[@.]/, '');
    return domain === allowed || domain.endsWith(`.${allowed}`);
  });
}

/** Fields about a new person: name, mobile and password. */
export function personFields(form: Form | null, faults: Faults) {
  return html`${input({
    name: 'name',
    label: 'Full name',
    value: form?.text('name') ?? '',
    error: errorAt(faults, 'name'),
    attributes: { autocomplete: 'name' },
  })}${input({
    name: 'mobile',
    label: 'Mobile number',
    hint: 'Codes to sign in are sent there. Without one, they are sent by email.',
    type: 'tel',
    value: form?.text('mobile') ?? '',
    error: errorAt(faults, 'mobile'),
    attributes: { autocomplete: 'tel' },
  })}${newPasswordField(faults)}`;
}

/**
 * Adds a person who is not active yet. The faults of the form, or the person. `pending`: somebody who began before with
 * this address, which has been proved meanwhile; null: nobody.
 */
export async function addPerson(
  alone: Api,
  form: Form,
  email: string,
  pending: User | null = null,
): Promise<Readonly<{ user: User }> | Readonly<{ faults: Faults }>> {
  const mobile = form.text('mobile').trim();
  const password = form.text('password');
  const fault = await passwordFault(password);
  const mine: Faults = fault === null ? {} : { password: fault };
  if (form.text('name').trim() === '') return { faults: { name: 'Enter your name.', ...mine } };
  if (fault !== null) return { faults: mine };
  const person = {
    name: form.text('name').trim(),
    mobile_number: mobile === '' ? null : mobile,
    auth_type: mobile === '' ? 'email_auth' : 'sms_auth',
  };
  const added = await alone.send<{ data: User }>(
    'POST',
    pending ? `/user/${pending.id}` : '/user',
    pending ? person : { ...person, email_address: email, password, state: 'pending' },
  );
  if (added.ok) {
    if (pending)
      await done(alone.send('POST', `/user/${pending.id}/update-password`, { _password: password }));
    return { user: added.data.data };
  }
  const fields = { name: 'name', email_address: 'email', mobile_number: 'mobile', password: 'password' };
  return { faults: faultsOf(added, fields) };
}

function registerForm(visit: Visit, form: Form | null, faults: Faults): Answer {
  const { fields, site } = visit;
  return page(
    'Register',
    html`${faultSummary(faults)}${heading(1, 'Register')}${postForm(
      { action: '/register', fields },
      input({
        name: 'email',
        label: 'Email address',
        hint: `Addresses that end in ${(site.registration ?? []).join(' or ')}.`,
        type: 'email',
        value: form?.text('email') ?? '',
        error: errorAt(faults, 'email'),
        attributes: { autocomplete: 'username', spellcheck: 'false' },
      }),
      personFields(form, faults),
      button({ text: 'Continue', preventDoubleClick: true }),
    )}`,
    answering(faults),
  );
}

const byInvitation = () =>
  page(
    'You need an invitation',
    html`${heading(1, 'You need an invitation')}${paragraph('In this installation people cannot register by themselves. Ask somebody in the team of a service to invite you: the invitation comes by email.')}${paragraph(html`If you have an account, ${link('/sign-in', 'sign in')}.`)}`,
    { status: 403 },
  );

const register = openPage('/register', {
  get: (visit) => (visit.site.registration === null ? byInvitation() : registerForm(visit, null, noFaults)),
  async post(visit, form) {
    const { site, alone } = visit;
    if (site.registration === null) return byInvitation();
    const email = form.text('email').trim();
    if (email === '') return registerForm(visit, form, { email: 'Enter your email address.' });
    if (!mayRegister(email, site.registration))
      return registerForm(visit, form, {
        email: `Enter an address that ends in ${site.registration.join(' or ')}, or ask a team to invite you.`,
      });
    const [faults] = await Promise.all([registerAs(alone, form, email), pause(leastMilliseconds)]);
    return faults === null ? redirect('/register/sent') : registerForm(visit, form, faults);
  },
});

/** The faults of the form; null: a mail is on its way, whether or not the address has an account already. */
async function registerAs(alone: Api, form: Form, email: string): Promise<Faults | null> {
  const fault = await passwordFault(form.text('password'));
  const known = fault === null ? await findByEmail(alone, email) : null;
  if (known?.state === 'pending') {
    await done(alone.send('POST', `/user/${known.id}/email-verification`, {}));
    return null;
  }
  if (known) {
    await done(alone.send('POST', `/user/${known.id}/email-already-registered`, { email }));
    return null;
  }
  const added = await addPerson(alone, form, email);
  if ('faults' in added) return added.faults;
  await done(alone.send('POST', `/user/${added.user.id}/email-verification`, {}));
  return null;
}

const registerSent = openPage('/register/sent', {
  get: () =>
    page(
      'Confirm your email address',
      html`${heading(1, 'Confirm your email address')}${paragraph('An email with a link is on its way to you. The link works for an hour.')}${paragraph(html`If nothing comes within a few minutes, look in your spam folder, or ${link('/register', 'register again')}.`)}`,
    ),
});

const askAgain = html`${link('/register', 'Register again')} to get a new link.`;

const verify = openPage('/verify-email/:token', {
  async get({ alone, params, path, fields }) {
    const checked = await checkToken(alone, 'verify-email', params['token']!, false);
    if (typeof checked === 'string') return deadLink(checked, askAgain);
    return page(
      'Confirm your email address',
      html`${heading(1, 'Confirm your email address')}${postForm({ action: path, fields }, button({ text: 'Confirm and continue', preventDoubleClick: true }))}`,
    );
  },
  async post(visit) {
    const { alone, params, site } = visit;
    const checked = await checkToken(alone, 'verify-email', params['token']!, true);
    if (typeof checked === 'string') return deadLink(checked, askAgain);
    const { data: user } = await alone.get<{ data: User }>(`/user/${checked.user_id}`);
    if (user.state !== 'pending') return redirect('/sign-in', 'Your email address is confirmed.');
    if (user.auth_type === 'sms_auth' && site.secondStep)
      return sendCode(visit, user, null, { activates: true });
    // The link has proved what a code by email would prove.
    await done(alone.send('POST', `/user/${user.id}/activate`, {}));
    const way = { userId: user.id, onward: null };
    return letIn(visit, way, await sessionWithoutCode(visit, user.id));
  },
});

export const registerPages: readonly Page[] = [register, registerSent, verify];
