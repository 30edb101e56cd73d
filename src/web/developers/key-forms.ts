import { type Html, html } from '../../ground/html.ts';
import { copyable, details, heading, insetText, paragraph, warningText } from '../components/content.ts';
import { button, errorSummary, input, postForm, radios } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Refused } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { timeInWords } from '../words/times.ts';
import { environmentLines, type FirstCall, firstCalls, keyForClients } from './first-call.ts';
import {
  firstCallId,
  type Key,
  type KeyType,
  keyTypeNames,
  named,
  readKey,
  readKeys,
  stillUsedBy,
  waiting,
} from './keys.ts';

const keyTypes = Object.keys(keyTypeNames) as readonly KeyType[];
const typeHints: Readonly<Record<KeyType, string>> = {
  normal: 'For what runs for real. Everything it sends counts and costs.',
  team: 'For trying out with real messages, to the people of this service.',
  test: 'For tests of your program. Nobody receives anything, and nothing counts or costs.',
};
const overlapMilliseconds = 24 * 3_600_000;

type Faults = Readonly<{ name?: string | undefined; type?: string | undefined }>;

function addForm(visit: ServiceVisit, name = '', type = '', faults: Faults = {}): Answer {
  const { at, fields, service } = visit;
  const problems = [
    ...(faults.name === undefined ? [] : [{ text: faults.name, href: '#name' }]),
    ...(faults.type === undefined ? [] : [{ text: faults.type, href: '#type' }]),
  ];
  const isTrial = service.restricted;
  const main = html`${errorSummary(problems)}${heading(1, 'Make an API key')}${postForm(
    { action: at('/developers/keys/add'), fields },
    input({
      name: 'name',
      label: 'Name of the key',
      hint: 'The program and place that use it, such as “Booking system, live”.',
      value: name,
      error: faults.name === undefined ? null : { text: faults.name },
      attributes: { autocomplete: 'off', spellcheck: 'false', maxlength: 255, dir: 'auto' },
    }),
    radios({
      name: 'type',
      legend: 'What it may do',
      legendClasses: 'govuk-fieldset__legend--s',
      error: faults.type === undefined ? null : { text: faults.type },
      items: keyTypes.map((value) => ({
        value,
        text: keyTypeNames[value],
        hint: value === 'normal' && isTrial ? 'Not while this service is in trial mode.' : typeHints[value],
        selected: type === value,
        disabled: value === 'normal' && isTrial,
      })),
    }),
    button({ text: 'Make the key', preventDoubleClick: true }),
  )}`;
  return page('Make an API key', main, {
    isError: problems.length > 0,
    status: problems.length > 0 ? 400 : 200,
    back: { href: at('/developers/keys'), text: 'API keys' },
  });
}

export const addKey = servicePage('/developers/keys/add', 'manage_api_keys', {
  fresh: true,
  get: (visit) => addForm(visit),
  async post(visit, form) {
    const name = form.text('name').trim();
    const type = form.text('type') as KeyType;
    const isChosen = keyTypes.includes(type) && !(type === 'normal' && visit.service.restricted);
    const faults: Faults = {
      name: name === '' ? 'Enter a name for the key' : undefined,
      type: isChosen ? undefined : 'Choose what the key may do',
    };
    if (faults.name !== undefined || faults.type !== undefined) return addForm(visit, name, type, faults);
    const made = await makeKey(visit, form, name, type);
    return 'secret' in made
      ? shownOnce(visit, made, 'Your new key')
      : addForm(visit, name, type, { name: nameFault(made) });
  },
});

/** What the API has against a name. Throws what is about something else. */
function nameFault(refused: Refused): string {
  const [text] = refused.fields['name'] ?? [];
  if (text === undefined) throw new Unexpected(refused);
  if (text.startsWith('A key with this name')) return 'A key with this name exists: choose another name';
  if (text.startsWith('Longer than')) return 'The name must have 255 characters or fewer';
  return text;
}

type Made = Readonly<{ secret: string; key: Key }>;

async function makeKey(
  visit: ServiceVisit,
  form: Form,
  name: string,
  type: KeyType,
): Promise<Made | Refused> {
  const { api, service, person } = visit;
  const body = { name, key_type: type, created_by: person.id };
  const made = await api.send<{ data: string }>('POST', `/service/${service.id}/api-key`, body, form.id);
  if (!made.ok) return made;
  // Of the keys without an end, only one has this name.
  const key = (await readKeys(visit)).find((one) => one.name === name && one.expiry_date === null);
  if (!key) throw new Error('A key that was just made is not in the list');
  return { secret: made.data.data, key };
}

/**
 * The page that shows a key, once. It answers the form itself, since a key may be neither in an address nor in a cookie;
 * sent again by reloading, the form gets the same key.
 */
async function shownOnce(
  visit: ServiceVisit,
  { secret, key }: Made,
  title: string,
  more?: Html,
): Promise<Answer> {
  const { at, service, site } = visit;
  const full = keyForClients(key.name, service.id, secret);
  const keyPage = at(`/developers/keys/${key.id}`);
  const template = await exampleTemplate(visit);
  const call = template && {
    ...{ apiUrl: site.apiUrl, serviceId: service.id, key: full, template },
    to: recipientFor(visit, key.key_type, template.type),
  };
  const main = html`${heading(1, title)}${more ?? null}${warningText('This is the only time that you can see this key. Copy it now, and keep it where you keep passwords.')}${paragraph(html`Name: ${named(key.name)}. ${keyTypeNames[key.key_type]}.`)}${copyable({ id: 'key', text: full, what: 'key' })}<h2 class="govuk-heading-m">For a file .env</h2>${copyable({ id: 'environment', text: environmentLines({ apiUrl: site.apiUrl, key: full }), what: 'lines for .env' })}<h2 class="govuk-heading-m">A first call</h2>${
    call
      ? firstCallSection(call)
      : insetText(
          html`This service has no template yet. ${link(at('/templates'), 'Write one')} to send a first message.`,
        )
  }<div id="${firstCallId}" data-live="${keyPage}">${waiting(keyPage)}</div>`;
  return page('Your new API key', main, { back: { href: at('/developers/keys'), text: 'API keys' } });
}

function firstCallSection(call: FirstCall): Html {
  const folds = firstCalls(call).map(({ language, install, code, file }, index) => {
    const id = `call-${language.toLowerCase().replace(/\W/g, '')}`;
    const content = html`${install === null ? null : paragraph(html`First: <code>${install}</code>`)}${
      file === null
        ? paragraph('Paste all of it into a terminal.')
        : paragraph(
            html`Save it as <code>${file}</code>, and run it with the two lines for .env in its environment.`,
          )
    }${copyable({ id, text: code, what: `call in ${language}` })}`;
    return details({ summary: language, content, open: index === 0 });
  });
  return html`${paragraph(html`It sends the template ${named(call.template.name)} to ${html`<span dir="auto">${call.to}</span>`}, with example values.`)}${folds}`;
}

type Template = Readonly<{ id: string; name: string; template_type: 'sms' | 'email' | 'letter' }>;
type StoredTemplate = Template & Readonly<{ content: string; subject: string | null }>;

/** A template to try the key with: the newest text, or else the newest email. null: the service has none. */
async function exampleTemplate({ api, service }: ServiceVisit): Promise<FirstCall['template'] | null> {
  const base = `/service/${service.id}/template`;
  const { data } = await api.get<{ data: readonly Template[] }>(`${base}?detailed=False`);
  const short =
    data.find(({ template_type: type }) => type === 'sms') ??
    data.find(({ template_type: type }) => type === 'email');
  if (!short) return null;
  const { data: stored } = await api.get<{ data: StoredTemplate }>(`${base}/${short.id}`);
  const { template_type, content, subject } = stored;
  const draft = { template_type, content, ...(subject !== null && { subject }) };
  const preview = await api.send<{ placeholders: readonly string[] }>('POST', `${base}/preview`, draft);
  // A template that is too long as it stands has no preview, and cannot be sent either.
  const placeholders = preview.ok ? preview.data.placeholders : [];
  return { id: stored.id, name: stored.name, type: template_type as 'sms' | 'email', placeholders };
}

/** Whom a first call reaches: an example where nothing leaves the platform, else the person who reads the page. */
function recipientFor(
  { site, person, service }: ServiceVisit,
  keyType: KeyType,
  type: 'sms' | 'email',
): string {
  const isSafe =
    keyType === 'test' || (keyType === 'normal' && !service.restricted && site.sandboxTypes.includes(type));
  const own = type === 'sms' ? person.mobile : person.email;
  if (!isSafe && own !== null) return own;
  return type === 'sms' ? '07700 900 123' : 'ada@example.com';
}

export const changeKey = servicePage('/developers/keys/:key/change', 'manage_api_keys', {
  fresh: true,
  async get(visit) {
    const key = await readKey(visit);
    const { at, fields } = visit;
    const main = html`${heading(1, html`Change the key “${named(key.name)}”`)}${paragraph('You get a new key of the same name and type. The old one goes on for 24 hours, so that programs can be moved to the new one without a gap, and then ends for good.')}${
      key.expiry_date === null
        ? insetText(stillUsedBy(key, visit))
        : insetText(
            html`This key ends on ${timeInWords(key.expiry_date, visit.zone)} already, which stays as it is. ${stillUsedBy(key, visit)}`,
          )
    }${postForm(
      { action: at(`/developers/keys/${key.id}/change`), fields },
      button({ text: 'Make a new key', preventDoubleClick: true }),
    )}${paragraph(link(at(`/developers/keys/${key.id}`), 'Keep the key as it is'))}`;
    return page('Change an API key', main, {
      back: { href: at(`/developers/keys/${key.id}`), text: 'API key' },
    });
  },
  async post(visit, form) {
    const { api, service, person, now, zone } = visit;
    const key = await readKey(visit);
    const end = key.expiry_date ?? new Date(now + overlapMilliseconds).toISOString();
    // First the end of the old one: then its successor can have its name. A form that is sent again finds it set.
    if (key.expiry_date === null) {
      const body = { created_by: person.id, expires_at: end };
      const ended = await api.send('POST', `/service/${service.id}/api-key/revoke/${key.id}`, body);
      if (!ended.ok) throw new Unexpected(ended);
    }
    const made = await makeKey(visit, form, key.name, key.key_type);
    if (!('secret' in made)) return hasSuccessor(visit, key);
    const more = insetText(html`The old key ends on ${timeInWords(end, zone)}. ${stillUsedBy(key, visit)}`);
    return shownOnce(visit, made, 'Your new key', more);
  },
});

/** Another key has the name by now: this one has been changed before. */
function hasSuccessor({ at }: ServiceVisit, key: Key): Answer {
  const main = html`${heading(1, html`The key “${named(key.name)}” was not changed`)}${paragraph('A newer key has this name: it has been changed already. Change the newer one, or make a key with another name.')}${paragraph(link(at('/developers/keys'), 'See all API keys'))}`;
  return page('The key was not changed', main, { status: 400, isError: true });
}

export const endKey = servicePage('/developers/keys/:key/end', 'manage_api_keys', {
  fresh: true,
  async get(visit) {
    const key = await readKey(visit);
    const { at, fields } = visit;
    const main = html`${heading(1, html`End the key “${named(key.name)}”`)}${warningText('It stops working within 2 seconds, everywhere. Programs that use it can no longer send. This cannot be undone.')}${insetText(stillUsedBy(key, visit))}${postForm(
      { action: at(`/developers/keys/${key.id}/end`), fields },
      button({ text: 'End this key now', classes: 'govuk-button--warning', preventDoubleClick: true }),
    )}${paragraph(link(at(`/developers/keys/${key.id}/change`), 'Change it instead, with 24 hours of overlap'))}${paragraph(link(at(`/developers/keys/${key.id}`), 'Keep the key as it is'))}`;
    return page('End an API key', main, {
      back: { href: at(`/developers/keys/${key.id}`), text: 'API key' },
    });
  },
  async post(visit, form) {
    const { api, at, service, person } = visit;
    const key = await readKey(visit);
    const body = { created_by: person.id };
    const path = `/service/${service.id}/api-key/revoke/${key.id}`;
    const ended = await api.send('POST', path, body, form.id);
    if (!ended.ok) throw new Unexpected(ended);
    return redirect(at('/developers/keys'), `The key “${key.name}” has ended.`);
  },
});
