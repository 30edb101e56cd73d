import { html } from '../../ground/html.ts';
import { passwordFault } from '../../ground/password-rules.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { NotFound } from '../frame/api.ts';
import { type Answer, type Page, type PersonVisit, page, personPage, redirect } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';

const back = { href: '/account', text: 'Your account' };

function nameForm({ fields, path }: PersonVisit, value: string, faults: Faults): Answer {
  return page(
    'Change your name',
    html`${faultSummary(faults)}${heading(1, 'Change your name')}${postForm(
      { action: path, fields },
      input({
        ...{ name: 'name', label: 'Full name', value, error: errorAt(faults, 'name') },
        attributes: { autocomplete: 'name', dir: 'auto' },
      }),
      button({ text: 'Save', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back },
  );
}

const name = personPage('/account/name', {
  get: (visit) => nameForm(visit, visit.person.name, noFaults),
  async post(visit, form) {
    const { api, person } = visit;
    const given = form.text('name').trim();
    if (given === '') return nameForm(visit, given, { name: 'Enter your name.' });
    const saved = await api.send('POST', `/user/${person.id}`, { name: given }, form.id);
    if (!saved.ok) return nameForm(visit, given, faultsOf(saved, { name: 'name' }));
    return redirect('/account', 'Your name is changed.');
  },
});

function emailForm({ fields, path }: PersonVisit, value: string, faults: Faults): Answer {
  return page(
    'Change your email address',
    html`${faultSummary(faults)}${heading(1, 'Change your email address')}${paragraph('We send a link to the new address. Until you have opened it, the old one stays.')}${postForm(
      { action: path, fields },
      input({
        ...{ name: 'email', label: 'New email address', type: 'email', value },
        ...{ error: errorAt(faults, 'email'), attributes: { autocomplete: 'email', spellcheck: 'false' } },
      }),
      button({ text: 'Send the link', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back },
  );
}

const email = personPage('/account/email', {
  fresh: true,
  get: (visit) => emailForm(visit, '', noFaults),
  async post(visit, form) {
    const { api, alone, person } = visit;
    const given = form.text('email').trim();
    if (given === '') return emailForm(visit, given, { email: 'Enter your new email address.' });
    const known = await alone
      .send<{ data: { id: string } }>('POST', '/user/email', { email: given })
      .catch((error: unknown) => {
        if (error instanceof NotFound) return null;
        throw error;
      });
    if (known && !known.ok) return emailForm(visit, given, faultsOf(known, { email: 'email' }));
    if (known) {
      const isOwn = known.data.data.id === person.id;
      const why = isOwn ? 'This is your address already.' : 'Somebody has this email address already.';
      return emailForm(visit, given, { email: why });
    }
    const sent = await api.send(
      'POST',
      `/user/${person.id}/change-email-verification`,
      { email: given },
      form.id,
    );
    if (!sent.ok) return emailForm(visit, given, faultsOf(sent, { email: 'email' }));
    return redirect('/account', 'A link is on its way to the new address. It works for an hour.');
  },
});

function passwordForm({ fields, path }: PersonVisit, faults: Faults): Answer {
  return page(
    'Change your password',
    html`${faultSummary(faults)}${heading(1, 'Change your password')}${insetText('You stay signed in here, and are signed out everywhere else.')}${postForm(
      { action: path, fields },
      input({
        ...{ name: 'password', label: 'New password', type: 'password' },
        hint: 'At least 8 characters, and none that many people have.',
        ...{ error: errorAt(faults, 'password'), attributes: { autocomplete: 'new-password' } },
      }),
      button({ text: 'Save', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back },
  );
}

const password = personPage('/account/password', {
  fresh: true,
  get: (visit) => passwordForm(visit, noFaults),
  async post(visit, form) {
    const { api, person } = visit;
    const given = form.text('password');
    const fault = await passwordFault(given);
    if (fault !== null) return passwordForm(visit, { password: fault });
    const saved = await api.send('POST', `/user/${person.id}/update-password`, { _password: given });
    if (!saved.ok) return passwordForm(visit, faultsOf(saved, { _password: 'password' }));
    return redirect('/account', 'Your password is changed. You are signed out everywhere else.', {
      proved: true,
    });
  },
});

export const changePages: readonly Page[] = [name, email, password];
