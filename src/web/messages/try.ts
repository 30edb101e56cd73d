import { type Html, html } from '../../ground/html.ts';
import { copyable, heading, insetText, paragraph } from '../components/content.ts';
import { button, errorSummary, fieldset, input, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { dayIn } from '../words/times.ts';
import { contentOf, phone } from './content.ts';
import { exampleValue } from './example.ts';
import { explain } from './explain.ts';
import type { Message, Timeline } from './message.ts';
import { timelineList } from './timeline.ts';

type Type = 'sms' | 'email';
type ShortTemplate = Readonly<{ id: string; name: string; template_type: Type }>;
type Template = ShortTemplate & Readonly<{ subject: string | null; content: string }>;
type Preview = Readonly<{ subject: string | null; text: string; placeholders: readonly string[] }>;

/** A message that is ready to be tried: its template, whom it goes to, and its values by name. */
type Ready = Readonly<{
  template: Template;
  preview: Preview;
  to: string;
  values: Readonly<Record<string, string>>;
}>;

/** Somebody's number in the range that is for examples, where messages go nowhere. */
const exampleNumber = '07700 900123';
const mostOffered = 8;
const uuid = /^[0-9a-f-]{36}$/i;
const valueName = (index: number) => `value-${index}`;

const send = { sms: 'send_texts', email: 'send_emails' } as const;
const isTried = ({ site }: ServiceVisit, type: Type) => site.sandboxTypes.includes(type);

/** See it work: a first message, sent and watched (spec 07, section 8, journey 1). */
const tryOut = servicePage('/try', ['send_texts', 'send_emails'], {
  live: true,
  async get(visit) {
    const id = visit.query.get('message') ?? '';
    if (uuid.test(id)) return watch(visit, id);
    const templates = await templatesOf(visit);
    const wanted = visit.query.get('template');
    const chosen = templates.find(({ id }) => id === wanted) ?? templates[0];
    if (!chosen) return noTemplate(visit);
    return form(visit, templates, await readyOf(visit, chosen, null));
  },
  async post(visit, given) {
    const templates = await templatesOf(visit);
    const chosen = templates.find(({ id }) => id === given.text('template'));
    if (!chosen) return noTemplate(visit);
    const ready = await readyOf(visit, chosen, given);
    if (given.text('do') === 'preview') return form(visit, templates, ready);
    if (ready.to === '') return form(visit, templates, ready, { to: 'Enter a recipient' });
    const outcome = await visit.api.send<{ id: string }>(
      'POST',
      `/service/${visit.service.id}/send-notification`,
      {
        ...{ template_id: chosen.id, to: ready.to, personalisation: ready.values },
        created_by: visit.person.id,
      },
      given.id,
    );
    if (outcome.ok) return redirect(visit.at(`/try?message=${outcome.data.id}`));
    return form(visit, templates, ready, { '': Object.values(outcome.fields).flat().join('. ') });
  },
});

/** The templates that this person may send, texts first. */
async function templatesOf(visit: ServiceVisit): Promise<readonly ShortTemplate[]> {
  const { data } = await visit.api.get<{ data: readonly ShortTemplate[] }>(
    `/service/${visit.service.id}/template?detailed=False`,
  );
  return data
    .filter(({ template_type: type }) => visit.may(send[type]))
    .toSorted((a, b) => Number(a.template_type === 'email') - Number(b.template_type === 'email'));
}

async function readyOf(visit: ServiceVisit, { id }: ShortTemplate, given: Form | null): Promise<Ready> {
  const base = `/service/${visit.service.id}/template`;
  const { data: template } = await visit.api.get<{ data: Template }>(`${base}/${id}`);
  const { template_type: type, subject, content } = template;
  const draft = { template_type: type, content, ...(subject !== null && { subject }) };
  const fill = async (personalisation: object) => {
    const outcome = await visit.api.send<Preview>('POST', `${base}/preview`, { ...draft, personalisation });
    // What cannot be filled in is shown as it is written.
    return outcome.ok ? outcome.data : { subject, text: content, placeholders: [] };
  };
  const { placeholders } = await fill({});
  const today = dayIn(visit.now, visit.zone);
  const values = Object.fromEntries(
    placeholders.map((name, index) => [
      name,
      given?.has(valueName(index)) ? given.text(valueName(index)) : exampleValue(name, visit.person, today),
    ]),
  );
  const preview = placeholders.length === 0 ? await fill({}) : await fill(values);
  return { template, preview: { ...preview, placeholders }, values, to: recipientOf(visit, type, given) };
}

/** Anybody where messages go nowhere; else only oneself. '' if there is nobody. */
function recipientOf(visit: ServiceVisit, type: Type, given: Form | null): string {
  const { person } = visit;
  const own = type === 'sms' ? person.mobile : person.email;
  if (!isTried(visit, type)) return own ?? '';
  if (given?.has('to')) return given.text('to').trim();
  return own ?? exampleNumber;
}

function noTemplate({ at, may }: ServiceVisit): Answer {
  const main = may('manage_templates')
    ? paragraph(
        html`A message is made of a template. ${link(at('/templates/add'), 'Add a template')}, then come back.`,
      )
    : paragraph(
        html`A message is made of a template, and this service has none that you may send. ${link(at('/team'), 'Somebody of your team')} can add one.`,
      );
  return page('Send your first message', html`${heading(1, 'Send your first message')}${main}`);
}

function form(
  visit: ServiceVisit,
  templates: readonly ShortTemplate[],
  { template, preview, to, values }: Ready,
  errors: Readonly<Record<string, string>> = {},
): Answer {
  const { template_type: type } = template;
  const isSandbox = isTried(visit, type);
  const what = type === 'sms' ? 'text message' : 'email';
  const faults = Object.entries(errors).map(([field, text]) => ({
    text,
    href: field === 'to' ? '#to' : '#send',
  }));
  const hasNobody = !isSandbox && to === '';
  const fields = preview.placeholders.map((name, index) =>
    input({
      ...{ name: valueName(index), value: values[name] ?? '' },
      label: html`<span dir="auto">${name}</span>`,
      attributes: { dir: 'auto', autocomplete: 'off' },
    }),
  );
  const recipient = isSandbox
    ? input({
        ...{ name: 'to', value: to },
        label: type === 'sms' ? 'Phone number' : 'Email address',
        hint: visit.service.restricted
          ? 'Your service is in trial mode: you can send only to its team and its guest list.'
          : type === 'sms'
            ? 'Any number: nothing leaves the sandbox.'
            : 'Any address: nothing leaves the sandbox.',
        error: errors['to'] === undefined ? null : { text: errors['to'] },
        attributes: { autocomplete: 'off' },
      })
    : paragraph(html`It goes to you: <strong dir="auto">${to}</strong>. It is really sent.`);
  const main = html`${errorSummary(faults)}${heading(1, 'See a message arrive')}${paragraph(
    isSandbox
      ? `This ${what} is ready to be sent. It goes to the sandbox, a ${type === 'sms' ? 'phone' : 'mailbox'} on this page, and never leaves this installation.`
      : `This ${what} is ready to be sent to you.`,
  )}<div class="app-columns"><div>${
    hasNobody
      ? insetText(
          html`You have no mobile number. ${link('/account', 'Add one to your account')}, then come back.`,
        )
      : postForm(
          { action: visit.at('/try'), fields: visit.fields },
          html`<input type="hidden" name="template" value="${template.id}">`,
          recipient,
          fields.length === 0
            ? null
            : fieldset({
                legend: 'Values to fill in',
                legendClasses: 'govuk-fieldset__legend--m',
                content: html`${fields}`,
              }),
          html`<div class="app-actions">${button({ text: 'Send it', name: 'do', value: 'send', preventDoubleClick: true, attributes: { id: 'send' } })}${button({ text: 'Show it with these values', name: 'do', value: 'preview', classes: 'govuk-button--secondary' })}</div>`,
        )
  }${others(visit, templates, template)}</div><div>${heading(2, 'Ready to be sent')}${draft(type, preview)}</div></div>`;
  return page('See a message arrive', main, {
    ...{ wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
  });
}

function draft(type: Type, { subject, text }: Preview): Html {
  return type === 'sms'
    ? phone(text, null)
    : html`<div class="app-mail"><p class="govuk-body"><strong dir="auto">${subject ?? ''}</strong></p><p class="govuk-body app-plain-mail" dir="auto">${text}</p></div>`;
}

function others(
  { at }: ServiceVisit,
  templates: readonly ShortTemplate[],
  { id }: ShortTemplate,
): Html | null {
  const rest = templates.filter((one) => one.id !== id).slice(0, mostOffered);
  if (rest.length === 0) return null;
  return html`${heading(2, 'Try another template', 's')}<ul class="govuk-list">${rest.map(
    (one) =>
      html`<li>${link(at(`/try?template=${one.id}`), html`<span dir="auto">${one.name}</span>`)} (${one.template_type === 'sms' ? 'text message' : 'email'})</li>`,
  )}</ul>`;
}

/** The message on its way: the phone or mailbox, and its timeline as it grows. */
async function watch(visit: ServiceVisit, id: string): Promise<Answer> {
  const path = `/service/${visit.service.id}/notifications/${id}`;
  const [message, { timeline }] = await Promise.all([
    visit.api.get<Message>(path),
    visit.api.get<Timeline>(`${path}/timeline`),
  ]).catch((error: unknown) => {
    // Kept for less long than the address of the page.
    if (error instanceof NotFound) return [null, { timeline: [] as Timeline['timeline'] }] as const;
    throw error;
  });
  if (message === null) return redirect(visit.at('/try'));
  const type = message.notification_type;
  const explained = explain(message, timeline, visit.zone, visit.now);
  const arrived = timeline.some(({ event, outcome }) => event === 'attempt' && outcome === 'accepted');
  const isSandbox = isTried(visit, type);
  const place = type === 'sms' ? 'phone' : 'mailbox';
  const title = arrived
    ? isSandbox
      ? `It is on the sandbox’s ${place}`
      : 'It was handed over'
    : 'It is on its way';
  const said = `${title}. ${explained.sentence}`;
  const main = html`${heading(1, 'See a message arrive')}${visit.region(
    'arrival',
    html`${paragraph(html`<strong>${title}.</strong> ${explained.sentence}`, 'govuk-!-font-size-24')}<div class="app-columns"><div>${heading(2, isSandbox ? `The sandbox’s ${place}` : 'The message')}${
      arrived || !isSandbox
        ? contentOf(visit, message)
        : html`<div class="app-phone">${paragraph('Nothing has arrived yet.')}</div>`
    }</div><div>${heading(2, 'What happens')}${timelineList(timeline, type, visit.zone, explained.step)}</div></div>`,
    said,
  )}<noscript>${paragraph(link(visit.at(`/try?message=${id}`), 'Refresh'))}</noscript>${
    isSandbox && visit.site.sandboxUrl !== null
      ? paragraph(
          html`${link(visit.site.sandboxUrl, 'The sandbox’s own inbox')} has everything that was sent to it.`,
        )
      : null
  }${paragraph(html`${link(visit.at(`/messages/${id}`), 'Everything about this message')} · ${link(visit.at('/try'), 'Send another')}`)}${waysOn(visit, message)}`;
  return page('See a message arrive', main, { wide: true });
}

function waysOn(visit: ServiceVisit, { template, notification_type: type }: Message): Html {
  const { at, site, may } = visit;
  const recipient = type === 'sms' ? 'phone_number' : 'email_address';
  const to = type === 'sms' ? exampleNumber : 'somebody@example.com';
  const snippet = `curl ${site.apiUrl}/v2/notifications/${type} \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"template_id": "${template.id}", "${recipient}": "${to}", "personalisation": {}}'`;
  return html`${heading(2, 'Three ways on')}${heading(3, 'From your program')}${
    may('manage_api_keys')
      ? paragraph(
          html`${link(at('/developers/keys'), 'Make a key')}: its page shows this call with the key filled in, for seven languages.`,
        )
      : paragraph(html`It needs a key. ${link(at('/team'), 'Your team')} shows who can make one.`)
  }${copyable({ id: 'snippet', text: snippet, what: 'call' })}${heading(3, 'With your own words')}${paragraph(
    may('manage_templates')
      ? html`${link(at(`/templates/${template.id}/edit`), 'Change this template')}, or ${link(at('/templates/add'), 'write one')}.`
      : html`${link(at('/templates'), 'Choose another template')}.`,
  )}${heading(3, 'To many at once')}${paragraph(
    html`${link(at(`/templates/${template.id}/upload`), 'Upload a file of recipients')}: every row is checked before anything is sent.`,
  )}`;
}

export const tryPages = [tryOut];
