import { html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import { type Answer, type Page, type PersonVisit, page, personPage, redirect } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';

/** A number that is being proved, kept sealed in the browser. */
type Proving = Readonly<{ newMobile: string; userId: string }>;

const back = { href: '/account', text: 'Your account' };

function mobileForm({ fields, path, person }: PersonVisit, value: string, faults: Faults): Answer {
  return page(
    'Change your mobile number',
    html`${faultSummary(faults)}${heading(1, 'Change your mobile number')}${paragraph('We send it a code, to see that it is yours. Codes to sign in go there from then on.')}${postForm(
      { action: path, fields },
      input({
        ...{ name: 'mobile', label: 'New mobile number', type: 'tel', value },
        ...{ error: errorAt(faults, 'mobile'), attributes: { autocomplete: 'tel' } },
      }),
      button({ text: 'Send the code', preventDoubleClick: true }),
    )}${
      person.mobile === null
        ? null
        : postForm(
            { action: path, fields },
            html`<input type="hidden" name="none" value="1">`,
            button({
              text: 'Use no mobile number, and get codes by email',
              classes: 'govuk-button--secondary',
            }),
          )
    }`,
    { ...answering(faults), back },
  );
}

const mobile = personPage('/account/mobile', {
  fresh: true,
  get: (visit) => mobileForm(visit, '', noFaults),
  async post(visit, form) {
    const { api, person } = visit;
    if (form.has('none')) {
      const body = { mobile_number: null, auth_type: 'email_auth' };
      const saved = await api.send('POST', `/user/${person.id}`, body, form.id);
      if (!saved.ok) return mobileForm(visit, '', faultsOf(saved, { mobile_number: 'mobile' }));
      return redirect('/account', 'Codes are sent by email from now on.');
    }
    const to = form.text('mobile').trim();
    if (to === '') return mobileForm(visit, to, { mobile: 'Enter your new mobile number.' });
    const sent = await api.send('POST', `/user/${person.id}/sms-code`, { to }, form.id);
    if (!sent.ok) {
      const why = Object.values(sent.fields).flat().join(' ').replace(/^to /, '');
      return mobileForm(visit, to, { mobile: `${why}.`.replace(/\.\.$/, '.') });
    }
    const waiting: Proving = { newMobile: to, userId: person.id };
    return redirect('/account/mobile/code', undefined, { waiting });
  },
});

function codeForm({ fields, path, site }: PersonVisit, { newMobile }: Proving, faults: Faults): Answer {
  const inSandbox = site.sandboxUrl !== null && site.sandboxTypes.includes('sms');
  return page(
    'Confirm your mobile number',
    html`${faultSummary(faults)}${heading(1, 'Confirm your mobile number')}${paragraph(html`A code is on its way to <span dir="auto">${newMobile}</span>.`)}${
      inSandbox
        ? insetText(
            html`Messages of this installation do not leave it: the code is in the ${link(site.sandboxUrl!, 'sandbox’s inbox')}.`,
          )
        : null
    }${postForm(
      { action: path, fields },
      input({
        ...{ name: 'code', label: 'Code', classes: 'govuk-input--width-5', error: errorAt(faults, 'code') },
        attributes: { autocomplete: 'one-time-code', inputmode: 'numeric' },
      }),
      button({ text: 'Confirm', preventDoubleClick: true }),
    )}${paragraph(link('/account/mobile', 'Use another number, or ask for another code'))}`,
    { ...answering(faults), back },
  );
}

function provingOf({ waiting, person }: PersonVisit): Proving | null {
  const proving = waiting as Proving | null;
  return proving?.newMobile && proving.userId === person.id ? proving : null;
}

const code = personPage('/account/mobile/code', {
  fresh: true,
  get(visit) {
    const proving = provingOf(visit);
    return proving ? codeForm(visit, proving, noFaults) : redirect('/account/mobile');
  },
  async post(visit, form) {
    const proving = provingOf(visit);
    if (!proving) return redirect('/account/mobile');
    const { api, person } = visit;
    const given = form.text('code').replace(/[\s-]/g, '').slice(0, 100);
    if (given === '') return codeForm(visit, proving, { code: 'Enter the code.' });
    const outcome = await api
      .send('POST', `/user/${person.id}/verify/code`, { code: given, code_type: 'sms' })
      .catch((error: unknown) => {
        if (error instanceof NotFound) return null;
        throw error;
      });
    if (outcome === null)
      return codeForm(visit, proving, { code: 'Code not found. Check that you typed it correctly.' });
    if (!outcome.ok) {
      const why =
        outcome.status === 429
          ? `Too many wrong tries. Try again in ${outcome.retryAfter ?? 1} seconds.`
          : 'This code has expired. Ask for another one.';
      return codeForm(visit, proving, { code: why });
    }
    const body = { mobile_number: proving.newMobile, auth_type: 'sms_auth' };
    const saved = await api.send('POST', `/user/${person.id}`, body, form.id);
    if (!saved.ok) return codeForm(visit, proving, faultsOf(saved, { mobile_number: 'code' }));
    return redirect('/account', 'Your mobile number is changed.', { waiting: null });
  },
});

export const mobilePages: readonly Page[] = [mobile, code];
