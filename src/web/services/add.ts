import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { type Answer, type PersonVisit, page, personPage, redirect } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, faultsOf, noFaults } from '../words/faults.ts';

/** What a service in trial may send in a day (spec 04, section 1.2). */
const trialLimit = 50;

type Filled = Readonly<{ name: string; from: string | null }>;

/** `from`: null where the name gives the local part of its address by itself. */
function addForm({ fields, path }: PersonVisit, { name, from }: Filled, faults: Faults): Answer {
  return page(
    'Add a service',
    html`${faultSummary(faults)}${heading(1, 'Add a service')}${paragraph(`It begins in trial: it can send at most ${trialLimit} messages a day, and only to its team and its guest list.`)}${postForm(
      { action: path, fields },
      input({
        name: 'name',
        label: 'Name of the service',
        hint: 'As the people who get its messages know it, such as “Street parking”.',
        value: name,
        error: errorAt(faults, 'name'),
        attributes: { dir: 'auto', autocomplete: 'off' },
      }),
      from === null
        ? null
        : input({
            name: 'from',
            label: 'Emails come from',
            hint: 'The part of the address before the @, in letters from a to z, digits and dots.',
            value: from,
            error: errorAt(faults, 'from'),
            attributes: { spellcheck: 'false', autocomplete: 'off' },
          }),
      button({ text: 'Add the service', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back: { href: '/services', text: 'Your services' } },
  );
}

export const addPage = personPage('/services/add', {
  get: (visit) => addForm(visit, { name: '', from: null }, noFaults),
  async post(visit, form) {
    const { api, person } = visit;
    const name = form.text('name').trim();
    const from = form.has('from') ? form.text('from').trim() : null;
    if (name === '') return addForm(visit, { name, from }, { name: 'Enter a name.' });
    const body = {
      ...{ name, user_id: person.id, created_by: person.id, restricted: true, message_limit: trialLimit },
      ...(from !== null && { email_from: from }),
    };
    const added = await api.send<{ data: { id: string } }>('POST', '/service', body, form.id);
    if (added.ok)
      return redirect(
        `/services/${added.data.data.id}`,
        'The service is added. You can do everything in it.',
      );
    const faults = faultsOf(added, { name: 'name', email_from: 'from' });
    // A name without letters that an address can have: the address is asked for.
    return addForm(visit, { name, from: from ?? ('from' in faults ? '' : null) }, faults);
  },
});
