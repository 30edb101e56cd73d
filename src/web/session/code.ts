import { html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Answer, openPage, page, redirect, type Visit } from '../frame/page.ts';
import { letIn, orNothing, type SigningIn, sendCode, waitSentence } from './steps.ts';

const resendMilliseconds = 60_000;

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
            html`If it does not come, ${link('/sign-in/code', 'load this page again')} after a minute to ask for another one.`,
          )
    }`,
    { isError: error !== null, status: error === null ? 200 : 400 },
  );
}

/** The second step of signing in. */
export const codePage = openPage('/sign-in/code', {
  get(visit) {
    const waiting = visit.waiting as SigningIn | null;
    return waiting?.codeType ? codeForm(visit, waiting) : redirect('/sign-in');
  },
  async post(visit, form) {
    const waiting = visit.waiting as SigningIn | null;
    if (!waiting?.codeType) return redirect('/sign-in');
    const { userId, codeType, sentAt, onward, ...further } = waiting;
    if (form.has('again')) {
      if (visit.now - sentAt < resendMilliseconds) return codeForm(visit, waiting);
      const auth = codeType === 'email' ? 'email_auth' : 'sms_auth';
      return sendCode(visit, { id: userId, auth_type: auth }, onward, further);
    }
    const given = form.text('code').replace(/[\s-]/g, '');
    if (given === '') return codeForm(visit, waiting, 'Enter the code.');
    const body = { code: given.slice(0, 100), code_type: codeType };
    const outcome = await orNothing(visit.alone.send('POST', `/user/${userId}/verify/code`, body));
    if (outcome === null)
      return codeForm(visit, waiting, 'Code not found. Check that you typed it correctly.');
    if (!outcome.ok)
      return codeForm(visit, waiting, waitSentence(outcome) ?? 'This code has expired. Ask for another one.');
    const sessionId = outcome.headers['x-notify-session-id'] ?? '';
    return letIn(visit, waiting, { begin: { userId, sessionId } });
  },
});
