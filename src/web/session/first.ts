import { html } from '../../ground/html.ts';
import { passwordFault } from '../../ground/password-rules.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, openPage, type Page, page, redirect, type Visit } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';
import { newPasswordField } from './password.ts';
import { checkToken, deadLink } from './steps.ts';

/**
 * The link that `npm start` and `despatch user sign-in-link` print: a page with one button, so that whatever only looks
 * at links does not use it up. While nobody operates the installation, it makes the first operator.
 */
const first = openPage('/first/:token', {
  async get(visit) {
    const kind = await kindOf(visit);
    if (kind === 'operator') return operatorForm(visit, null, noFaults);
    if (kind !== 'sign-in') return dead(kind.why);
    const { fields, path, site } = visit;
    return page(
      `Welcome to ${site.productName}`,
      html`${heading(1, `Welcome to ${site.productName}`)}${paragraph('This link signs you in once.')}${postForm({ action: path, fields }, button({ text: 'Sign in', preventDoubleClick: true }))}`,
    );
  },
  async post(visit, form) {
    const kind = await kindOf(visit);
    if (kind === 'operator') return makeOperator(visit, form);
    if (kind !== 'sign-in') return dead(kind.why);
    return signInBy(visit);
  },
});

/** What a link is for; why it is for nothing. */
async function kindOf({ alone, params }: Visit): Promise<'sign-in' | 'operator' | Readonly<{ why: string }>> {
  const token = params['token']!;
  const [signIn, operator] = await Promise.all([
    checkToken(alone, 'sign-in', token, false),
    alone.send('POST', '/user/first-operator/check', { token }),
  ]);
  if (typeof signIn !== 'string') return 'sign-in';
  if (operator.ok) return 'operator';
  // One of the two could read it: its reason is the better one.
  const other = Object.values(operator.fields).flat().join(' ');
  return { why: /Something’s wrong/.test(other) ? signIn : other };
}

async function signInBy({ alone, params, site }: Visit): Promise<Answer> {
  const used = await checkToken(alone, 'sign-in', params['token']!, true);
  if (typeof used === 'string') return dead(used);
  const { user_id: userId, session_id: sessionId } = used;
  const user = await alone.get<{ data: { permissions: Readonly<Record<string, unknown>> } }>(
    `/user/${userId}`,
  );
  const services = Object.keys(user.data.permissions);
  const to = services.length === 1 && site.sandboxUrl !== null ? `/services/${services[0]}/try` : '/services';
  return redirect(to, undefined, { begin: { userId, sessionId: sessionId! } });
}

async function makeOperator(visit: Visit, form: Form): Promise<Answer> {
  const { alone, params } = visit;
  const name = form.text('name').trim();
  const email = form.text('email').trim();
  const fault = await passwordFault(form.text('password'));
  const faults: Faults = {
    ...(name === '' && { name: 'Enter your name.' }),
    ...(email === '' && { email: 'Enter your email address.' }),
    ...(fault !== null && { password: fault }),
  };
  if (Object.keys(faults).length > 0) return operatorForm(visit, form, faults);
  const made = await alone.send<{ data: { user_id: string; session_id: string } }>(
    'POST',
    '/user/first-operator',
    { token: params['token'], name, email_address: email, password: form.text('password') },
  );
  if (made.ok) {
    const { user_id: userId, session_id: sessionId } = made.data.data;
    return redirect('/services', 'You are the first operator of this installation.', {
      begin: { userId, sessionId },
    });
  }
  const why = made.fields['token'];
  if (why) return dead(why.join(' '));
  const fields = { name: 'name', email_address: 'email', password: 'password' };
  return operatorForm(visit, form, faultsOf(made, fields));
}

function operatorForm({ fields, path, site }: Visit, form: Form | null, faults: Faults): Answer {
  const title = `Welcome to ${site.productName}`;
  return page(
    title,
    html`${faultSummary(faults)}${heading(1, title)}${paragraph('Nobody operates this installation yet. Whoever fills in this form may do everything in it.')}${postForm(
      { action: path, fields },
      input({
        ...{ name: 'name', label: 'Full name', value: form?.text('name') ?? '' },
        ...{ error: errorAt(faults, 'name'), attributes: { autocomplete: 'name' } },
      }),
      input({
        ...{ name: 'email', label: 'Email address', type: 'email', value: form?.text('email') ?? '' },
        hint: 'Codes to sign in are sent there.',
        ...{ error: errorAt(faults, 'email'), attributes: { autocomplete: 'username', spellcheck: 'false' } },
      }),
      newPasswordField(faults),
      button({ text: 'Create my account', preventDoubleClick: true }),
    )}`,
    answering(faults),
  );
}

function dead(why: string): Answer {
  return deadLink(
    why,
    html`A new one is printed when the product starts while nobody operates it, and by this command on the machine of the installation: <code>npm run despatch -- user sign-in-link &lt;email address&gt;</code>`,
  );
}

export const firstPages: readonly Page[] = [first];
