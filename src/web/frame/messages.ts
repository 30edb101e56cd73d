import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { type Form, hiddenFields } from './form.ts';
import { type Answer, page, type Visit } from './page.ts';

/** The pages that say that something cannot be shown or done, and what helps. */

export function notFoundPage(): Answer {
  return page(
    'Page not found',
    html`${heading(1, 'Page not found')}${paragraph('If you typed the address, check that it is correct. If you pasted it, check that you copied all of it.')}${paragraph(html`What was here may have been deleted: messages and files are kept for some days only. <a class="govuk-link" href="/services">Go to your services</a>`)}`,
    { status: 404 },
  );
}

/** `who`: the members who can give the permission. */
export function notAllowedPage(sentence: string, who: readonly string[]): Answer {
  return page(
    'You are not allowed to see this page',
    html`${heading(1, 'You are not allowed to see this page')}${paragraph(sentence)}${
      who.length === 0 ? null : paragraph(`${who.join(', ')} can give it to you.`)
    }`,
    { status: 403 },
  );
}

/** A form whose token is not of this session: it may have been made by another site. */
export function foreignFormPage(): Answer {
  return page(
    'This form could not be accepted',
    html`${heading(1, 'This form could not be accepted')}${paragraph('Nothing was changed. The form was opened in another session, or sent from another site. Go back, load the page again, and send it from there.')}`,
    { status: 403 },
  );
}

/** The API is away. A form that was being sent is kept, and can be sent once more without happening twice. */
export function awayPage(visit: Visit, path: string, form: Form | null): Answer {
  const again =
    form === null
      ? paragraph(html`<a class="govuk-link" href="${path}">Try again</a>`)
      : postForm(
          { action: path, fields: visit.fields },
          ...hiddenFields(form),
          button({ text: 'Try again', preventDoubleClick: true }),
        );
  return page(
    'This cannot be done at the moment',
    html`${heading(1, 'This cannot be done at the moment')}${paragraph('The service behind these pages does not answer. It tries to recover by itself.')}${
      form === null
        ? null
        : paragraph('What you filled in is kept on this page. It happens once, however often you try.')
    }${again}`,
    { status: 503 },
  );
}

export function brokenPage(): Answer {
  return page(
    'Something went wrong',
    html`${heading(1, 'Something went wrong')}${paragraph('This is a fault of ours. It has been recorded. Try again, or tell the people who run this installation at what time it happened.')}`,
    { status: 500 },
  );
}

export function refusedPage(sentences: readonly string[]): Answer {
  return page(
    'This was refused',
    html`${heading(1, 'This was refused')}${sentences.map((sentence) => paragraph(sentence))}`,
    { status: 400 },
  );
}

/** After signing in: sends on a form that was filled in before. */
export function goOnPage(fields: Html, action: string, form: Form): Extract<Answer, { kind: 'page' }> {
  const title = 'Go on where you were';
  const main = html`${heading(1, 'Go on where you were')}${paragraph('You are signed in. What you filled in before has not been sent yet.')}${postForm({ action, fields }, ...hiddenFields(form), button({ text: 'Send it now', preventDoubleClick: true }))}`;
  return { kind: 'page', title, main };
}

/** Somebody's session ended while they filled in a form, or their password or reason was given long ago. */
export function signInPage(action: string, fields: Html, onward: string): Answer {
  const isSignIn = action.startsWith('/sign-in');
  const title = isSignIn ? 'Sign in to go on' : 'Give a reason to go on';
  return page(
    title,
    html`${heading(1, title)}${paragraph(
      isSignIn
        ? 'What you filled in is kept, and can be sent once you have signed in.'
        : 'What you filled in is kept, and can be sent once you have said why you look into this service.',
    )}${postForm({ action, fields }, html`<input type="hidden" name="_onward" value="${onward}">`, button({ text: 'Go on' }))}`,
    { status: 401 },
  );
}
