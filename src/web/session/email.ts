import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { openPage, type Page, page, redirect } from '../frame/page.ts';
import { faultsOf } from '../words/faults.ts';
import { checkToken, deadLink } from './steps.ts';

const help = html`Change the address once more on the page of ${link('/account', 'your account')} to get a new link.`;

/** The links that prove a new address; the second path is what mails name (spec 04, section 3.5). */
const confirm = ['/your-account/email/confirm/:token', '/user-profile/email/confirm/:token'].map((path) =>
  openPage(path, {
    async get({ alone, params, path: here, fields }) {
      const checked = await checkToken(alone, 'change-email', params['token']!, false);
      if (typeof checked === 'string') return deadLink(checked, help);
      return page(
        'Confirm your new email address',
        html`${heading(1, 'Confirm your new email address')}${paragraph(html`From now on you sign in with <span dir="auto">${checked.email}</span>.`)}${postForm({ action: here, fields }, button({ text: 'Confirm', preventDoubleClick: true }))}`,
      );
    },
    async post({ alone, params, person }) {
      const checked = await checkToken(alone, 'change-email', params['token']!, true);
      if (typeof checked === 'string') return deadLink(checked, help);
      const { user_id: userId, email } = checked;
      const changed = await alone.send('POST', `/user/${userId}`, {
        ...{ email_address: email, updated_by: userId },
      });
      if (!changed.ok)
        return deadLink(Object.values(faultsOf(changed, { email_address: 'email' })).join(' '), help);
      return redirect(
        person?.id === userId ? '/account' : '/sign-in',
        'Your email address is changed. Sign in with the new one from now on.',
      );
    },
  }),
);

export const emailPages: readonly Page[] = confirm;
