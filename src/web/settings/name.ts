import { type Html, html } from '../../ground/html.ts';
import { heading } from '../components/content.ts';
import { button, input, postForm, radios } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, type Page, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { changeService, type FullService, isAnswer, readService } from './service.ts';

/** Settings of the service itself that one form changes. */
type Setting = Readonly<{
  path: string;
  title: string;
  fields: (values: Readonly<Record<string, string>>, faults: Faults) => Html;
  /** What the fields hold at first. */
  now: (service: FullService) => Readonly<Record<string, string>>;
  /** What is wrong before the API is asked; what the API gets. */
  check: (form: Form) => Faults;
  body: (form: Form) => Readonly<Record<string, unknown>>;
  /** The form's field of each field of the API. */
  names: Readonly<Record<string, string>>;
  said: string;
}>;

const settings: readonly Setting[] = [
  {
    path: '/settings/name',
    title: 'Change the name of the service',
    fields: (values, faults) =>
      html`${input({
        name: 'name',
        label: 'Name of the service',
        hint: 'Emails come from this name, and text messages can begin with it.',
        value: values['name'] ?? '',
        error: errorAt(faults, 'name'),
        attributes: { dir: 'auto' },
      })}${input({
        name: 'from',
        label: 'Emails come from',
        hint: 'The part of the address before the @, such as street.parking.',
        value: values['from'] ?? '',
        error: errorAt(faults, 'from'),
        classes: 'govuk-input--width-20',
        attributes: { spellcheck: 'false' },
      })}`,
    now: ({ name, email_from }) => ({ name, from: email_from }),
    check: (form) => (form.text('name').trim() === '' ? { name: 'Enter a name.' } : noFaults),
    body: (form) => ({ name: form.text('name').trim(), email_from: form.text('from').trim() }),
    names: { name: 'name', email_from: 'from' },
    said: 'The name is changed.',
  },
  {
    path: '/settings/prefix',
    title: 'Begin text messages with the name',
    fields: (values, faults) =>
      radios({
        name: 'prefix',
        legend: 'Begin each text message with the name of the service?',
        hint: 'People see whom a text is from even where their phone shows only a number. The name counts towards the length of each text.',
        error: errorAt(faults, 'prefix'),
        items: [
          { value: 'yes', text: 'Yes', selected: values['prefix'] === 'yes' },
          { value: 'no', text: 'No', selected: values['prefix'] === 'no' },
        ],
      }),
    now: ({ prefix_sms }) => ({ prefix: prefix_sms ? 'yes' : 'no' }),
    check: (form) =>
      ['yes', 'no'].includes(form.text('prefix')) ? noFaults : { prefix: 'Choose yes or no.' },
    body: (form) => ({ prefix_sms: form.text('prefix') === 'yes' }),
    names: { prefix_sms: 'prefix' },
    said: 'Saved.',
  },
  {
    path: '/settings/contact',
    title: 'Change how recipients reach you',
    fields: (values, faults) =>
      input({
        name: 'contact',
        label: 'Web address, email address or phone number',
        hint: 'Shown to people who open a file that you sent them as a link. Leave it empty for none.',
        value: values['contact'] ?? '',
        error: errorAt(faults, 'contact'),
        attributes: { spellcheck: 'false', dir: 'auto' },
      }),
    now: ({ contact_link }) => ({ contact: contact_link ?? '' }),
    check: () => noFaults,
    body: (form) => ({ contact_link: form.text('contact').trim() || null }),
    names: { contact_link: 'contact' },
    said: 'The contact is changed.',
  },
];

function formOf(
  { at, fields }: ServiceVisit,
  setting: Setting,
  values: Readonly<Record<string, string>>,
  version: string,
  faults: Faults,
): Answer {
  return page(
    setting.title,
    html`${faultSummary(faults)}${heading(1, setting.title)}${postForm(
      { action: at(setting.path), fields },
      html`<input type="hidden" name="version" value="${version}">`,
      setting.fields(values, faults),
      button({ text: 'Save', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back: { href: at('/settings'), text: 'Settings' } },
  );
}

export const namePages: readonly Page[] = settings.map((setting) =>
  servicePage(setting.path, 'manage_settings', {
    async get(visit) {
      const full = await readService(visit);
      return formOf(visit, setting, setting.now(full), String(full.version), noFaults);
    },
    async post(visit, form) {
      const values = Object.fromEntries(form.names.map((name) => [name, form.text(name)]));
      const wrong = setting.check(form);
      const again = (faults: Faults, version: string) => formOf(visit, setting, values, version, faults);
      if (Object.keys(wrong).length > 0) return again(wrong, form.text('version'));
      const changed = await changeService(visit, form, setting.body(form), setting.names, setting.said);
      if (isAnswer(changed)) return changed;
      // Whoever has been told of the other change may save over it.
      const version = '' in changed ? String((await readService(visit)).version) : form.text('version');
      return again(changed, version);
    },
  }),
);
