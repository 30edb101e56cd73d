import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm, textarea } from '../components/form.ts';
import { isMember } from '../frame/members.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { sentences } from './service.ts';

type Guests = Readonly<{ email_addresses: readonly string[]; phone_numbers: readonly string[] }>;

function guestForm({ at, fields }: ServiceVisit, value: string, faults: Faults): Answer {
  return page(
    'Guest list',
    html`${faultSummary(faults)}${heading(1, 'Guest list')}${paragraph('While the service is in trial, and with a team key, messages go only to the people in the team and to these numbers and addresses.')}${postForm(
      { action: at('/settings/guests'), fields },
      textarea({
        name: 'guests',
        label: 'Phone numbers and email addresses',
        hint: 'One to a line.',
        value,
        rows: 10,
        error: errorAt(faults, 'guests'),
        attributes: { spellcheck: 'false', autocomplete: 'off' },
      }),
      button({ text: 'Save', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back: { href: at('/settings'), text: 'Settings' } },
  );
}

/** Operators do not see recipients (spec 07, section 5). */
const hidden = ({ at }: ServiceVisit) =>
  page(
    'Guest list',
    html`${heading(1, 'Guest list')}${paragraph('The guest list names people. Only the team of the service sees it.')}`,
    { back: { href: at('/settings'), text: 'Settings' } },
  );

const guests = servicePage('/settings/guests', 'manage_settings', {
  async get(visit) {
    if (!isMember(visit)) return hidden(visit);
    const found = await visit.api.get<Guests>(`/service/${visit.service.id}/guest-list`);
    return guestForm(visit, [...found.phone_numbers, ...found.email_addresses].join('\n'), noFaults);
  },
  async post(visit, form) {
    if (!isMember(visit)) return hidden(visit);
    const { api, service, at } = visit;
    const entries = form
      .text('guests')
      .split('\n')
      .map((line) => line.trim());
    const given = [...new Set(entries)].filter((line) => line !== '');
    const isAddress = (text: string) => text.includes('@');
    const body = {
      email_addresses: given.filter(isAddress),
      phone_numbers: given.filter((text) => !isAddress(text)),
    };
    const saved = await api.send('PUT', `/service/${service.id}/guest-list`, body, form.id);
    if (saved.ok) return redirect(at('/settings'), 'The guest list is saved.');
    const wrong = /"(.*)" is not/s.exec(sentences(saved))?.[1];
    const why =
      wrong === undefined ? sentences(saved) : `“${wrong}” is not an email address or phone number.`;
    return guestForm(visit, given.join('\n'), { guests: why });
  },
});

export const guestPages: readonly Page[] = [guests];
