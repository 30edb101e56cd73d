import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, tag } from '../components/content.ts';
import { button, errorSummary, postForm, select } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { sendPath } from '../templates/send.ts';
import { phoneText } from '../words/phones.ts';
import { groupOf, groupTone, statusText } from '../words/statuses.ts';
import { timeOf } from '../words/times.ts';
import type { ReceivedText } from './received.ts';

/** One side of a conversation (spec 04, section 7.6). */
type Said = Readonly<{
  id: string;
  direction: 'received' | 'sent';
  content: string;
  created_at: string;
  status: string | null;
}>;

type Conversation = Readonly<{ data: readonly Said[]; links: Readonly<{ next: boolean }> }>;
type Template = Readonly<{ id: string; name: string; template_type: string }>;

const perPage = 50;

const apiPath = ({ service, params }: ServiceVisit) =>
  `/service/${service.id}/inbound-sms/${encodeURIComponent(params['text'] ?? '')}`;

async function show(visit: ServiceVisit, fault: string | null): Promise<Answer> {
  const { api, at, service, query, path } = visit;
  const olderThan = query.get('older_than');
  const older = olderThan ? `?older_than=${encodeURIComponent(olderThan)}` : '';
  const mayAnswer = visit.may('send_texts');
  const [text, { data }, templates] = await Promise.all([
    api.get<ReceivedText>(apiPath(visit)),
    api.get<Conversation>(`${apiPath(visit)}/conversation${older}`),
    mayAnswer
      ? api.getSoon<{ data: readonly Template[] }>(`/service/${service.id}/template?detailed=False`)
      : null,
  ]);
  const here = at(`/received/${text.id}`);
  const last = data.at(-1);
  const hasOlder = last !== undefined && data.length >= perPage;
  // Read from above, as people are used to.
  const said = data.toReversed().map((one) => sideOf(visit, one, one.id === text.id));
  const content = html`${
    hasOlder ? pagination({ previous: { href: `${here}?older_than=${last.id}`, text: 'Earlier' } }) : null
  }${said.length === 0 ? paragraph('There is nothing earlier.') : html`<div class="app-phone">${said}</div>`}${
    olderThan ? pagination({ next: { href: here, text: 'Latest' } }) : null
  }`;
  const main = html`${errorSummary(fault === null ? [] : [{ text: fault, href: '#template' }])}${heading(
    1,
    'A conversation',
  )}${paragraph(
    html`Between <bdi class="app-together">${phoneText(text.user_number)}</bdi> and this service’s number <bdi class="app-together">${phoneText(text.notify_number)}</bdi>. Older texts may have been deleted. ${link(`${path}${older}`, 'Refresh')}`,
  )}${visit.region('conversation', content)}${
    mayAnswer
      ? answerForm(visit, here, templates?.data ?? null, fault)
      : insetText('To answer, you need the permission “Send”.')
  }`;
  return page('A conversation', main, {
    back: { href: at('/received'), text: 'Received texts' },
    ...(fault !== null && { isError: true, status: 400 }),
  });
}

function sideOf({ at, zone }: ServiceVisit, one: Said, isThis: boolean): Html {
  const isSent = one.direction === 'sent';
  const status =
    one.status === null ? null : html` ${tag(statusText('sms', one.status), groupTone[groupOf(one.status)])}`;
  const who = isSent
    ? link(at(`/messages/${one.id}`), 'Sent')
    : html`${isThis ? 'This text, received' : 'Received'}`;
  return html`<section class="app-said${isSent ? ' app-said--sent' : ''}"><p class="govuk-body-s">${who} ${timeOf(one.created_at, zone)}${status}</p><div class="app-bubble" dir="auto">${one.content}</div></section>`;
}

function answerForm(
  { fields, at }: ServiceVisit,
  here: string,
  templates: readonly Template[] | null,
  fault: string | null,
): Html {
  if (templates === null) return insetText('Templates to answer with are not available at the moment.');
  const texts = templates.filter(({ template_type: type }) => type === 'sms');
  if (texts.length === 0)
    return insetText(html`There is no template to answer with. ${link(at('/templates'), 'Write one')}`);
  return html`${heading(2, 'Answer')}${postForm(
    { action: here, fields },
    select({
      name: 'template',
      label: 'Template',
      hint: 'You see what it says before it is sent.',
      error: fault === null ? null : { text: fault },
      items: [
        { value: '', text: 'Choose a template' },
        ...texts.map(({ id, name }) => ({ value: id, text: name })),
      ],
      attributes: { dir: 'auto' },
    }),
    button({ text: 'Continue', preventDoubleClick: true }),
  )}`;
}

export const conversation = servicePage('/received/:text', 'view_activity', {
  live: true,
  get: (visit) => show(visit, null),
  /** To the page that sends one message. */
  async post(visit, form) {
    const template = form.text('template');
    if (!/^[0-9a-f-]{36}$/.test(template)) return show(visit, 'Choose a template');
    const text = await visit.api.get<ReceivedText>(apiPath(visit));
    return redirect(sendPath(visit, template, text.user_number));
  },
});
