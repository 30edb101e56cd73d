import { type Html, html } from '../../ground/html.ts';
import {
  heading,
  insetText,
  notificationBanner,
  paragraph,
  summaryList,
  tag,
  warningText,
} from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Refused } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import {
  type Answer,
  Missing,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';
import { timeOf } from '../words/times.ts';
import {
  type Address,
  addressSentence,
  type CallbackType,
  callbackTypes,
  codeAdvice,
  codeText,
  typeNames,
  typeSentences,
} from './callback-log.ts';
import { type LogPage, readAddresses } from './callbacks.ts';

type TestAnswer = Readonly<{
  delivered: boolean;
  status: number | null;
  failure: string | null;
  detail: string | null;
  milliseconds: number;
}>;

const path = '/developers/callbacks/addresses/:type';

function typeIn({ params }: ServiceVisit): CallbackType {
  const type = callbackTypes.find((one) => one === params['type']);
  if (!type) throw new Missing('No such type');
  return type;
}

async function readAddress(visit: ServiceVisit): Promise<Address | null> {
  const type = typeIn(visit);
  return (await readAddresses(visit)).find(({ callback_type }) => callback_type === type) ?? null;
}

const apiPath = ({ service }: ServiceVisit, { id }: Pick<Address, 'id'>) =>
  `/service/${service.id}/callback-api/${id}`;

export const oneAddress = servicePage(path, 'manage_api_keys', {
  live: true,
  async get(visit) {
    return addressPage(visit, await readAddress(visit), null);
  },
});

/** The page of an address, with what a test that was just sent got. */
async function addressPage(
  visit: ServiceVisit,
  address: Address | null,
  test: TestAnswer | null,
): Promise<Answer> {
  const { at, fields, zone } = visit;
  const type = typeIn(visit);
  const back = { href: at('/developers/callbacks'), text: 'Callbacks' };
  const base = at(`/developers/callbacks/addresses/${type}`);
  const title = `Callbacks: ${typeNames[type].toLowerCase()}`;
  if (!address)
    return page(
      title,
      html`${heading(1, title)}${paragraph(typeSentences[type])}${insetText('No address is set.')}${button({ text: 'Set an address', href: `${base}/set` })}`,
      { back },
    );
  const until = address.paused_until === null ? null : timeOf(address.paused_until, zone);
  const since = address.paused ? await lastDelivery(visit, type) : null;
  const state = html`${summaryList({
    rows: [
      { key: 'Address', value: html`<bdi>${address.url}</bdi>` },
      {
        key: 'State',
        value: html`${address.paused ? tag('Paused', 'bad') : address.failures > 0 ? tag('Failing', 'open') : tag('Works', 'good')} ${addressSentence(address, until)}`,
      },
      ...(since === null ? [] : [{ key: 'Last arrival', value: since }]),
      { key: 'Address set', value: timeOf(address.updated_at ?? address.created_at, zone) },
    ],
  })}`;
  const main = html`${test === null ? null : testBanner(test)}${heading(1, title)}${paragraph(typeSentences[type])}${test === null ? visit.region('address', state) : html`<div id="address" data-live="${base}">${state}</div>`}<div class="app-actions">${postForm(
    { action: `${base}/test`, fields },
    button({ text: 'Send a test', preventDoubleClick: true }),
  )}${
    address.paused
      ? postForm(
          { action: `${base}/resume`, fields },
          button({ text: 'End the pause', classes: 'govuk-button--secondary', preventDoubleClick: true }),
        )
      : null
  }${button({ text: 'Change the address', href: `${base}/set`, classes: 'govuk-button--secondary' })}${button(
    {
      text: 'Remove it',
      href: `${base}/remove`,
      classes: 'govuk-button--warning',
    },
  )}</div>${paragraph(html`A test is a sample with <code>"test": true</code> and ids that belong to nothing, with your token and a signature. It is posted at once, even during a pause, and is not in the log.`)}${paragraph(link(at('/developers/callbacks/signature'), 'How to check the signature'))}`;
  return page(title, main, { back });
}

/** Since when nothing has arrived at a paused address. */
async function lastDelivery(
  { api, service, zone, may }: ServiceVisit,
  type: CallbackType,
): Promise<Html | null> {
  if (!may('view_activity')) return null;
  const filter = `callback_type=${type}&status=delivered`;
  const log = await api.getSoon<LogPage>(`/service/${service.id}/callbacks?${filter}`);
  if (log === null) return null;
  const times = log.callbacks.flatMap(({ finished_at: at }) => (at === null ? [] : [Date.parse(at)]));
  if (times.length === 0) return html`Nothing that is in the log has arrived.`;
  return html`The last callback arrived there on ${timeOf(Math.max(...times), zone)}.`;
}

function testBanner({ delivered, status, failure, detail, milliseconds }: TestAnswer): Html {
  const code = status === null ? failure : String(status);
  const answer = `${codeText(code)}, after ${milliseconds} milliseconds.`;
  const advice = delivered ? null : codeAdvice(code);
  return notificationBanner({
    ...(delivered && { type: 'success' }),
    text: html`<p class="govuk-notification-banner__heading">${delivered ? 'The test arrived.' : 'The test did not arrive.'} ${answer}</p>${advice === null ? null : paragraph(advice)}${detail === null ? null : paragraph(html`<bdi>${detail}</bdi>`)}`,
  });
}

export const testAddress = servicePage(`${path}/test`, 'manage_api_keys', {
  async post(visit, form) {
    const address = await readAddress(visit);
    if (!address) throw new Missing('No address');
    return sendTest(visit, form);
  },
});

/** Posts a sample and shows what came back: nothing has changed, so the form is answered by the page itself. */
async function sendTest(visit: ServiceVisit, form: Form): Promise<Answer> {
  const address = await readAddress(visit);
  if (!address) throw new Missing('No address');
  const key = `test-${form.id}`;
  const tested = await visit.api.send<{ data: TestAnswer }>(
    'POST',
    `${apiPath(visit, address)}/test`,
    {},
    key,
  );
  if (!tested.ok) throw new Unexpected(tested);
  return addressPage(visit, address, tested.data.data);
}

export const resumeAddress = servicePage(`${path}/resume`, 'manage_api_keys', {
  async post(visit, form) {
    const address = await readAddress(visit);
    if (!address) throw new Missing('No address');
    const done = await visit.api.send('POST', `${apiPath(visit, address)}/resume`, {}, form.id);
    if (!done.ok) throw new Unexpected(done);
    return redirect(
      visit.at(`/developers/callbacks/addresses/${address.callback_type}`),
      'The pause has ended. What waited is tried now.',
    );
  },
});

type Faults = Readonly<{ url?: string | undefined; token?: string | undefined }>;

function setForm(visit: ServiceVisit, address: Address | null, url: string, faults: Faults = {}): Answer {
  const { at, fields } = visit;
  const type = typeIn(visit);
  const base = at(`/developers/callbacks/addresses/${type}`);
  const problems = (['url', 'token'] as const).flatMap((name) => {
    const text = faults[name];
    return text === undefined ? [] : [{ text, href: `#${name}` }];
  });
  const title = address ? 'Change a callback address' : 'Set a callback address';
  const main = html`${errorSummary(problems)}${heading(1, html`${address ? 'Change' : 'Set'} the address for ${typeNames[type].toLowerCase()}`)}${paragraph(typeSentences[type])}${
    address && address.waiting > 0 ? insetText('Callbacks that wait go to the new address.') : null
  }${postForm(
    { action: `${base}/set`, fields },
    input({
      name: 'url',
      label: 'Address',
      hint: 'It begins with https, and can be reached from the public internet.',
      value: url,
      type: 'url',
      error: faults.url === undefined ? null : { text: faults.url },
      attributes: { autocomplete: 'off', spellcheck: 'false', maxlength: 2000 },
    }),
    input({
      name: 'token',
      label: 'Token',
      hint: address
        ? 'Leave it empty to keep the token. A new one has at least 10 characters, without spaces.'
        : 'A secret of your own, of at least 10 characters without spaces. It comes with each callback, and is the key of its signature. It is not shown again.',
      type: 'password',
      error: faults.token === undefined ? null : { text: faults.token },
      attributes: { autocomplete: 'new-password', spellcheck: 'false' },
    }),
    html`<div class="app-actions">${button({ text: 'Save and send a test', name: 'test', value: 'yes', preventDoubleClick: true })}${button({ text: 'Save', classes: 'govuk-button--secondary', preventDoubleClick: true })}</div>`,
  )}`;
  return page(title, main, {
    isError: problems.length > 0,
    status: problems.length > 0 ? 400 : 200,
    back: address
      ? { href: base, text: `Callbacks: ${typeNames[type].toLowerCase()}` }
      : { href: at('/developers/callbacks'), text: 'Callbacks' },
  });
}

export const setAddress = servicePage(`${path}/set`, 'manage_api_keys', {
  fresh: true,
  async get(visit) {
    const address = await readAddress(visit);
    return setForm(visit, address, address?.url ?? '');
  },
  async post(visit, form) {
    const { api, person, service, at } = visit;
    const type = typeIn(visit);
    const address = await readAddress(visit);
    const url = form.text('url').trim();
    const token = form.text('token');
    const faults: Faults = {
      url: url === '' ? 'Enter the address' : undefined,
      token: token === '' && !address ? 'Enter a token' : undefined,
    };
    if (faults.url !== undefined || faults.token !== undefined) return setForm(visit, address, url, faults);
    const body = {
      ...{ url, callback_type: type, updated_by_id: person.id },
      ...(token !== '' && { bearer_token: token }),
    };
    const where = address ? apiPath(visit, address) : `/service/${service.id}/callback-api`;
    // Without a key: what is said may be another address the second time, and saving the same twice changes nothing.
    const saved = await api.send('POST', where, body);
    if (!saved.ok) return setForm(visit, address, url, faultsOf(saved));
    if (form.text('test') === 'yes') return sendTest(visit, form);
    return redirect(at(`/developers/callbacks/addresses/${type}`), 'The address is saved.');
  },
});

/** What the API has against an address or a token. Throws what is about something else. */
function faultsOf(refused: Refused): Faults {
  const found: { url?: string; token?: string } = {};
  for (const text of Object.values(refused.fields).flat()) {
    if (text.includes('private or loopback'))
      found.url = 'The address must not be in a private network, or on this machine';
    else if (/^url|https url/.test(text))
      found.url = 'Enter an address that begins with https://, such as https://example.com/callbacks';
    else if (text.includes('too short')) found.token = 'The token must have at least 10 characters';
    else if (text.includes('too long')) found.token = 'The token must have at most 1,000 characters';
    else if (text.includes('printable ASCII'))
      found.token = 'The token must consist of letters, digits and signs of a plain keyboard, without spaces';
    else throw new Unexpected(refused);
  }
  return found;
}

function whatFails(waiting: number): string {
  if (waiting === 1) return 'the callback that waits for it fails';
  return `the ${waiting >= 10_000 ? '10,000 or more' : waiting} callbacks that wait for it fail`;
}

export const removeAddress = servicePage(`${path}/remove`, 'manage_api_keys', {
  fresh: true,
  async get(visit) {
    const { at, fields } = visit;
    const address = await readAddress(visit);
    if (!address) throw new Missing('No address');
    const type = address.callback_type;
    const base = at(`/developers/callbacks/addresses/${type}`);
    const main = html`${heading(1, html`Remove the address for ${typeNames[type].toLowerCase()}`)}${warningText(
      address.waiting === 0
        ? 'Your program is no longer told. Nothing waits for it at the moment.'
        : `Your program is no longer told, and ${whatFails(address.waiting)}.`,
    )}${paragraph(html`<bdi>${address.url}</bdi>`)}${postForm(
      { action: `${base}/remove`, fields },
      button({ text: 'Remove the address', classes: 'govuk-button--warning', preventDoubleClick: true }),
    )}${paragraph(link(base, 'Keep it'))}`;
    return page('Remove a callback address', main, {
      back: { href: base, text: `Callbacks: ${typeNames[type].toLowerCase()}` },
    });
  },
  async post(visit) {
    const address = await readAddress(visit);
    if (!address) throw new Missing('No address');
    const type = address.callback_type;
    const done = await visit.api.send(
      'DELETE',
      `${apiPath(visit, address)}?callback_type=${type}`,
      undefined,
    );
    if (!done.ok) throw new Unexpected(done);
    return redirect(
      visit.at('/developers/callbacks'),
      `The address for ${typeNames[type].toLowerCase()} is removed.`,
    );
  },
});
